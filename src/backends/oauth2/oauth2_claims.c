#include "backends/oauth2/oauth2_claims.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backends/oauth2/oauth2_details.h"
#include "backends/oauth2/oauth2_texts.h"

/* --- The audience ----------------------------------------------------------------------------- */

struct audience {
    const struct oauth2_settings *settings;
    const struct oauth2_resource_server *found;
    bool is_ambiguous;
};

static void audience_visit(void *arg, struct slice text)
{
    struct audience *audience = arg;
    for (size_t i = 0; i < audience->settings->server_count; i++) {
        const struct oauth2_resource_server *server = &audience->settings->servers[i];
        if (!server->id || !slice_is(text, server->id))
            continue;
        audience->is_ambiguous |= audience->found && audience->found != server;
        audience->found = server;
    }
}

/* Returns the only resource server that does not verify the audience, or NULL. */
static const struct oauth2_resource_server *
server_for_any_audience(const struct oauth2_settings *settings)
{
    const struct oauth2_resource_server *found = NULL;
    for (size_t i = 0; i < settings->server_count; i++) {
        const struct oauth2_resource_server *server = &settings->servers[i];
        if (!server->id || server->verifies_aud)
            continue;
        if (found)
            return NULL;
        found = server;
    }
    return found;
}

const struct oauth2_resource_server *oauth2_claims_server(const struct oauth2_settings *settings,
                                                          const json_t *claims,
                                                          struct lv_buffer *reason)
{
    struct audience audience = {.settings = settings};
    const json_t *aud = json_object_get(claims, "aud");
    oauth2_texts_each(aud, audience_visit, &audience);
    if (audience.is_ambiguous) {
        lv_buffer_printf(reason, "its audience names several resource servers");
        return NULL;
    }
    if (!audience.found)
        audience.found = server_for_any_audience(settings);
    if (!audience.found)
        lv_buffer_printf(reason, aud ? "its audience (aud) does not name the resource server"
                                     : "it has no audience (aud)");
    return audience.found;
}

/* --- Times and the issuer --------------------------------------------------------------------- */

/* A later time is taken for this one: 9999-12-31. */
#define TIME_MAX_S 253402300799.0

/* Reads a time in seconds since 1970, which may have a fraction. Returns false if it is none. */
static bool time_read(const json_t *claim, uint64_t *ret_s)
{
    if (!json_is_number(claim))
        return false;
    double s = json_number_value(claim);
    if (isnan(s))
        return false;
    *ret_s = s <= 0 ? 0 : (uint64_t)fmin(s, TIME_MAX_S);
    return true;
}

static bool expiry_check(const struct oauth2_resource_server *server, const json_t *exp,
                         uint64_t now_s, uint64_t *ret_s, struct lv_buffer *reason)
{
    if (!exp) {
        *ret_s = 0;
        if (server->requires_exp)
            lv_buffer_printf(reason, "it has no exp, so it would never expire (see "
                                     "auth_oauth2.require_exp)");
        return !server->requires_exp;
    }
    if (!time_read(exp, ret_s)) {
        lv_buffer_printf(reason, "its exp is not a number");
        return false;
    }
    if (*ret_s <= now_s) {
        lv_buffer_printf(reason, "it expired at %llu, and it is %llu (seconds since 1970)",
                         (unsigned long long)*ret_s, (unsigned long long)now_s);
        return false;
    }
    return true;
}

static bool nbf_check(const json_t *nbf, uint64_t now_s, struct lv_buffer *reason)
{
    uint64_t s = 0;
    if (nbf && !time_read(nbf, &s)) {
        lv_buffer_printf(reason, "its nbf is not a number");
        return false;
    }
    if (s > now_s + OAUTH2_NBF_LEEWAY_S) {
        lv_buffer_printf(reason, "it is not valid before %llu, and it is %llu (seconds since 1970)",
                         (unsigned long long)s, (unsigned long long)now_s);
        return false;
    }
    return true;
}

static struct slice slash_drop(struct slice text)
{
    return text.n > 0 && text.p[text.n - 1] == '/' ? slice_of(text.p, text.n - 1) : text;
}

bool oauth2_claims_issuer_is(const struct oauth2_provider_settings *provider, const json_t *iss,
                             struct lv_buffer *reason)
{
    if (!iss || !provider->issuer || !provider->verifies_iss)
        return true;
    if (json_is_string(iss) &&
        slice_equal(slash_drop(oauth2_text_of(iss)), slash_drop(slice_str(provider->issuer))))
        return true;
    lv_buffer_printf(reason, "its issuer is '%.200s' and not '%s' (see auth_oauth2.verify_iss)",
                     json_is_string(iss) ? json_string_value(iss) : "?", provider->issuer);
    return false;
}

bool oauth2_claims_check(const struct oauth2_resource_server *server,
                         const struct oauth2_provider_settings *provider, const json_t *claims,
                         uint64_t now_s, uint64_t *ret_expires_at_s, struct lv_buffer *reason)
{
    uint64_t expires_at_s;
    if (!expiry_check(server, json_object_get(claims, "exp"), now_s, &expires_at_s, reason) ||
        !nbf_check(json_object_get(claims, "nbf"), now_s, reason) ||
        !oauth2_claims_issuer_is(provider, json_object_get(claims, "iss"), reason))
        return false;
    *ret_expires_at_s = expires_at_s;
    return true;
}

/* --- The user --------------------------------------------------------------------------------- */

bool oauth2_claims_user(const struct oauth2_resource_server *server, const json_t *claims,
                        struct slice *ret, struct lv_buffer *reason)
{
    struct slice name = slice_str("unknown");
    for (size_t i = 0; i < server->username_claims.count; i++) {
        const json_t *claim = json_object_get(claims, server->username_claims.items[i].value);
        if (json_is_string(claim) && json_string_length(claim) > 0) {
            name = oauth2_text_of(claim);
            break;
        }
    }
    if (name.n > OAUTH2_USER_BYTES_MAX) {
        lv_buffer_printf(reason, "the user's name in it is longer than %d bytes",
                         OAUTH2_USER_BYTES_MAX);
        return false;
    }
    *ret = name;
    return true;
}

/* --- Scopes ----------------------------------------------------------------------------------- */

struct collection {
    const struct oauth2_resource_server *server;
    const json_t *claims;
    struct oauth2_scopes *scopes;
    size_t count;
    bool is_full;
};

/* Collects a scope that is without a prefix. */
static void bare_collect(void *arg, struct slice scope)
{
    struct collection *collection = arg;
    if (!collection->is_full)
        collection->is_full = ++collection->count > OAUTH2_SCOPES_MAX ||
                              oauth2_scopes_add(collection->scopes, scope, collection->claims) != 0;
}

static void scope_collect(void *arg, struct slice scope)
{
    struct collection *collection = arg;
    struct slice prefix = slice_str(collection->server->scope_prefix);
    if (scope.n >= prefix.n && slice_equal(slice_of(scope.p, prefix.n), prefix))
        bare_collect(collection, slice_of(scope.p + prefix.n, scope.n - prefix.n));
}

/* Collects a scope, and those that it is an alias of. */
static void scope_collect_with_aliases(void *arg, struct slice scope)
{
    struct collection *collection = arg;
    const struct oauth2_pairs *aliases = &collection->server->aliases;
    scope_collect(collection, scope);
    for (size_t i = 0; i < aliases->count; i++) {
        if (slice_is(scope, aliases->items[i].name))
            oauth2_parts_each(slice_str(aliases->items[i].value), ' ', scope_collect, collection);
    }
}

/* Collects "ID.TEXT": what is listed under the resource server's id lacks it. */
static void scope_collect_with_id(void *arg, struct slice text)
{
    struct collection *collection = arg;
    struct lv_buffer scope = {0};
    lv_buffer_printf(&scope, "%s.", collection->server->id);
    lv_buffer_add_slice(&scope, text);
    scope_collect_with_aliases(collection, lv_buffer_slice(&scope));
    lv_buffer_free(&scope);
}

/* Collects what a claim holds: a text of scopes, a list of them, or an object that has such lists
 * by the ids of resource servers. */
static void value_collect(struct collection *collection, const json_t *value)
{
    if (json_is_object(value))
        oauth2_texts_each(json_object_get(value, collection->server->id), scope_collect_with_id,
                          collection);
    else
        oauth2_texts_each(value, scope_collect_with_aliases, collection);
}

/* Follows a path of names between dots through objects, and through all objects of lists. */
static void path_collect(struct collection *collection, const json_t *json, struct slice path)
{
    while (path.n > 0 && path.p[0] == '.')
        path = slice_of(path.p + 1, path.n - 1);
    if (path.n == 0) {
        value_collect(collection, json);
        return;
    }
    for (size_t i = 0; i < json_array_size(json); i++) {
        if (json_is_object(json_array_get(json, i)))
            path_collect(collection, json_array_get(json, i), path);
    }
    const uint8_t *dot = memchr(path.p, '.', path.n);
    size_t n = dot ? (size_t)(dot - path.p) : path.n;
    char *name = slice_strdup(slice_of(path.p, n));
    const json_t *member = json_object_get(json, name);
    free(name);
    if (member)
        path_collect(collection, member, slice_of(path.p + n, path.n - n));
}

static void claim_path_collect(void *arg, struct slice path)
{
    struct collection *collection = arg;
    path_collect(collection, collection->claims, path);
}

struct oauth2_scopes *oauth2_claims_scopes(const struct oauth2_resource_server *server,
                                           const json_t *claims, struct lv_buffer *reason)
{
    struct collection collection = {server, claims, NULL, 0, false};
    collection.scopes = oauth2_scopes_create((enum oauth2_pattern_syntax)server->syntax);
    oauth2_texts_each(json_object_get(claims, "scope"), scope_collect_with_aliases, &collection);
    /* Keycloak and others list permissions in "requesting party tokens". */
    claim_path_collect(&collection, slice_str("authorization.permissions.scopes"));
    if (server->additional_scopes_key)
        oauth2_parts_each(slice_str(server->additional_scopes_key), ' ', claim_path_collect,
                          &collection);
    if (server->type)
        oauth2_details_each(server, json_object_get(claims, "authorization_details"), bare_collect,
                            &collection);
    if (collection.is_full) {
        lv_buffer_printf(reason, "it has too many scopes");
        oauth2_scopes_free(&collection.scopes);
    }
    return collection.scopes;
}
