/* Decides by a token: it is read, its resource server found, its signature verified with the
 * keys of the server's provider, and only then its claims are relied on. What its scopes allow
 * is kept with the login, so later questions need nobody. */
#include "backends/oauth2.h"

#include <stdlib.h>

#include "backends/oauth2/oauth2_claims.h"
#include "backends/oauth2/oauth2_provider.h"
#include "backends/oauth2/oauth2_token.h"
#include "base/clock.h"
#include "base/memory.h"

/* Calls at a time; half of them may wait for keys of tokens that name one that is not known. */
enum { THREADS_MAX = 4, WAITING_MAX = THREADS_MAX / 2 };

struct auth_oauth2 {
    struct auth_backend backend;
    struct oauth2_settings *settings; /* a reference */
    /* By their index in the settings; NULL: no resource server has this provider. */
    struct oauth2_provider *providers[1 + OAUTH2_NAMED_MAX];
};

/* What a login leaves with its identity. */
struct login {
    struct oauth2_scopes *scopes;
    uint64_t expires_at_s; /* 0: never */
};

static uint64_t now_s(void)
{
    return clock_wall_ms() / 1000;
}

/* --- Logging in ------------------------------------------------------------------------------- */

static enum auth_answer found_fill(const struct oauth2_resource_server *server,
                                   const struct oauth2_token *token, uint64_t expires_at_s,
                                   struct auth_found *ret, struct lv_buffer *reason)
{
    struct slice user;
    if (!oauth2_claims_user(server, token->payload, &user, reason))
        return AUTH_REFUSED;
    struct oauth2_scopes *scopes = oauth2_claims_scopes(server, token->payload, reason);
    if (!scopes)
        return AUTH_REFUSED;
    struct login *login = lv_malloc(sizeof *login);
    *login = (struct login){scopes, expires_at_s};
    struct auth_found found = {.expires_at_s = expires_at_s, .data = login};
    lv_buffer_add_slice(&found.name, user);
    lv_buffer_add_slice(&found.tags, oauth2_scopes_tags(scopes));
    *ret = found;
    return AUTH_ALLOWED;
}

static enum auth_answer token_check(struct auth_oauth2 *oauth2, const struct oauth2_token *token,
                                    struct auth_found *ret, struct lv_buffer *reason)
{
    const struct oauth2_resource_server *server =
        oauth2_claims_server(oauth2->settings, token->payload, reason);
    if (!server)
        return AUTH_REFUSED;
    enum auth_answer answer =
        oauth2_provider_verify(oauth2->providers[server->provider], token, reason);
    if (answer != AUTH_ALLOWED)
        return answer;
    uint64_t expires_at_s;
    if (!oauth2_claims_check(server, &oauth2->settings->providers[server->provider], token->payload,
                             now_s(), &expires_at_s, reason))
        return AUTH_REFUSED;
    return found_fill(server, token, expires_at_s, ret, reason);
}

static enum auth_answer text_check(struct auth_oauth2 *oauth2, struct slice text,
                                   struct auth_found *ret, struct lv_buffer *reason)
{
    struct oauth2_token token;
    if (oauth2_token_parse(text, &token, reason) != 0)
        return AUTH_REFUSED;
    enum auth_answer answer = token_check(oauth2, &token, ret, reason);
    oauth2_token_free(&token);
    return answer;
}

static enum auth_answer log_in(struct auth_backend *backend,
                               const struct auth_credentials *credentials, struct auth_found *ret,
                               struct lv_buffer *reason)
{
    if (!credentials->has_password) {
        lv_buffer_printf(reason, "the backend oauth2 knows users only by their tokens");
        return AUTH_REFUSED;
    }
    struct lv_buffer why = {0};
    enum auth_answer answer =
        text_check((struct auth_oauth2 *)backend, credentials->password, ret, &why);
    if (answer != AUTH_ALLOWED)
        lv_buffer_printf(reason, "the token is refused: %.*s", SLICE_ARG(lv_buffer_slice(&why)));
    lv_buffer_free(&why);
    return answer;
}

/* --- Questions -------------------------------------------------------------------------------- */

static bool scopes_allow(const struct oauth2_scopes *scopes, const struct auth_question *question)
{
    switch (question->resource) {
    case AUTH_VHOST: return oauth2_scopes_allow_vhost(scopes, question->vhost);
    case AUTH_QUEUE:
    case AUTH_EXCHANGE:
        return oauth2_scopes_allow(scopes, question->action, question->vhost, question->name);
    case AUTH_TOPIC:
        return oauth2_scopes_allow_topic(scopes, question->action, question->vhost, question->name,
                                         question->routing_key);
    }
    return false;
}

static enum auth_answer may(struct auth_backend *backend, const struct auth_question *question,
                            struct lv_buffer *reason)
{
    (void)backend;
    const struct login *login = question->data;
    if (!login)
        return AUTH_REFUSED;
    if (login->expires_at_s != 0 && login->expires_at_s <= now_s()) {
        lv_buffer_printf(reason, "the token has expired");
        return AUTH_REFUSED;
    }
    return scopes_allow(login->scopes, question) ? AUTH_ALLOWED : AUTH_REFUSED;
}

static void forget(struct auth_backend *backend, void *data)
{
    (void)backend;
    struct login *login = data;
    if (login)
        oauth2_scopes_free(&login->scopes);
    free(login);
}

/* --- Opening and freeing ---------------------------------------------------------------------- */

/* A reload must not lock out users whose tokens could be verified before, if the provider cannot
 * be asked just then. */
static void inherit(struct auth_backend *backend, struct auth_backend *earlier)
{
    struct auth_oauth2 *to = (struct auth_oauth2 *)backend, *from = (struct auth_oauth2 *)earlier;
    for (size_t i = 0; i < to->settings->provider_count; i++) {
        for (size_t k = 0; to->providers[i] && k < from->settings->provider_count; k++)
            if (from->providers[k])
                oauth2_provider_inherit(to->providers[i], from->providers[k]);
    }
}

static void oauth2_free(struct auth_backend *backend)
{
    struct auth_oauth2 *oauth2 = (struct auth_oauth2 *)backend;
    for (size_t i = 0; i < oauth2->settings->provider_count; i++)
        oauth2_provider_free(&oauth2->providers[i]);
    oauth2_settings_unref(&oauth2->settings);
    free(oauth2);
}

static void oauth2_begin(struct auth_backend *backend)
{
    struct auth_oauth2 *oauth2 = (struct auth_oauth2 *)backend;
    for (size_t i = 0; i < oauth2->settings->provider_count; i++)
        if (oauth2->providers[i])
            oauth2_provider_begin(oauth2->providers[i]);
}

static const struct auth_backend_calls calls = {
    .log_in = log_in,
    .may = may,
    .inherit = inherit,
    .begin = oauth2_begin,
    .forget = forget,
    .free = oauth2_free,
};

static int provider_open(struct auth_oauth2 *oauth2, size_t i, struct lv_buffer *reason)
{
    if (oauth2->providers[i])
        return 0;
    return oauth2_provider_create(&oauth2->settings->providers[i], WAITING_MAX,
                                  &oauth2->providers[i], reason);
}

int auth_oauth2_open(const struct auth_oauth2_settings *settings, struct auth_backend **ret,
                     struct lv_buffer *reason)
{
    struct auth_oauth2 *oauth2 = lv_calloc(1, sizeof *oauth2);
    oauth2->backend = (struct auth_backend){&calls, "oauth2", THREADS_MAX};
    oauth2->settings = oauth2_settings_ref(settings->shared);
    int err = 0;
    for (size_t i = 0; i < oauth2->settings->server_count && !err; i++) {
        if (oauth2->settings->servers[i].id)
            err = provider_open(oauth2, oauth2->settings->servers[i].provider, reason);
    }
    if (err)
        oauth2_free(&oauth2->backend);
    else
        *ret = &oauth2->backend;
    return err;
}
