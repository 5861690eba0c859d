/* RabbitMQ's advanced.config: [{Section, [{Key, Value}, ...]}, ...]. Its settings become the lines
 * of rabbitmq.conf that say the same, so they are checked, reported and shown like others.
 *
 * To read another section, add a row to `sections` and a table of its keys. */
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/erlang_term.h"
#include "base/error.h"
#include "leveretd/config_lines.h"
#include "leveretd/config_private.h"

struct reader {
    struct config_lines *lines;
    struct location location;
};

/* A key of a section, and how its value is written in rabbitmq.conf. */
struct advanced_key {
    const char *name;
    const char *key; /* in rabbitmq.conf, behind the section's prefix; NULL: the same */
    int (*read)(struct reader *r, const char *key, const struct erlang_term *value);
};

struct section {
    const char *name;
    const char *prefix;
    const struct advanced_key *keys; /* up to one without a name */
};

static int read_key(struct reader *r, const char *prefix, const struct advanced_key *keys,
                    const struct erlang_term *setting);

/* --- Values ----------------------------------------------------------------------------------- */

static int refuse(struct reader *r, const struct erlang_term *term, const char *key,
                  const char *expected)
{
    r->location.line = (int)term->line;
    config_tell(&r->location, LOG_ERROR, "column %u: invalid value for %s: expected %s",
                term->column, key, expected);
    return ERR_INVALID;
}

static void add(struct reader *r, const char *key, struct slice value,
                const struct erlang_term *term)
{
    r->location.line = (int)term->line;
    config_lines_add(r->lines, slice_str(key), value, &r->location);
    r->lines->items[r->lines->count - 1].state = LINE_RESOLVED; /* $(...) has no meaning here */
}

/* {encrypted, <<"BASE64">>} becomes encrypted:BASE64. Returns false if it is another term. */
static bool read_encrypted(struct reader *r, const char *key, const struct erlang_term *value)
{
    struct slice base64;
    if (!erlang_is_tuple(value, 2) || !erlang_is_atom(&value->items[0], "encrypted") ||
        !erlang_text(&value->items[1], &base64))
        return false;
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "encrypted:%.*s", SLICE_ARG(base64));
    add(r, key, lv_buffer_slice(&text), value);
    lv_buffer_free(&text);
    return true;
}

/* An atom, a string, a binary or a number; any of them may be encrypted. */
static int read_scalar(struct reader *r, const char *key, const struct erlang_term *value)
{
    struct slice text = value->text;
    if (read_encrypted(r, key, value))
        return 0;
    if (value->type == ERLANG_INTEGER || value->type == ERLANG_FLOAT)
        text = value->source;
    else if (value->type != ERLANG_ATOM && !erlang_text(value, &text))
        return refuse(r, value, key, "an atom, a string, a binary or a number");
    if (text.n > 0 && memchr(text.p, '\0', text.n))
        return refuse(r, value, key, "text without a NUL");
    add(r, key, text, value);
    return 0;
}

/* ["a", "b"] becomes KEY.1 = a and KEY.2 = b. */
static int read_list(struct reader *r, const char *key, const struct erlang_term *value)
{
    int err = 0;
    if (!erlang_is_list(value))
        return refuse(r, value, key, "a list");
    for (size_t i = 0; i < value->count; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s.%zu", key, i + 1);
        if (read_scalar(r, name, &value->items[i]) < 0)
            err = ERR_INVALID;
    }
    return err;
}

/* as_user, anon, or {Name, Password}. */
static int read_bind(struct reader *r, const char *key, const struct erlang_term *value)
{
    char name[128];
    if (value->type == ERLANG_ATOM)
        return read_scalar(r, key, value);
    if (!erlang_is_tuple(value, 2))
        return refuse(r, value, key, "as_user, anon or {\"NAME\", \"PASSWORD\"}");
    snprintf(name, sizeof name, "%s.user_dn", key);
    int err = read_scalar(r, name, &value->items[0]);
    snprintf(name, sizeof name, "%s.password", key);
    return read_scalar(r, name, &value->items[1]) < 0 ? ERR_INVALID : err;
}

/* A query stays as it is written. */
static int read_term(struct reader *r, const char *key, const struct erlang_term *value)
{
    if (memchr(value->source.p, '\0', value->source.n))
        return refuse(r, value, key, "text without a NUL");
    add(r, key, value->source, value);
    return 0;
}

static const struct advanced_key tls_keys[] = {
    {"versions", NULL, read_list},
    {"ciphers", NULL, read_list},
    {"server_name_indication", "sni", read_scalar},
    {NULL, NULL, read_scalar}, /* any other */
};

/* [{KEY, VALUE}, ...] */
static int read_options(struct reader *r, const char *key, const struct advanced_key *keys,
                        const struct erlang_term *value)
{
    char prefix[128];
    int err = 0;
    if (!erlang_is_list(value))
        return refuse(r, value, key, "a list: [{KEY, VALUE}, ...]");
    snprintf(prefix, sizeof prefix, "%s.", key);
    for (size_t i = 0; i < value->count; i++)
        if (read_key(r, prefix, keys, &value->items[i]) < 0)
            err = ERR_INVALID;
    return err;
}

static int read_tls(struct reader *r, const char *key, const struct erlang_term *value)
{
    return read_options(r, key, tls_keys, value);
}

/* --- The broker's own ------------------------------------------------------------------------- */

/* A key of the broker that rabbitmq.conf has as it is, or that has no effect. */
static int read_other(struct reader *r, const char *key, const struct erlang_term *value)
{
    struct slice text;
    bool is_scalar =
        value->type != ERLANG_TUPLE && value->type != ERLANG_LIST && value->type != ERLANG_MAP;
    if (is_scalar || erlang_text(value, &text))
        return read_scalar(r, key, value);
    if (read_encrypted(r, key, value))
        return 0;
    r->location.line = (int)value->line;
    config_tell(&r->location, LOG_WARNING,
                "%s has no effect: set the keys of rabbitmq.conf instead", key);
    return 0;
}

/* Like read_list(); the list replaces what rabbitmq.conf sets. */
static int read_whole_list(struct reader *r, const char *key, const struct erlang_term *value)
{
    if (config_key_is_family(key))
        add(r, key, slice_str("none"), value);
    return read_list(r, key, value);
}

/* 5672 or {"127.0.0.1", 5672} */
static int read_listener(struct reader *r, const char *key, const struct erlang_term *value)
{
    struct slice address;
    if (!erlang_is_tuple(value, 2))
        return read_scalar(r, key, value);
    if (!erlang_text(&value->items[0], &address) || value->items[1].type != ERLANG_INTEGER)
        return refuse(r, value, key, "PORT or {\"ADDRESS\", PORT}");
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "%.*s:%lld", SLICE_ARG(address), (long long)value->items[1].integer);
    add(r, key, lv_buffer_slice(&text), value);
    lv_buffer_free(&text);
    return 0;
}

/* [5672, {"127.0.0.1", 5673}] replaces the listeners of rabbitmq.conf. */
static int read_listeners(struct reader *r, const char *key, const struct erlang_term *value)
{
    int err = 0;
    if (!erlang_is_list(value))
        return refuse(r, value, key, "a list: [PORT, {\"ADDRESS\", PORT}, ...]");
    add(r, key, slice_str("none"), value);
    for (size_t i = 0; i < value->count; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s.%zu", key, i + 1);
        if (read_listener(r, name, &value->items[i]) < 0)
            err = ERR_INVALID;
    }
    return err;
}

/* [<<"guest">>] becomes loopback_users.guest = true, and replaces the users of rabbitmq.conf. */
static int read_names(struct reader *r, const char *key, const struct erlang_term *value)
{
    if (!erlang_is_list(value))
        return refuse(r, value, key, "a list of names");
    add(r, key, slice_str("none"), value);
    for (size_t i = 0; i < value->count; i++) {
        struct slice name;
        if (!erlang_text(&value->items[i], &name))
            return refuse(r, &value->items[i], key, "a name");
        struct lv_buffer whole = {0};
        lv_buffer_printf(&whole, "%s.", key);
        for (size_t n = 0; n < name.n; n++) {
            if (name.p[n] == '.' || name.p[n] == '\\')
                lv_buffer_add_u8(&whole, '\\');
            lv_buffer_add_u8(&whole, name.p[n]);
        }
        lv_buffer_add_u8(&whole, '\0');
        add(r, (const char *)whole.p, slice_str("true"), value);
        lv_buffer_free(&whole);
    }
    return 0;
}

/* 0.4, {relative, 0.4}, {absolute, "2GB"}, 50000000 or {mem_relative, 1.5} */
static int read_limit(struct reader *r, const char *key, const struct erlang_term *value)
{
    const char *part = value->type == ERLANG_FLOAT ? "relative" : "absolute";
    const struct erlang_term *amount = value;
    char name[128];
    if (erlang_is_tuple(value, 2)) {
        amount = &value->items[1];
        part = erlang_is_atom(&value->items[0], "absolute") ? "absolute" : "relative";
    }
    snprintf(name, sizeof name, "%s.%s", key, part);
    return read_scalar(r, name, amount);
}

/* A passphrase, or {file, "/path"}. */
static int read_passphrase(struct reader *r, const char *key, const struct erlang_term *value)
{
    char name[128];
    if (!erlang_is_tuple(value, 2) || !erlang_is_atom(&value->items[0], "file"))
        return read_scalar(r, key, value);
    snprintf(name, sizeof name, "%s_file", key);
    return read_scalar(r, name, &value->items[1]);
}

static const struct advanced_key decoder_keys[] = {
    {"passphrase", NULL, read_passphrase}, {NULL, NULL, read_scalar}, /* any other */
};

static int read_decoder(struct reader *r, const char *key, const struct erlang_term *value)
{
    return read_options(r, key, decoder_keys, value);
}

/* --- Keys ------------------------------------------------------------------------------------- */

static const struct advanced_key ldap_keys[] = {
    {"servers", NULL, read_list},
    {"pool_size", "connection_pool_size", read_scalar},
    {"dn_lookup_bind", NULL, read_bind},
    {"other_bind", NULL, read_bind},
    {"ssl_options", NULL, read_tls},
    {"ssl_hostname_verification", "ssl_options.hostname_verification", read_scalar},
    {"tag_queries", "queries.tags", read_term},
    {"vhost_access_query", "queries.vhost_access", read_term},
    {"resource_access_query", "queries.resource_access", read_term},
    {"topic_access_query", "queries.topic_access", read_term},
    {NULL, NULL, read_scalar}, /* any other has the same name */
};

static const struct advanced_key rabbit_keys[] = {
    {"tcp_listeners", "listeners.tcp", read_listeners},
    {"ssl_listeners", "listeners.ssl", read_listeners},
    {"ssl_options", NULL, read_tls},
    {"loopback_users", NULL, read_names},
    {"auth_mechanisms", NULL, read_whole_list},
    {"vm_memory_high_watermark", NULL, read_limit},
    {"disk_free_limit", NULL, read_limit},
    {"config_entry_decoder", NULL, read_decoder},
    {NULL, NULL, read_other}, /* any other has the same name */
};

static const struct advanced_key http_keys[] = {
    {"ssl_options", NULL, read_tls},
    {NULL, NULL, read_other},
};

static const struct section sections[] = {
    {"rabbit", "", rabbit_keys},
    {"rabbitmq_auth_backend_http", "auth_http.", http_keys},
    {"rabbitmq_auth_backend_ldap", "auth_ldap.", ldap_keys},
};

/* Reads {Key, Value}. An unknown key becomes an unknown line, which is reported as such. */
static int read_key(struct reader *r, const char *prefix, const struct advanced_key *keys,
                    const struct erlang_term *setting)
{
    if (!erlang_is_tuple(setting, 2) || setting->items[0].type != ERLANG_ATOM)
        return refuse(r, setting, prefix, "{KEY, VALUE}");
    const struct slice name = setting->items[0].text;
    char key[128];
    while (keys->name && !slice_is(name, keys->name))
        keys++;
    if (keys->key)
        snprintf(key, sizeof key, "%s%s", prefix, keys->key);
    else
        snprintf(key, sizeof key, "%s%.*s", prefix, SLICE_ARG(name));
    return keys->read(r, key, &setting->items[1]);
}

/* --- Sections --------------------------------------------------------------------------------- */

static int read_section(struct reader *r, const struct erlang_term *term)
{
    if (!erlang_is_tuple(term, 2) || term->items[0].type != ERLANG_ATOM ||
        !erlang_is_list(&term->items[1]))
        return refuse(r, term, "the file", "{SECTION, [{KEY, VALUE}, ...]}");
    int err = 0;
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        if (!erlang_is_atom(&term->items[0], sections[i].name))
            continue;
        for (size_t k = 0; k < term->items[1].count; k++)
            if (read_key(r, sections[i].prefix, sections[i].keys, &term->items[1].items[k]) < 0)
                err = ERR_INVALID;
        return err;
    }
    r->location.line = (int)term->line;
    config_tell(&r->location, LOG_WARNING,
                "the section %.*s has no effect: set the keys of rabbitmq.conf instead",
                SLICE_ARG(term->items[0].text));
    return 0;
}

static int read_sections(struct reader *r, const struct erlang_terms *terms)
{
    int err = 0;
    if (terms->count == 0)
        return 0;
    if (terms->count > 1 || !erlang_is_list(&terms->items[0]))
        return refuse(r, &terms->items[terms->count - 1], "the file",
                      "one list: [{SECTION, [...]}, ...].");
    for (size_t i = 0; i < terms->items[0].count; i++)
        if (read_section(r, &terms->items[0].items[i]) < 0)
            err = ERR_INVALID;
    return err;
}

int config_advanced_parse(struct config_lines *lines, struct slice text, const char *name,
                          config_say say, void *arg)
{
    struct reader r = {.lines = lines, .location = {.source = name, .say = say, .arg = arg}};
    struct erlang_terms terms;
    struct erlang_fault fault;
    if (erlang_terms_parse(text, &terms, &fault) < 0) {
        r.location.line = (int)fault.line;
        config_tell(&r.location, LOG_ERROR, "column %u: %s", fault.column, fault.message);
        return ERR_INVALID;
    }
    int err = read_sections(&r, &terms);
    erlang_terms_free(&terms);
    return err;
}
