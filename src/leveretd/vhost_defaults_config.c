/* Entries such as default_users.ann.vhost_pattern: the last word of each name is a property, the
 * rest is the name of what has it. A property is a text, a pattern, or a member of a JSON object,
 * whose name has dashes instead of underscores. */
#include "leveretd/vhost_defaults_config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/byte_size.h"
#include "base/error.h"
#include "base/memory.h"
#include "leveretd/config_private.h"
#include "manage/tags.h"

enum kind {
    VHOSTS,   /* a pattern of vhosts, compiled */
    TEXT,     /* any text */
    PATTERN,  /* a text that is a pattern */
    APPLY_TO, /* a text that is one of apply_tos[] */
    LIMIT,    /* a member: a number, -1 means none */
    COUNT,    /* a member: a number from 0 */
    BYTES,    /* a member: a size */
    DURATION, /* a member: milliseconds, or with units */
    IDLE,     /* without effect here */
};

static const char *const apply_tos[] = {"all", "queues", "classic_queues", "quorum_queues",
                                        "streams"};

/* What one thing of a family has: its properties by their places in the family's list. */
enum { PROPERTIES_MAX = 12 };
struct thing {
    char *name;
    const char *texts[PROPERTIES_MAX]; /* borrowed from the config; NULL: not set */
    json_t *members;
};

struct property {
    const char *name;
    enum kind kind;
    const char *fallback; /* of VHOSTS, TEXT, PATTERN, APPLY_TO */
};

enum { LIMITS_VHOSTS };
static const struct property limits_properties[] = {
    {"pattern", VHOSTS, ".*"},
    {"max_connections", LIMIT, NULL},
    {"max_queues", LIMIT, NULL},
    {NULL, IDLE, NULL},
};

enum { POLICY_VHOSTS, POLICY_PATTERN, POLICY_APPLY_TO };
static const struct property policy_properties[] = {
    {"vhost_pattern", VHOSTS, ".*"},
    {"queue_pattern", PATTERN, ".*"},
    {"apply_to", APPLY_TO, "all"},
    {"expires", DURATION, NULL},
    {"message_ttl", DURATION, NULL},
    {"max_length", COUNT, NULL},
    {"max_length_bytes", BYTES, NULL},
    {"max_in_memory_length", COUNT, NULL},
    {"max_in_memory_bytes", BYTES, NULL},
    {"delivery_limit", COUNT, NULL},
    {NULL, IDLE, NULL},
};

enum { USER_VHOSTS, USER_PASSWORD, USER_TAGS, USER_CONFIGURE, USER_WRITE, USER_READ };
static const struct property user_properties[] = {
    {"vhost_pattern", VHOSTS, ".*"},
    {"password", TEXT, ""},
    {"tags", TEXT, ""},
    {"configure", PATTERN, ".*"},
    {"write", PATTERN, ".*"},
    {"read", PATTERN, ".*"},
    {NULL, IDLE, NULL},
};

/* A family's things, in the order in which the file names them. */
struct family {
    const struct config *config;
    enum config_setting setting;
    const struct config_pairs *pairs;
    const struct property *properties;
    struct thing *things;
    size_t count;
};

/* --- one value -------------------------------------------------------------------------------- */

/* Reads "1500" (milliseconds), "30s", "1d12h". */
static bool read_duration(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                 {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    int64_t sum = 0, n = 0;
    const char *end;
    if (config_digits_read(text, ret_ms, &end) && *end == '\0')
        return true;
    while (*text) {
        size_t unit = 0, count = sizeof units / sizeof *units;
        if (!config_digits_read(text, &n, &end))
            return false;
        size_t letters = strspn(end, "mshdw");
        while (unit < count &&
               (strlen(units[unit].unit) != letters || memcmp(units[unit].unit, end, letters) != 0))
            unit++;
        if (unit == count || __builtin_mul_overflow(n, units[unit].ms, &n) ||
            __builtin_add_overflow(sum, n, &sum))
            return false;
        text = end + letters;
    }
    *ret_ms = sum;
    return true;
}

static bool read_member(enum kind kind, const char *value, int64_t *ret)
{
    const char *end;
    if (kind == BYTES)
        return lv_byte_size_parse(value, ret) == 0;
    if (kind == DURATION)
        return value[0] != '\0' && read_duration(value, ret);
    if (kind == LIMIT && strcmp(value, "-1") == 0) {
        *ret = -1;
        return true;
    }
    return config_digits_read(value, ret, &end) && *end == '\0';
}

static const char *expected_of(enum kind kind)
{
    switch (kind) {
    case VHOSTS:
    case PATTERN: return "a regular expression";
    case APPLY_TO: return "all, queues, classic_queues, quorum_queues or streams";
    case LIMIT: return "a whole number from 0, or -1 for no limit";
    case COUNT: return "a whole number from 0";
    case BYTES: return "a size, such as 1000000, 50MB or 2GiB";
    case DURATION: return "milliseconds, or a time such as 30s, 12h or 1d";
    case TEXT:
    case IDLE: break;
    }
    lv_unreachable();
}

static bool is_good_text(enum kind kind, const char *value)
{
    struct pattern *pattern = NULL;
    if (kind == APPLY_TO) {
        for (size_t i = 0; i < sizeof apply_tos / sizeof *apply_tos; i++)
            if (strcmp(apply_tos[i], value) == 0)
                return true;
        return false;
    }
    if (kind == TEXT)
        return true;
    bool is_pattern = pattern_compile(slice_str(value), &pattern, NULL) == 0;
    pattern_free(&pattern);
    return is_pattern;
}

/* Sets a property of the thing. Returns false if the value is not one. */
static bool set_property(struct thing *t, const struct property *properties, size_t index,
                         const char *value)
{
    const struct property *p = &properties[index];
    int64_t number;
    if (p->fallback) {
        t->texts[index] = value;
        return is_good_text(p->kind, value);
    }
    if (!read_member(p->kind, value, &number))
        return false;
    char *name = lv_strdup(p->name);
    for (char *c = name; *c; c++)
        *c = *c == '_' ? '-' : *c;
    json_object_set_new(t->members, name, json_integer(number));
    free(name);
    return true;
}

/* --- a family --------------------------------------------------------------------------------- */

static struct thing *thing_of(struct family *f, struct slice name)
{
    for (size_t i = 0; i < f->count; i++)
        if (slice_equal(slice_str(f->things[i].name), name))
            return &f->things[i];
    f->things = lv_realloc(f->things, (f->count + 1) * sizeof *f->things);
    struct thing *t = &f->things[f->count++];
    *t = (struct thing){.name = slice_strdup(name), .members = json_object()};
    for (size_t i = 0; f->properties[i].name; i++) {
        lv_assert(i < PROPERTIES_MAX);
        t->texts[i] = f->properties[i].fallback;
    }
    return t;
}

/* Reports that the entry has no effect. */
static void warn_of_entry(const struct family *f, size_t entry, config_say say, void *arg)
{
    const struct config_pair *pair = &f->pairs->items[entry];
    const struct location location = {
        .source = pair->origin ? pair->origin : "default", .say = say, .arg = arg};
    const char *key = config_settings[f->setting].key;
    config_tell(&location, LOG_WARNING, "ignoring %.*s%s: there is no such property",
                (int)strcspn(key, "*"), key, pair->name);
}

static int read_entry(struct family *f, size_t entry, config_say say, void *arg)
{
    const struct config_pair *pair = &f->pairs->items[entry];
    const char *dot = strrchr(pair->name, '.');
    size_t index = 0;
    while (dot && f->properties[index].name && strcmp(f->properties[index].name, dot + 1) != 0)
        index++;
    if (!dot || dot == pair->name || !f->properties[index].name) {
        warn_of_entry(f, entry, say, arg);
        return 0;
    }
    struct thing *t = thing_of(f, slice_of(pair->name, (size_t)(dot - pair->name)));
    if (set_property(t, f->properties, index, pair->value))
        return 0;
    config_complain_of_entry(f->config, f->setting, entry, expected_of(f->properties[index].kind),
                             say, arg);
    return ERR_INVALID;
}

static int family_read(struct family *f, config_say say, void *arg)
{
    int err = 0;
    for (size_t i = 0; i < f->pairs->count; i++)
        if (read_entry(f, i, say, arg) < 0)
            err = ERR_INVALID;
    return err;
}

static void family_free(struct family *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->things[i].name);
        json_decref(f->things[i].members);
    }
    free(f->things);
}

/* --- all of them ------------------------------------------------------------------------------ */

/* A pattern whose text has been checked. The caller owns it. */
static struct pattern *compile(const char *text)
{
    struct pattern *pattern;
    int err = pattern_compile(slice_str(text), &pattern, NULL);
    lv_assert(err == 0);
    return pattern;
}

static char *members_text(const struct thing *t)
{
    char *text = json_dumps(t->members, JSON_COMPACT);
    char *copy = lv_strdup(text);
    free(text);
    return copy;
}

static void put_limits(struct vhost_defaults *d, const struct thing *t)
{
    d->limits[d->limits_count++] = (struct default_limits){
        .name = lv_strdup(t->name),
        .vhosts = compile(t->texts[LIMITS_VHOSTS]),
        .limits = members_text(t),
    };
}

static void put_policy(struct vhost_defaults *d, const struct thing *t)
{
    d->policies[d->policy_count++] = (struct default_policy){
        .name = lv_strdup(t->name),
        .vhosts = compile(t->texts[POLICY_VHOSTS]),
        .pattern = lv_strdup(t->texts[POLICY_PATTERN]),
        .apply_to = lv_strdup(t->texts[POLICY_APPLY_TO]),
        .definition = members_text(t),
    };
}

/* Returns the words between commas. The caller owns it. */
static char *words_of(const char *text)
{
    struct lv_buffer words = {0};
    char *owned = slice_strdup(tags_tidy(slice_str(text), &words));
    lv_buffer_free(&words);
    return owned;
}

static void put_user(struct vhost_defaults *d, const struct thing *t)
{
    d->users[d->user_count++] = (struct default_user){
        .name = lv_strdup(t->name),
        .vhosts = compile(t->texts[USER_VHOSTS]),
        .password = lv_strdup(t->texts[USER_PASSWORD]),
        .tags = words_of(t->texts[USER_TAGS]),
        .configure = lv_strdup(t->texts[USER_CONFIGURE]),
        .write = lv_strdup(t->texts[USER_WRITE]),
        .read = lv_strdup(t->texts[USER_READ]),
    };
}

enum { FAMILY_LIMITS, FAMILY_POLICIES, FAMILY_USERS, FAMILIES };

static struct vhost_defaults *put_all(const struct family families[FAMILIES])
{
    struct vhost_defaults *d = lv_calloc(1, sizeof *d);
    d->limits = lv_calloc(families[FAMILY_LIMITS].count + 1, sizeof *d->limits);
    d->policies = lv_calloc(families[FAMILY_POLICIES].count + 1, sizeof *d->policies);
    d->users = lv_calloc(families[FAMILY_USERS].count + 1, sizeof *d->users);
    static void (*const puts[FAMILIES])(struct vhost_defaults *,
                                        const struct thing *) = {put_limits, put_policy, put_user};
    for (int k = 0; k < FAMILIES; k++)
        for (size_t i = 0; i < families[k].count; i++)
            puts[k](d, &families[k].things[i]);
    return d;
}

int vhost_defaults_read(const struct config *config, struct vhost_defaults **ret, config_say say,
                        void *arg)
{
    struct family families[FAMILIES] = {
        {.setting = CONFIG_default_limits,
         .pairs = &config->default_limits,
         .properties = limits_properties},
        {.setting = CONFIG_default_policies,
         .pairs = &config->default_policies,
         .properties = policy_properties},
        {.setting = CONFIG_default_users,
         .pairs = &config->default_users,
         .properties = user_properties},
    };
    int err = 0;
    for (int k = 0; k < FAMILIES; k++) {
        families[k].config = config;
        if (family_read(&families[k], say, arg) < 0)
            err = ERR_INVALID;
    }
    if (err == 0)
        *ret = put_all(families);
    for (int k = 0; k < FAMILIES; k++)
        family_free(&families[k]);
    return err;
}

int vhost_defaults_check(const struct config *config, config_say say, void *arg)
{
    struct vhost_defaults *defaults = NULL;
    int err = vhost_defaults_read(config, &defaults, say, arg);
    vhost_defaults_free(&defaults);
    return err;
}
