/* The chain of backends, from the settings auth_backends.* and auth_cache.*.
 *
 *   auth_backends.1 = internal              one backend that authenticates and authorizes
 *   auth_backends.2.authn = ldap            one that authenticates,
 *   auth_backends.2.authz = internal        and others that authorize
 *   auth_backends.2.authz.1 = http
 *
 * The backend `cache` is the one in auth_cache.cached_backend with a cache in front of it
 * (auth/cached_backend.h). The internal one has none: it asks nobody, and auth/ remembers slow
 * hashes. */
#define LOG_CATEGORY LOG_ABOUT_USER

#include "leveretd/chain_config.h"

#include <stdlib.h>
#include <string.h>

#include "auth/cached_backend.h"
#include "base/error.h"
#include "leveretd/backends.h"

static const char *const names[] = {"internal", "cache", "http", "ldap", "oauth2"};

const char *chain_backend_named(const char *text)
{
    static const char prefix[] = "rabbit_auth_backend_";
    if (strncmp(text, prefix, sizeof prefix - 1) == 0)
        text += sizeof prefix - 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], text) == 0)
            return names[i];
    return NULL;
}

/* --- the settings, as links ------------------------------------------------------------------- */

struct link {
    unsigned long number; /* of auth_backends.N */
    const char *authenticates;
    const char *authorizes[CHAIN_BACKENDS_MAX];
    size_t count;
};

struct links {
    struct link items[CHAIN_LINKS_MAX];
    size_t count;
};

static struct link *link_want(struct links *links, unsigned long number)
{
    size_t at = 0;
    while (at < links->count && links->items[at].number < number)
        at++;
    if (at < links->count && links->items[at].number == number)
        return &links->items[at];
    if (links->count == CHAIN_LINKS_MAX)
        return NULL;
    memmove(&links->items[at + 1], &links->items[at], (links->count - at) * sizeof links->items[0]);
    links->count++;
    links->items[at] = (struct link){.number = number};
    return &links->items[at];
}

/* Takes one setting. Returns NULL, or what is expected instead. */
static const char *link_take(struct links *links, const struct config_pair *pair)
{
    char *rest;
    unsigned long number = strtoul(pair->name, &rest, 10);
    const char *backend = chain_backend_named(pair->value);
    if (rest == pair->name)
        return "a key auth_backends.N, auth_backends.N.authn or auth_backends.N.authz";
    if (!backend)
        return "internal, cache, http, ldap or oauth2";
    struct link *link = link_want(links, number);
    if (!link)
        return "at most 16 backends";
    if (rest[0] == '\0' || strcmp(rest, ".authn") == 0) {
        link->authenticates = backend;
    } else if (strcmp(rest, ".authz") == 0 || strncmp(rest, ".authz.", 7) == 0) {
        if (link->count == CHAIN_BACKENDS_MAX)
            return "at most 8 backends that authorize";
        link->authorizes[link->count++] = backend;
    } else {
        return "a key auth_backends.N, auth_backends.N.authn or auth_backends.N.authz";
    }
    return NULL;
}

static int check_cached(const struct config *config, enum config_setting setting, const char *text,
                        config_say say, void *arg)
{
    const char *backend = chain_backend_named(text);
    if (text[0] == '\0' || (backend && strcmp(backend, "cache") != 0))
        return 0;
    config_complain(config, setting, "internal, http, ldap or oauth2", say, arg);
    return ERR_INVALID;
}

static int check_cache(const struct config *config, config_say say, void *arg)
{
    int err = 0;
#define CHECK_CACHED(member)                                                                       \
    if (check_cached(config, CONFIG_##member, config->member, say, arg) < 0)                       \
        err = ERR_INVALID;
    CHECK_CACHED(auth_cache_backend)
    CHECK_CACHED(auth_cache_authn)
    CHECK_CACHED(auth_cache_authz)
#undef CHECK_CACHED
    return err;
}

int chain_check(const struct config *config, config_say say, void *arg)
{
    struct links links = {.count = 0};
    int err = check_cache(config, say, arg);
    for (size_t i = 0; i < config->auth_backends.count; i++) {
        const char *expected = link_take(&links, &config->auth_backends.items[i]);
        if (!expected)
            continue;
        config_complain_of_entry(config, CONFIG_auth_backends, i, expected, say, arg);
        err = ERR_INVALID;
    }
    return err;
}

/* --- the chain -------------------------------------------------------------------------------- */

/* A backend as a link names it. */
struct choice {
    const char *name; /* not "cache" */
    bool is_cached;
};

struct building {
    const struct config *config;
    struct auth_chain *chain;
    struct lv_buffer *reason;
    struct {
        struct choice choice;
        unsigned number;
    } opened[CHAIN_BACKENDS_MAX];
    size_t count;
};

static bool choices_are_equal(struct choice a, struct choice b)
{
    return strcmp(a.name, b.name) == 0 && a.is_cached == b.is_cached;
}

/* Finds the number of a backend, which is opened at first use. */
static int backend_number(struct building *b, struct choice choice, unsigned *ret)
{
    if (strcmp(choice.name, "internal") == 0) {
        *ret = CHAIN_INTERNAL;
        return 0;
    }
    for (size_t i = 0; i < b->count; i++) {
        if (choices_are_equal(b->opened[i].choice, choice)) {
            *ret = b->opened[i].number;
            return 0;
        }
    }
    struct auth_backend *backend;
    int err = backend_from_config(b->config, choice.name, &backend, b->reason);
    if (err < 0)
        return err;
    if (choice.is_cached)
        backend = cached_backend_create(backend, (uint64_t)b->config->auth_cache_ttl_ms,
                                        b->config->auth_cache_keeps_refusals);
    *ret = auth_chain_add_backend(b->chain, backend);
    b->opened[b->count].choice = choice;
    b->opened[b->count++].number = *ret;
    return 0;
}

/* Returns which backend a link means; `role` is what `cache` stands for in this role, if that is
 * set. */
static struct choice choice_of(const struct config *config, const char *name, const char *role)
{
    if (strcmp(name, "cache") != 0)
        return (struct choice){name, false};
    const char *behind = role[0] != '\0' ? role : config->auth_cache_backend;
    const char *backend = chain_backend_named(behind);
    return (struct choice){backend ? backend : "internal", true}; /* checked by check_cache() */
}

static int link_add(struct building *b, const struct link *link)
{
    const struct config *config = b->config;
    const char *first = link->authenticates ? link->authenticates : link->authorizes[0];
    unsigned authenticates, authorizes[CHAIN_BACKENDS_MAX];
    size_t count = link->count;
    struct choice authn = choice_of(config, first, config->auth_cache_authn);
    struct choice of_cache = choice_of(config, first, config->auth_cache_authz);
    int err = backend_number(b, authn, &authenticates);
    for (size_t i = 0; err == 0 && i < count; i++)
        err = backend_number(b, choice_of(config, link->authorizes[i], config->auth_cache_authz),
                             &authorizes[i]);
    if (err == 0 && count == 0 && !choices_are_equal(authn, of_cache)) {
        err = backend_number(b, of_cache, &authorizes[0]);
        count = 1;
    }
    if (err == 0)
        auth_chain_add_link(b->chain, authenticates, authorizes, count);
    return err;
}

/* Says that this entry of auth_backends names a backend that cannot be used. */
static void entry_complain(const struct building *b, size_t entry, config_say say, void *arg)
{
    struct lv_buffer expected = {0};
    lv_buffer_printf(&expected, "a backend that can be used; %.*s",
                     SLICE_ARG(lv_buffer_slice(b->reason)));
    config_complain_of_entry(b->config, CONFIG_auth_backends, entry, (const char *)expected.p, say,
                             arg);
    lv_buffer_free(&expected);
}

/* Opens what an entry names, unless it is open: two backends if it is a cache of two. */
static int entry_open(struct building *b, const struct config_pair *entry)
{
    const char *name = chain_backend_named(entry->value);
    const struct config *config = b->config;
    unsigned number;
    int err = backend_number(b, choice_of(config, name, config->auth_cache_authn), &number);
    if (err == 0)
        err = backend_number(b, choice_of(config, name, config->auth_cache_authz), &number);
    return err;
}

int chain_check_backends(const struct config *config, config_say say, void *arg)
{
    struct lv_buffer reason = {0};
    struct building b = {.config = config, .chain = auth_chain_create(), .reason = &reason};
    int err = 0;
    for (size_t i = 0; i < config->auth_backends.count && err == 0; i++) {
        err = entry_open(&b, &config->auth_backends.items[i]);
        if (err < 0)
            entry_complain(&b, i, say, arg);
    }
    auth_chain_free(&b.chain);
    lv_buffer_free(&reason);
    return err;
}

static bool cache_has(const struct config *config, const char *backend)
{
    return strcmp(choice_of(config, "cache", config->auth_cache_authn).name, backend) == 0 ||
           strcmp(choice_of(config, "cache", config->auth_cache_authz).name, backend) == 0;
}

bool chain_has(const struct config *config, const char *backend)
{
    for (size_t i = 0; i < config->auth_backends.count; i++) {
        const char *name = chain_backend_named(config->auth_backends.items[i].value);
        if (name && (strcmp(name, backend) == 0 ||
                     (strcmp(name, "cache") == 0 && cache_has(config, backend))))
            return true;
    }
    return false;
}

int chain_from_config(const struct config *config, struct auth_chain **ret,
                      struct lv_buffer *reason)
{
    struct links links = {.count = 0};
    struct building b = {.config = config, .chain = auth_chain_create(), .reason = reason};
    int err = 0;
    for (size_t i = 0; i < config->auth_backends.count; i++)
        link_take(&links, &config->auth_backends.items[i]);
    for (size_t i = 0; err == 0 && i < links.count; i++)
        err = link_add(&b, &links.items[i]);
    if (err < 0)
        auth_chain_free(&b.chain);
    else
        *ret = b.chain;
    return err;
}
