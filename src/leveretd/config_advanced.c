/* RabbitMQ's advanced.config: [{Section, [{Key, Value}, ...]}, ...]. Its settings become the lines
 * of rabbitmq.conf that say the same, so they are checked, reported and shown like others.
 *
 * To read another section, add a row to `sections` and a table of its keys. */
#include <stdio.h>
#include <string.h>

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
}

/* An atom, a string, a binary or a number. */
static int read_scalar(struct reader *r, const char *key, const struct erlang_term *value)
{
    struct slice text = value->text;
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

/* [{cacertfile, "..."}, ...] */
static int read_tls(struct reader *r, const char *key, const struct erlang_term *value)
{
    char prefix[128];
    int err = 0;
    if (!erlang_is_list(value))
        return refuse(r, value, key, "a list: [{KEY, VALUE}, ...]");
    snprintf(prefix, sizeof prefix, "%s.", key);
    for (size_t i = 0; i < value->count; i++)
        if (read_key(r, prefix, tls_keys, &value->items[i]) < 0)
            err = ERR_INVALID;
    return err;
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

static const struct section sections[] = {
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
