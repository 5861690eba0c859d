/* Two tables say which keys a resource server and a provider have; each key of the config file is
 * one of these rows, after the name has been split off. */
#include "backends/oauth2_settings.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/digits.h"
#include "base/memory.h"
#include "base/vec.h"

enum kind {
    KIND_TEXT,
    KIND_URL,
    KIND_FILE,
    KIND_BOOL,
    KIND_NUMBER,
    KIND_SYNTAX,
    KIND_VERIFY,   /* verify_peer or verify_none */
    KIND_HOSTNAME, /* wildcard, or none, which has no effect */
    KIND_PAIRS,    /* KEY.NAME */
    KIND_INDEXED,  /* KEY.INDEX; kept in the order of the indexes */
    /* KEY.SCOPE, or KEY.INDEX.alias and KEY.INDEX.scope, which oauth2_settings_finish() joins. */
    KIND_ALIASES,
    KIND_USELESS,
};

struct row {
    const char *key;
    enum kind kind;
    size_t offset;         /* of the value in its struct */
    const char *no_effect; /* of KIND_USELESS: why */
};

#define SERVER(member) offsetof(struct oauth2_resource_server, member)
static const struct row SERVER_ROWS[] = {
    {"resource_server_type", KIND_TEXT, SERVER(type)},
    {"scope_prefix", KIND_TEXT, SERVER(scope_prefix)},
    {"additional_scopes_key", KIND_TEXT, SERVER(additional_scopes_key)},
    {"scope_aliases", KIND_ALIASES, SERVER(aliases)},
    {"preferred_username_claims", KIND_INDEXED, SERVER(username_claims)},
    {"verify_aud", KIND_BOOL, SERVER(verifies_aud)},
    {"require_exp", KIND_BOOL, SERVER(requires_exp)},
    {"scope_pattern_syntax", KIND_SYNTAX, SERVER(syntax)},
    {NULL},
};
/* Of the root alone, and of the named alone. */
static const struct row ROOT_SERVER_ROWS[] = {
    {"resource_server_id", KIND_TEXT, SERVER(id)},
    {NULL},
};
static const struct row NAMED_SERVER_ROWS[] = {
    {"id", KIND_TEXT, SERVER(id)},
    {"oauth_provider_id", KIND_TEXT, SERVER(provider_name)},
    {NULL},
};

#define PROVIDER(member) offsetof(struct oauth2_provider_settings, member)
static const char NO_ENDPOINT[] = "the management page asks the provider's OpenID configuration "
                                  "for it; see management.oauth_token_url";
static const char NO_LOGOUT[] = "a logout of the management page ends no login at the provider";
static const char NO_CLIENT_CERTIFICATE[] = "it is a setting of servers, and here Leveret is the "
                                            "client";
static const char NO_CRL_CHECK[] = "Leveret does not fetch revocation lists for this connection";
static const struct row PROVIDER_ROWS[] = {
    {"issuer", KIND_URL, PROVIDER(issuer)},
    {"jwks_uri", KIND_URL, PROVIDER(jwks_uri)},
    {"verify_iss", KIND_BOOL, PROVIDER(verifies_iss)},
    {"discovery_endpoint_path", KIND_TEXT, PROVIDER(discovery_path)},
    {"discovery_endpoint_params", KIND_PAIRS, PROVIDER(discovery_params)},
    {"default_key", KIND_TEXT, PROVIDER(default_key)},
    {"algorithms", KIND_INDEXED, PROVIDER(algorithms)},
    {"signing_keys", KIND_PAIRS, PROVIDER(signing_keys)},
    {"https.cacertfile", KIND_FILE, PROVIDER(https.cacertfile)},
    {"https.verify", KIND_VERIFY, PROVIDER(https.verifies_peer)},
    {"https.peer_verification", KIND_VERIFY, PROVIDER(https.verifies_peer)},
    {"https.hostname_verification", KIND_HOSTNAME},
    {"https.depth", KIND_NUMBER, PROVIDER(https.depth)},
    {"https.crl_check", KIND_USELESS, 0, NO_CRL_CHECK},
    {"https.fail_if_no_peer_cert", KIND_USELESS, 0, NO_CLIENT_CERTIFICATE},
    {"token_endpoint", KIND_USELESS, 0, NO_ENDPOINT},
    {"authorization_endpoint", KIND_USELESS, 0, NO_ENDPOINT},
    {"end_session_endpoint", KIND_USELESS, 0, NO_LOGOUT},
    {NULL},
};
static const struct row ROOT_PROVIDER_ROWS[] = {
    {"jwks_url", KIND_URL, PROVIDER(jwks_uri)},
    {NULL},
};

/* --- Memory ----------------------------------------------------------------------------------- */

static void server_init(struct oauth2_resource_server *server, struct slice name)
{
    server->name = slice_strdup(name);
    server->verifies_aud = OAUTH2_UNSET;
    server->requires_exp = OAUTH2_UNSET;
    server->syntax = OAUTH2_UNSET;
}

static void provider_init(struct oauth2_provider_settings *provider, struct slice name)
{
    provider->name = slice_strdup(name);
    provider->https.verifies_peer = OAUTH2_UNSET;
    provider->https.depth = OAUTH2_UNSET;
    provider->verifies_iss = OAUTH2_UNSET;
}

struct oauth2_settings *oauth2_settings_create(void)
{
    struct oauth2_settings *settings = lv_calloc(1, sizeof *settings);
    atomic_init(&settings->references, 1);
    server_init(&settings->servers[settings->server_count++], SLICE_EMPTY);
    provider_init(&settings->providers[settings->provider_count++], SLICE_EMPTY);
    return settings;
}

static void pairs_free(struct oauth2_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].name);
        free(pairs->items[i].value);
    }
    free(pairs->items);
}

static void server_free(struct oauth2_resource_server *server)
{
    free(server->name);
    free(server->id);
    free(server->type);
    free(server->scope_prefix);
    free(server->additional_scopes_key);
    free(server->provider_name);
    pairs_free(&server->aliases);
    pairs_free(&server->username_claims);
}

static void provider_free(struct oauth2_provider_settings *provider)
{
    free(provider->name);
    free(provider->issuer);
    free(provider->jwks_uri);
    free(provider->discovery_path);
    free(provider->default_key);
    pairs_free(&provider->discovery_params);
    pairs_free(&provider->algorithms);
    pairs_free(&provider->signing_keys);
    free(provider->https.cacertfile);
}

static void settings_free(struct oauth2_settings *settings)
{
    for (size_t i = 0; i < settings->server_count; i++)
        server_free(&settings->servers[i]);
    for (size_t i = 0; i < settings->provider_count; i++)
        provider_free(&settings->providers[i]);
    free(settings->default_provider);
    free(settings);
}

struct oauth2_settings *oauth2_settings_ref(struct oauth2_settings *settings)
{
    atomic_fetch_add_explicit(&settings->references, 1, memory_order_relaxed);
    return settings;
}

void oauth2_settings_unref(struct oauth2_settings **settings)
{
    if (*settings &&
        atomic_fetch_sub_explicit(&(*settings)->references, 1, memory_order_acq_rel) == 1)
        settings_free(*settings);
    *settings = NULL;
}

/* --- Values ----------------------------------------------------------------------------------- */

static void text_set(char **text, struct slice value)
{
    free(*text);
    *text = slice_strdup(value);
}

static struct oauth2_pair *pairs_find(const struct oauth2_pairs *pairs, struct slice name)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (slice_is(name, pairs->items[i].name))
            return &pairs->items[i];
    }
    return NULL;
}

static void pairs_insert(struct oauth2_pairs *pairs, size_t at, struct slice name,
                         struct slice value)
{
    lv_vec_room(pairs->items, pairs->count, pairs->capacity);
    memmove(&pairs->items[at + 1], &pairs->items[at],
            (pairs->count - at) * sizeof pairs->items[at]);
    pairs->items[at] = (struct oauth2_pair){slice_strdup(name), slice_strdup(value)};
    pairs->count++;
}

static void pairs_set(struct oauth2_pairs *pairs, struct slice name, struct slice value)
{
    struct oauth2_pair *pair = pairs_find(pairs, name);
    if (pair)
        text_set(&pair->value, value);
    else
        pairs_insert(pairs, pairs->count, name, value);
}

/* Indexes are numbers as a rule, else they are in the order of their bytes. */
static int index_compare(struct slice a, struct slice b)
{
    struct slice rest_a = a, rest_b = b;
    uint64_t number_a, number_b;
    if (lv_digits_take(&rest_a, &number_a) && lv_digits_take(&rest_b, &number_b) && rest_a.n == 0 &&
        rest_b.n == 0)
        return (number_a > number_b) - (number_a < number_b);
    return slice_compare(a, b);
}

static void indexed_set(struct oauth2_pairs *pairs, struct slice index, struct slice value)
{
    size_t at = 0;
    while (at < pairs->count && index_compare(slice_str(pairs->items[at].name), index) < 0)
        at++;
    if (at < pairs->count && slice_is(index, pairs->items[at].name))
        text_set(&pairs->items[at].value, value);
    else
        pairs_insert(pairs, at, index, value);
}

bool oauth2_url_is_safe(const char *url)
{
    static const char *const beginnings[] = {"http://127.0.0.1", "http://localhost",
                                             "http://[::1]"};
    if (strncmp(url, "https://", strlen("https://")) == 0)
        return url[strlen("https://")] != '\0';
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        size_t n = strlen(beginnings[i]);
        if (strncmp(url, beginnings[i], n) == 0 &&
            (url[n] == '\0' || url[n] == ':' || url[n] == '/'))
            return strchr(url, '@') == NULL;
    }
    return false;
}

static bool words_parse(struct slice value, const char *no, const char *yes, int *ret,
                        struct lv_buffer *fault)
{
    if (slice_is(value, yes) || slice_is(value, no)) {
        *ret = slice_is(value, yes);
        return true;
    }
    lv_buffer_printf(fault, "%s or %s", yes, no);
    return false;
}

static bool number_parse(struct slice value, int max, int *ret, struct lv_buffer *fault)
{
    uint64_t number;
    if (!lv_digits_take(&value, &number) || value.n > 0 || number > (uint64_t)max) {
        lv_buffer_printf(fault, "a number from 0 to %d", max);
        return false;
    }
    *ret = (int)number;
    return true;
}

static enum oauth2_set_result hostname_set(struct slice value, struct lv_buffer *fault)
{
    int is_wildcard;
    if (!words_parse(value, "none", "wildcard", &is_wildcard, fault))
        return OAUTH2_SET_INVALID;
    if (is_wildcard)
        return OAUTH2_SET;
    lv_buffer_printf(fault, "the name in a certificate is always checked, and may have a wildcard");
    return OAUTH2_SET_USELESS;
}

/* Sets the value of the row in `object`; `rest` is what follows the row's key and a dot. */
static enum oauth2_set_result row_set(const struct row *row, void *object, struct slice rest,
                                      struct slice value, struct lv_buffer *fault)
{
    void *member = (char *)object + row->offset;
    bool is_valid = true;
    switch (row->kind) {
    case KIND_TEXT:
    case KIND_FILE: text_set(member, value); break;
    case KIND_URL:
        text_set(member, value);
        is_valid = oauth2_url_is_safe(*(char **)member);
        if (!is_valid)
            lv_buffer_printf(fault, "a URL that begins with https:// (or http://, if it "
                                    "is of this host: 127.0.0.1, localhost, [::1])");
        break;
    case KIND_BOOL: is_valid = words_parse(value, "false", "true", member, fault); break;
    case KIND_NUMBER: is_valid = number_parse(value, 100, member, fault); break;
    case KIND_SYNTAX: is_valid = words_parse(value, "wildcard", "regex", member, fault); break;
    case KIND_VERIFY:
        is_valid = words_parse(value, "verify_none", "verify_peer", member, fault);
        break;
    case KIND_HOSTNAME: return hostname_set(value, fault);
    case KIND_PAIRS:
    case KIND_ALIASES: pairs_set(member, rest, value); break;
    case KIND_INDEXED: indexed_set(member, rest, value); break;
    case KIND_USELESS:
        if (slice_is(value, "false"))
            break;
        lv_buffer_printf(fault, "%s", row->no_effect);
        return OAUTH2_SET_USELESS;
    }
    return is_valid ? OAUTH2_SET : OAUTH2_SET_INVALID;
}

/* --- Keys ------------------------------------------------------------------------------------- */

/* Returns the row of the key, or NULL; *ret_rest is what follows the row's key, if it is of the
 * kind that takes a name. */
static const struct row *row_find(const struct row *rows, struct slice key, struct slice *ret_rest)
{
    for (const struct row *row = rows; row->key; row++) {
        size_t n = strlen(row->key);
        bool takes_name =
            row->kind == KIND_PAIRS || row->kind == KIND_INDEXED || row->kind == KIND_ALIASES;
        if (!slice_begins(key, row->key) || (key.n == n) == takes_name)
            continue;
        if (takes_name && (key.p[n] != '.' || key.n == n + 1))
            continue;
        *ret_rest = takes_name ? slice_of(key.p + n + 1, key.n - n - 1) : SLICE_EMPTY;
        return row;
    }
    return NULL;
}

static enum oauth2_set_result rows_set(const struct row *common, const struct row *special,
                                       void *object, struct slice key, struct slice value,
                                       struct lv_buffer *fault)
{
    struct slice rest;
    const struct row *row = row_find(common, key, &rest);
    if (!row)
        row = row_find(special, key, &rest);
    return row ? row_set(row, object, rest, value, fault) : OAUTH2_SET_UNKNOWN;
}

static const struct row NO_ROWS[] = {{NULL}};

/* Splits "NAME.KEY" at the first dot. */
static bool name_take(struct slice *key, struct slice *ret_name)
{
    const uint8_t *dot = key->n > 0 ? memchr(key->p, '.', key->n) : NULL;
    if (!dot || dot == key->p)
        return false;
    *ret_name = slice_of(key->p, (size_t)(dot - key->p));
    *key = slice_of(dot + 1, key->n - ret_name->n - 1);
    return true;
}

static enum oauth2_set_result named_too_many(struct lv_buffer *fault, const char *what)
{
    lv_buffer_printf(fault, "at most %d %s", OAUTH2_NAMED_MAX, what);
    return OAUTH2_SET_INVALID;
}

static enum oauth2_set_result server_set(struct oauth2_settings *settings, struct slice key,
                                         struct slice value, struct lv_buffer *fault)
{
    struct slice name, rest;
    if (!name_take(&key, &name) ||
        (!row_find(SERVER_ROWS, key, &rest) && !row_find(NAMED_SERVER_ROWS, key, &rest)))
        return OAUTH2_SET_UNKNOWN;
    size_t i = 1;
    while (i < settings->server_count && !slice_is(name, settings->servers[i].name))
        i++;
    if (i > OAUTH2_NAMED_MAX)
        return named_too_many(fault, "resource servers");
    if (i == settings->server_count)
        server_init(&settings->servers[settings->server_count++], name);
    return rows_set(SERVER_ROWS, NAMED_SERVER_ROWS, &settings->servers[i], key, value, fault);
}

static enum oauth2_set_result provider_set(struct oauth2_settings *settings, struct slice key,
                                           struct slice value, struct lv_buffer *fault)
{
    struct slice name, rest;
    if (!name_take(&key, &name) || !row_find(PROVIDER_ROWS, key, &rest))
        return OAUTH2_SET_UNKNOWN;
    size_t i = 1;
    while (i < settings->provider_count && !slice_is(name, settings->providers[i].name))
        i++;
    if (i > OAUTH2_NAMED_MAX)
        return named_too_many(fault, "providers");
    if (i == settings->provider_count)
        provider_init(&settings->providers[settings->provider_count++], name);
    return rows_set(PROVIDER_ROWS, NO_ROWS, &settings->providers[i], key, value, fault);
}

enum oauth2_set_result oauth2_settings_set(struct oauth2_settings *settings, struct slice key,
                                           struct slice value, struct lv_buffer *fault)
{
    static const char servers[] = "resource_servers.";
    static const char providers[] = "oauth_providers.";
    if (slice_is(key, "default_oauth_provider")) {
        text_set(&settings->default_provider, value);
        return OAUTH2_SET;
    }
    if (slice_begins(key, servers)) {
        key = slice_of(key.p + strlen(servers), key.n - strlen(servers));
        return server_set(settings, key, value, fault);
    }
    if (slice_begins(key, providers)) {
        key = slice_of(key.p + strlen(providers), key.n - strlen(providers));
        return provider_set(settings, key, value, fault);
    }
    enum oauth2_set_result result =
        rows_set(SERVER_ROWS, ROOT_SERVER_ROWS, &settings->servers[0], key, value, fault);
    if (result == OAUTH2_SET_UNKNOWN)
        result =
            rows_set(PROVIDER_ROWS, ROOT_PROVIDER_ROWS, &settings->providers[0], key, value, fault);
    return result;
}
