/* The broker's settings: which key sets which setting; a config created, compared, printed, freed.
 *
 * Two tables decide what a key means: CONFIG_SETTINGS (config.h), and the aliases below. Keys
 * without effect are in config_keys.c, values in config_values.c and config_lists.c; config_file.c
 * reads lines and files, config_environment.c the environment. */
#include "leveretd/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "leveretd/config_private.h"

static const struct setting settings[] = {
#define CONFIG_ROW(member, key, type, value, reload, from, to, text)                               \
    {key, value, from, to, offsetof(struct config, member), TYPE_##type, reload},
    CONFIG_SETTINGS(CONFIG_ROW)
#undef CONFIG_ROW
};

/* Other keys that RabbitMQ has, or had, for the same settings. */
static const struct alias {
    const char *key;
    const char *means;
} aliases[] = {
    {"log.default.level", "log.level"},
    {"max_connections", "connection_max"},
    {"management.listener.port", "management.tcp.port"},
    {"management.listener.ip", "management.tcp.ip"},
    {"management.load_definitions", "load_definitions"},
    {"definitions.local.path", "load_definitions"},
};

/* --- Setting one ------------------------------------------------------------------------------ */

static bool is_list(const struct setting *s)
{
    return s->type == TYPE_FLAGS || s->type == TYPE_LISTENERS;
}

/* `name` is the entry's name in a list, or NULL. */
static void value_complain(const struct setting *s, const char *key, const char *name,
                           const char *value, const struct location *location)
{
    struct lv_buffer expected = {0};
    if (is_list(s) && !name)
        lv_buffer_printf(&expected, "none, or a line for each entry: %s.NAME = ...", key);
    else
        config_value_describe(s, &expected);
    if (s->type == TYPE_SECRET)
        config_tell(location, LOG_ERROR, "invalid value for %s: expected %s", key,
                    (const char *)expected.p);
    else
        config_tell(location, LOG_ERROR, "invalid value '%s' for %s: expected %s", value, key,
                    (const char *)expected.p);
    lv_buffer_free(&expected);
}

static void clear_list(struct config *config, const struct setting *s)
{
    if (s->type == TYPE_FLAGS)
        config_flags_clear(config_member(config, s));
    else
        config_listeners_clear(config_member(config, s));
}

/* Returns the name of a list's entry with each `\.` as a plain dot. The caller owns it. */
static char *unescape_name(const char *text)
{
    char *name = lv_strdup(text);
    char *to = name;
    for (const char *from = name; *from; from++) {
        if (from[0] == '\\' && from[1] != '\0')
            from++;
        *to++ = *from;
    }
    *to = '\0';
    return name;
}

static void note_origin(struct config *config, size_t index, const struct location *location)
{
    struct lv_buffer origin = {0};
    lv_buffer_printf(&origin, location->line > 0 ? "%s:%d" : "%s", location->source,
                     location->line);
    free(config->origins[index]);
    config->origins[index] = (char *)origin.p;
}

/* Sets one setting. `name` is an entry's name in a list; it is NULL for other settings and where
 * the key is the list itself, whose only value is none. The first line that sets an entry replaces
 * the list's default. */
static int set_value(struct config *config, size_t index, const char *name, const char *key,
                     const char *value, const struct location *location)
{
    const struct setting *s = &settings[index];
    if (is_list(s) && (!name || !config->origins[index]))
        clear_list(config, s);
    note_origin(config, index, location);
    bool is_good = true;
    if (is_list(s) && name) {
        char *plain = unescape_name(name);
        is_good = config_value_read(config, s, plain, value);
        free(plain);
    } else if (is_list(s)) {
        is_good = strcmp(value, "none") == 0;
    } else {
        is_good = config_value_read(config, s, NULL, value);
    }
    if (!is_good)
        value_complain(s, key, name, value, location);
    return is_good ? 0 : ERR_INVALID;
}

/* Returns true if the key is this list's ("loopback_users.*"). *ret_name is then the part of the
 * key in place of the star, or NULL if the key is "loopback_users" alone. */
static bool is_key_of_list(const struct setting *s, const char *key, const char **ret_name)
{
    size_t n = strlen(s->key) - 2; /* without ".*" */
    if (!is_list(s) || strncmp(key, s->key, n) != 0)
        return false;
    if (key[n] == '\0') {
        *ret_name = NULL;
        return true;
    }
    if (key[n] != '.' || key[n + 1] == '\0')
        return false;
    *ret_name = key + n + 1;
    return true;
}

int config_set_by_key(struct config *config, const char *key, const char *value,
                      const struct location *location)
{
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (strcmp(aliases[i].key, key) == 0)
            return config_set_by_key(config, aliases[i].means, value, location);
    const char *name = NULL;
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        if (strcmp(settings[i].key, key) == 0 || is_key_of_list(&settings[i], key, &name))
            return set_value(config, i, name, key, value, location);
    return ERR_NOT_FOUND;
}

int config_set(struct config *config, const char *key, const char *value, const char *origin,
               config_say say, void *arg)
{
    const struct location location = {origin, 0, say, arg};
    lv_assert(origin);
    return config_set_by_key(config, key, value, &location);
}

void config_complain(const struct config *config, enum config_setting setting, const char *expected,
                     config_say say, void *arg)
{
    lv_assert(setting < CONFIG_SETTING_COUNT);
    const struct setting *s = &settings[setting];
    const char *origin = config->origins[setting];
    const struct location location = {origin ? origin : "default", 0, say, arg};
    struct lv_buffer value = {0};

    config_value_print(config, s, &value);
    config_tell(&location, LOG_ERROR, "invalid value '%.*s' for %s: expected %s", (int)value.n,
                (const char *)value.p, s->key, expected);
    lv_buffer_free(&value);
}

/* --- Creating and freeing --------------------------------------------------------------------- */

static void set_default(struct config *config, size_t i)
{
    const struct setting *s = &settings[i];
    bool is_good = config_value_read(config, s, s->type == TYPE_FLAGS ? s->value : "default",
                                     s->type == TYPE_FLAGS ? "true" : s->value);
    lv_assert(is_good);
}

struct config *config_create(void)
{
    struct config *config = lv_calloc(1, sizeof *config);
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        set_default(config, i);
    return config;
}

void config_free(struct config **config)
{
    if (!*config)
        return;
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        const struct setting *s = &settings[i];
        free((*config)->origins[i]);
        if (s->type == TYPE_STRING || s->type == TYPE_SECRET || s->type == TYPE_PATTERN)
            free(*(char **)config_member(*config, s));
        if (is_list(s))
            clear_list(*config, s);
    }
    free((*config)->file);
    free(*config);
    *config = NULL;
}

/* --- As text ---------------------------------------------------------------------------------- */

/* Returns the value as a file would have it. The caller owns it. */
static char *value_text(const struct config *config, const struct setting *s)
{
    struct lv_buffer out = {0};
    config_value_print(config, s, &out);
    char *text = slice_strdup(lv_buffer_slice(&out));
    lv_buffer_free(&out);
    return text;
}

void config_print(const struct config *config, struct lv_buffer *out)
{
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        lv_buffer_printf(out, "%s = ", settings[i].key);
        if (settings[i].type == TYPE_SECRET)
            lv_buffer_printf(out, "(hidden)");
        else
            config_value_print(config, &settings[i], out);
        lv_buffer_printf(out, "\n");
    }
}

static void compare_one(const struct setting *s, const char *old, const char *fresh,
                        config_difference visit, void *arg)
{
    if (strcmp(old, fresh) == 0)
        return;
    if (s->type == TYPE_SECRET)
        old = fresh = "(hidden)";
    visit(arg, s->key, s->is_reloadable, old, fresh);
}

void config_compare(const struct config *old, const struct config *fresh, config_difference visit,
                    void *arg)
{
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        char *a = value_text(old, &settings[i]);
        char *b = value_text(fresh, &settings[i]);
        compare_one(&settings[i], a, b, visit, arg);
        free(a);
        free(b);
    }
}

enum log_level config_log_level(const struct config *config)
{
    if (config->log_console_level != CONFIG_NONE)
        return (enum log_level)config->log_console_level;
    return (enum log_level)config->log_level;
}
