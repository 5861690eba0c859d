/* The broker's settings: which key sets what, and a config's beginning and end.
 *
 * Two tables decide what a key means: CONFIG_SETTINGS (config.h), and other names of the same
 * settings. Keys that set nothing are in config_keys.c, values in config_values.c and
 * config_lists.c; lines and files are read by config_file.c, the environment by
 * config_environment.c. */
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

/* Other names of the same thing, from RabbitMQ's past and present. */
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

static void complain(const struct setting *s, const char *key, const char *value,
                     const struct place *place)
{
    struct lv_buffer expected = {0};

    config_value_describe(s, &expected);
    if (s->type == TYPE_SECRET)
        config_tell(place, LOG_ERROR, "invalid value for %s: expected %s", key,
                    (const char *)expected.p);
    else
        config_tell(place, LOG_ERROR, "invalid value '%s' for %s: expected %s", value, key,
                    (const char *)expected.p);
    lv_buffer_free(&expected);
}

static bool is_list(const struct setting *s)
{
    return s->type == TYPE_FLAGS || s->type == TYPE_LISTENERS;
}

static void clear_list(struct config *config, const struct setting *s)
{
    if (s->type == TYPE_FLAGS)
        config_flags_clear(config_member(config, s));
    else
        config_listeners_clear(config_member(config, s));
}

/* The name behind a list's key, with `\.` as a plain dot. The caller owns it. */
static char *name_of(const char *text)
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

static void note_origin(struct config *config, size_t index, const struct place *place)
{
    struct lv_buffer origin = {0};
    lv_buffer_printf(&origin, place->line > 0 ? "%s:%d" : "%s", place->name, place->line);
    free(config->origins[index]);
    config->origins[index] = (char *)origin.p;
}

/* `name` is what the star of a list's key stands for; NULL where `list = none` clears it. */
static int set(struct config *config, size_t index, const char *name, const char *key,
               const char *value, const struct place *place)
{
    const struct setting *s = &settings[index];
    char *plain = NULL;
    bool is_good = true;

    if (is_list(s) && (!name || !config->origins[index]))
        clear_list(config, s);
    note_origin(config, index, place);
    if (is_list(s) && name) {
        plain = name_of(name);
        is_good = config_value_read(config, s, plain, value);
        free(plain);
    } else if (is_list(s)) {
        is_good = strcmp(value, "none") == 0;
    } else {
        is_good = config_value_read(config, s, NULL, value);
    }
    if (!is_good)
        complain(s, key, value, place);
    return is_good ? 0 : ERR_INVALID;
}

/* Is it this list's key ("loopback_users.*")? *ret_name is then what stands for the star, or NULL
 * where the key is "loopback_users" alone. */
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
                      const struct place *place)
{
    const char *name = NULL;

    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (strcmp(aliases[i].key, key) == 0)
            return config_set_by_key(config, aliases[i].means, value, place);
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        if (strcmp(settings[i].key, key) == 0 || is_key_of_list(&settings[i], key, &name))
            return set(config, i, name, key, value, place);
    return ERR_NOT_FOUND;
}

int config_set(struct config *config, const char *key, const char *value, const char *origin,
               config_say say, void *arg)
{
    const struct place place = {origin, 0, say, arg};

    return config_set_by_key(config, key, value, &place);
}

void config_complain(const struct config *config, enum config_setting setting, const char *expected,
                     config_say say, void *arg)
{
    const struct setting *s = &settings[setting];
    const char *origin = config->origins[setting];
    const struct place place = {origin ? origin : "default", 0, say, arg};
    struct lv_buffer value = {0};

    config_value_print(config, s, &value);
    config_tell(&place, LOG_ERROR, "invalid value '%.*s' for %s: expected %s", (int)value.n,
                (const char *)value.p, s->key, expected);
    lv_buffer_free(&value);
}

/* --- Making and ending ------------------------------------------------------------------------ */

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

/* The caller owns it. */
static char *value_text(const struct config *config, const struct setting *s)
{
    struct lv_buffer out = {0};
    char *text;

    config_value_print(config, s, &out);
    text = slice_strdup(lv_buffer_slice(&out));
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
