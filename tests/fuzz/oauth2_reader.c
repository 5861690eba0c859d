#include "fuzz/oauth2_reader.h"

#include "backends/oauth2/oauth2_claims.h"
#include "base/assert.h"

/* The resource servers differ in what they read of a token. */
static const struct oauth2_settings *settings_get(void)
{
    static struct oauth2_settings *settings;
    static const char *const pairs[][2] = {
        {"resource_server_id", "a"},
        {"signing_keys.x", "x.pem"},
        {"additional_scopes_key", "extra x.y.z"},
        {"scope_aliases.dev", "a.read:*/* a.write:{sub}/*"},
        {"issuer", "https://idp"},
        {"resource_servers.b.scope_pattern_syntax", "regex"},
        {"resource_servers.b.resource_server_type", "t"},
        {"resource_servers.b.scope_prefix", ""},
        {"resource_servers.b.verify_aud", "false"},
        {"resource_servers.b.require_exp", "false"},
    };
    struct lv_buffer fault = {0};
    if (settings)
        return settings;
    settings = oauth2_settings_create();
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        lv_assert(oauth2_settings_set(settings, slice_str(pairs[i][0]), slice_str(pairs[i][1]),
                                      &fault) == OAUTH2_SET);
    lv_assert(oauth2_settings_finish(settings, &fault));
    return settings;
}

static void scopes_ask(const struct oauth2_scopes *scopes)
{
    const struct slice vhost = slice_str("/");
    const struct slice name = slice_str("orders.new");
    bool may_enter = oauth2_scopes_allow_vhost(scopes, vhost);
    for (int action = AUTH_CONFIGURE; action <= AUTH_READ; action++) {
        bool allows = oauth2_scopes_allow(scopes, (enum auth_action)action, vhost, name);
        bool allows_topic =
            oauth2_scopes_allow_topic(scopes, (enum auth_action)action, vhost, name, name);
        lv_assert(may_enter || !allows);
        lv_assert(allows || !allows_topic);
    }
}

void oauth2_claims_read(const json_t *claims)
{
    const struct oauth2_settings *settings = settings_get();
    struct lv_buffer reason = {0};
    uint64_t expires_at_s;
    struct slice user;
    const struct oauth2_resource_server *server = oauth2_claims_server(settings, claims, &reason);
    if (server) {
        const struct oauth2_provider_settings *provider = &settings->providers[server->provider];
        if (oauth2_claims_check(server, provider, claims, 1000, &expires_at_s, &reason))
            lv_assert(expires_at_s == 0 || expires_at_s > 1000);
        if (oauth2_claims_user(server, claims, &user, &reason))
            lv_assert(user.n > 0 && user.n <= OAUTH2_USER_BYTES_MAX);
        struct oauth2_scopes *scopes = oauth2_claims_scopes(server, claims, &reason);
        if (scopes)
            scopes_ask(scopes);
        oauth2_scopes_free(&scopes);
    }
    lv_buffer_free(&reason);
}
