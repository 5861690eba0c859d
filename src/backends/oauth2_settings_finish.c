/* What makes settings complete: defaults, what the named take from the root, and whether everything
 * that is named exists. */
#include <stdlib.h>

#include "backends/oauth2_settings.h"
#include "base/memory.h"
#include "base/vec.h"

enum { DEPTH_DEFAULT = 10 };

/* --- Resource servers ------------------------------------------------------------------------- */

static void text_default(char **text, const char *value)
{
    if (!*text && value)
        *text = lv_strdup(value);
}

static void number_default(int *number, int value)
{
    if (*number == OAUTH2_UNSET)
        *number = value;
}

static void pair_add(struct oauth2_pairs *pairs, const char *name, const char *value)
{
    lv_vec_room(pairs->items, pairs->count, pairs->capacity);
    pairs->items[pairs->count++] = (struct oauth2_pair){lv_strdup(name), lv_strdup(value)};
}

static void pairs_default(struct oauth2_pairs *pairs, const struct oauth2_pairs *from)
{
    if (pairs->count > 0)
        return;
    for (size_t i = 0; i < from->count; i++)
        pair_add(pairs, from->items[i].name, from->items[i].value);
}

static void pair_drop(struct oauth2_pairs *pairs, size_t at)
{
    free(pairs->items[at].name);
    free(pairs->items[at].value);
    pairs->count--;
    memmove(&pairs->items[at], &pairs->items[at + 1],
            (pairs->count - at) * sizeof pairs->items[at]);
}

static bool text_ends(const char *text, const char *end, size_t *ret_before)
{
    size_t n = strlen(text), end_n = strlen(end);
    if (n <= end_n || strcmp(text + n - end_n, end) != 0)
        return false;
    *ret_before = n - end_n;
    return true;
}

/* Returns the place of INDEX.END, given another name that begins with INDEX; or the count. */
static size_t half_find(const struct oauth2_pairs *pairs, const char *name, size_t index_n,
                        const char *end)
{
    size_t at = 0;
    size_t n;
    while (at < pairs->count && !(text_ends(pairs->items[at].name, end, &n) && n == index_n &&
                                  memcmp(pairs->items[at].name, name, n) == 0))
        at++;
    return at;
}

/* Joins the halves INDEX.alias and INDEX.scope. */
static bool aliases_join(struct oauth2_pairs *aliases, struct lv_buffer *fault)
{
    static const char alias[] = ".alias", scope[] = ".scope";
    size_t n;
    for (size_t i = 0; i < aliases->count;) {
        const char *name = aliases->items[i].name;
        const char *missing = text_ends(name, alias, &n)   ? scope
                              : text_ends(name, scope, &n) ? alias
                                                           : NULL;
        if (!missing) {
            i++;
            continue;
        }
        size_t other = half_find(aliases, name, n, missing);
        if (other == aliases->count) {
            lv_buffer_printf(fault, "auth_oauth2: scope_aliases.%s needs scope_aliases.%.*s%s",
                             name, (int)n, name, missing);
            return false;
        }
        size_t alias_at = missing == scope ? i : other;
        size_t scope_at = missing == scope ? other : i;
        pair_add(aliases, aliases->items[alias_at].value, aliases->items[scope_at].value);
        pair_drop(aliases, i > other ? i : other);
        pair_drop(aliases, i > other ? other : i);
    }
    return true;
}

/* Scopes begin with the id and a dot unless a prefix is set; "" is one. */
static void prefix_default(struct oauth2_resource_server *server)
{
    if (server->scope_prefix || !server->id)
        return;
    struct lv_buffer prefix = {0};
    lv_buffer_printf(&prefix, "%s.", server->id);
    server->scope_prefix = slice_strdup(lv_buffer_slice(&prefix));
    lv_buffer_free(&prefix);
}

static void root_server_finish(struct oauth2_resource_server *root)
{
    if (root->id && root->id[0] == '\0') {
        free(root->id);
        root->id = NULL;
    }
    number_default(&root->verifies_aud, true);
    number_default(&root->requires_exp, true);
    number_default(&root->syntax, OAUTH2_WILDCARD);
    pair_add(&root->username_claims, "", "sub");
    pair_add(&root->username_claims, "", "client_id");
}

/* To be called before the root has its own default prefix, which is not handed on. */
static void named_server_finish(struct oauth2_resource_server *server,
                                const struct oauth2_resource_server *root)
{
    text_default(&server->id, server->name);
    text_default(&server->type, root->type);
    text_default(&server->scope_prefix, root->scope_prefix);
    text_default(&server->additional_scopes_key, root->additional_scopes_key);
    pairs_default(&server->aliases, &root->aliases);
    if (server->username_claims.count > 0) {
        pair_add(&server->username_claims, "", "sub");
        pair_add(&server->username_claims, "", "client_id");
    }
    pairs_default(&server->username_claims, &root->username_claims);
    number_default(&server->verifies_aud, root->verifies_aud);
    number_default(&server->requires_exp, root->requires_exp);
    number_default(&server->syntax, root->syntax);
    prefix_default(server);
}

static bool servers_finish(struct oauth2_settings *settings, struct lv_buffer *fault)
{
    for (size_t i = 0; i < settings->server_count; i++) {
        if (!aliases_join(&settings->servers[i].aliases, fault))
            return false;
    }
    root_server_finish(&settings->servers[0]);
    for (size_t i = 1; i < settings->server_count; i++)
        named_server_finish(&settings->servers[i], &settings->servers[0]);
    prefix_default(&settings->servers[0]);
    if (settings->server_count == 1 && !settings->servers[0].id) {
        lv_buffer_printf(fault, "auth_oauth2.resource_server_id is not set: a token names in its "
                                "audience whom it is for");
        return false;
    }
    return true;
}

static bool ids_differ(const struct oauth2_settings *settings, struct lv_buffer *fault)
{
    for (size_t i = 0; i < settings->server_count; i++) {
        for (size_t j = i + 1; j < settings->server_count; j++) {
            const char *id = settings->servers[i].id;
            if (id && strcmp(id, settings->servers[j].id) == 0) {
                lv_buffer_printf(fault, "auth_oauth2: two resource servers have the id '%s'", id);
                return false;
            }
        }
    }
    return true;
}

/* --- Providers -------------------------------------------------------------------------------- */

static void providers_default(struct oauth2_settings *settings)
{
    for (size_t i = 0; i < settings->provider_count; i++) {
        struct oauth2_provider_settings *provider = &settings->providers[i];
        number_default(&provider->https.verifies_peer, true);
        number_default(&provider->https.depth, DEPTH_DEFAULT);
        number_default(&provider->verifies_iss, true);
    }
}

static bool provider_has_keys(const struct oauth2_provider_settings *provider)
{
    return provider->issuer || provider->jwks_uri || provider->signing_keys.count > 0;
}

static bool provider_find(const struct oauth2_settings *settings, const char *name, size_t *ret)
{
    for (size_t i = 1; i < settings->provider_count; i++) {
        if (strcmp(settings->providers[i].name, name) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

/* The root is the default, unless another is named, or it has nothing and there is one other. */
static bool provider_default_find(const struct oauth2_settings *settings, size_t *ret,
                                  struct lv_buffer *fault)
{
    const char *name = settings->default_provider;
    *ret = settings->provider_count == 2 && !provider_has_keys(&settings->providers[0]) ? 1 : 0;
    if (!name || provider_find(settings, name, ret))
        return true;
    lv_buffer_printf(fault,
                     "auth_oauth2.default_oauth_provider: there is no provider '%s' in "
                     "auth_oauth2.oauth_providers",
                     name);
    return false;
}

/* Writes a provider's key as it is in the config file. */
static void provider_key_print(const struct oauth2_provider_settings *provider, const char *key,
                               struct lv_buffer *out)
{
    if (provider->name[0])
        lv_buffer_printf(out, "auth_oauth2.oauth_providers.%s.%s", provider->name, key);
    else
        lv_buffer_printf(out, "auth_oauth2.%s", key);
}

static bool server_provider_find(struct oauth2_settings *settings,
                                 struct oauth2_resource_server *server, size_t by_default,
                                 struct lv_buffer *fault)
{
    server->provider = by_default;
    if (server->provider_name &&
        !provider_find(settings, server->provider_name, &server->provider)) {
        lv_buffer_printf(fault,
                         "auth_oauth2.resource_servers.%s.oauth_provider_id: there is no provider "
                         "'%s' in auth_oauth2.oauth_providers",
                         server->name, server->provider_name);
        return false;
    }
    const struct oauth2_provider_settings *provider = &settings->providers[server->provider];
    if (server->id && !provider_has_keys(provider)) {
        provider_key_print(provider, "issuer", fault);
        lv_buffer_printf(fault, ", jwks_uri or signing_keys must be set: without keys no token can "
                                "be verified");
        return false;
    }
    return true;
}

static bool servers_find_providers(struct oauth2_settings *settings, struct lv_buffer *fault)
{
    size_t by_default;
    if (!provider_default_find(settings, &by_default, fault))
        return false;
    for (size_t i = 0; i < settings->server_count; i++) {
        if (!server_provider_find(settings, &settings->servers[i], by_default, fault))
            return false;
    }
    return true;
}

static bool algorithm_exists(const char *name)
{
    static const char *const names[] = {
#define ALGORITHM_NAME(name, type, curve) #name,
        OAUTH2_ALGORITHMS(ALGORITHM_NAME)
#undef ALGORITHM_NAME
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static bool algorithms_exist(const struct oauth2_settings *settings, struct lv_buffer *fault)
{
    for (size_t i = 0; i < settings->provider_count; i++) {
        const struct oauth2_provider_settings *provider = &settings->providers[i];
        for (size_t j = 0; j < provider->algorithms.count; j++) {
            const char *name = provider->algorithms.items[j].value;
            if (!algorithm_exists(name)) {
                provider_key_print(provider, "algorithms", fault);
                lv_buffer_printf(fault, ": Leveret does not know the algorithm '%s'", name);
                return false;
            }
        }
    }
    return true;
}

/* A default key that is in no file must at least be fetched. */
static bool default_keys_exist(const struct oauth2_settings *settings, struct lv_buffer *fault)
{
    for (size_t i = 0; i < settings->provider_count; i++) {
        const struct oauth2_provider_settings *provider = &settings->providers[i];
        bool exists = !provider->default_key || provider->issuer || provider->jwks_uri;
        for (size_t j = 0; !exists && j < provider->signing_keys.count; j++)
            exists = strcmp(provider->signing_keys.items[j].name, provider->default_key) == 0;
        if (!exists) {
            provider_key_print(provider, "default_key", fault);
            lv_buffer_printf(fault, ": there is no signing key '%s'", provider->default_key);
            return false;
        }
    }
    return true;
}

bool oauth2_settings_finish(struct oauth2_settings *settings, struct lv_buffer *fault)
{
    providers_default(settings);
    return servers_finish(settings, fault) && ids_differ(settings, fault) &&
           servers_find_providers(settings, fault) && algorithms_exist(settings, fault) &&
           default_keys_exist(settings, fault);
}
