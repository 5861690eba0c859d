/* The broker's settings: which key sets which setting; a config created, compared, printed, freed.
 *
 * Two tables decide what a key means: CONFIG_SETTINGS (config.h), and the aliases below. Keys
 * without effect are in config_keys.c, values in config_values.c and config_lists.c; config_file.c
 * reads lines and files, config_environment.c the environment. */
#include "leveretd/config.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "leveretd/config_private.h"

const struct setting config_settings[CONFIG_SETTING_COUNT] = {
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
    {"log.syslog.ip", "log.syslog.host"},
    {"max_connections", "connection_max"},
    {"management.listener.port", "management.tcp.port"},
    {"management.listener.ip", "management.tcp.ip"},
    {"management.load_definitions", "load_definitions"},
    {"definitions.local.path", "load_definitions"},
    {"max_channels_per_connection", "channel_max"},
    {"product.name", "server_product"},
    {"product.version", "server_version"},
};

/* --- Setting one ------------------------------------------------------------------------------ */

/* `name` is the entry's name in a list, or NULL. */
static void value_complain(const struct setting *s, const char *key, const char *name,
                           const char *value, const struct location *location)
{
    struct lv_buffer expected = {0};
    if (config_type_has_entries(s->type) && !name)
        lv_buffer_printf(&expected, "none, or a line for each entry: %s.%s = ...", key,
                         s->type == TYPE_LIST ? "N" : "NAME");
    else
        config_value_describe(s, &expected);
    if (s->type == TYPE_SECRET || location->is_secret)
        config_tell(location, LOG_ERROR, "invalid value for %s: expected %s", key,
                    (const char *)expected.p);
    else
        config_tell(location, LOG_ERROR, "invalid value '%s' for %s: expected %s", value, key,
                    (const char *)expected.p);
    lv_buffer_free(&expected);
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

/* Returns "FILE:LINE", or the source alone. The caller owns it. */
static char *origin_text(const struct location *location)
{
    struct lv_buffer origin = {0};
    lv_buffer_printf(&origin, location->line > 0 ? "%s:%d" : "%s", location->source,
                     location->line);
    return (char *)origin.p;
}

/* Sets one entry of a setting that has entries, or all of them to none if `name` is NULL. The first
 * line that sets an entry replaces the default. */
static bool set_entry(struct config *config, size_t index, const char *name, const char *value,
                      const char *origin, bool is_secret)
{
    const struct setting *s = &config_settings[index];
    if (!name || !config->origins[index])
        config_value_clear(config, s);
    if (!name)
        return strcmp(value, "none") == 0;
    char *plain = unescape_name(name);
    bool is_good = config_value_read(config, s, plain, value, origin);
    if (is_good && is_secret && config_type_has_own_secrets(s->type))
        config_value_hide(config, s, plain);
    free(plain);
    return is_good;
}

/* Sets one setting. `name` is the name of an entry; it is NULL for settings without entries and
 * where the key is the family itself, whose only value is none. */
static int set_value(struct config *config, size_t index, const char *name, const char *key,
                     const char *value, const struct location *location)
{
    const struct setting *s = &config_settings[index];
    char *origin = origin_text(location);
    bool is_good = config_type_has_entries(s->type)
                       ? set_entry(config, index, name, value, origin, location->is_secret)
                       : config_value_read(config, s, NULL, value, origin);
    free(config->origins[index]);
    config->origins[index] = origin;
    config->is_hidden[index] = location->is_secret;
    if (!is_good)
        value_complain(s, key, name, value, location);
    return is_good ? 0 : ERR_INVALID;
}

/* Returns true if the key is of this family ("loopback_users.*", "log.*.level"). *ret_name is then
 * the part of the key in place of the star, which the caller owns, or NULL if the key is
 * "loopback_users" alone. */
static bool is_key_of_family(const struct setting *s, const char *key, char **ret_name)
{
    const char *star = strchr(s->key, '*');
    if (!star)
        return false;
    size_t before = (size_t)(star - s->key);
    size_t after = strlen(star + 1);
    size_t n = strlen(key);
    if (after == 0 && n == before - 1 && strncmp(key, s->key, n) == 0) {
        *ret_name = NULL;
        return true;
    }
    if (n <= before + after || strncmp(key, s->key, before) != 0 ||
        strcmp(key + n - after, star + 1) != 0)
        return false;
    *ret_name = slice_strdup(slice_of(key + before, n - before - after));
    return true;
}

/* Finds the setting of the key: the one with that very key, else the family with the longest key
 * that fits. Returns CONFIG_SETTING_COUNT if there is none. The caller owns *ret_name, which is
 * NULL where is_key_of_family() says so and for a setting without entries. */
static size_t find_setting(const char *key, char **ret_name)
{
    size_t found = CONFIG_SETTING_COUNT;
    *ret_name = NULL;
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        if (strcmp(config_settings[i].key, key) == 0 && !strchr(key, '*'))
            return i;
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        char *name;
        if (!is_key_of_family(&config_settings[i], key, &name))
            continue;
        if (found < CONFIG_SETTING_COUNT &&
            strlen(config_settings[found].key) > strlen(config_settings[i].key)) {
            free(name);
            continue;
        }
        free(*ret_name);
        *ret_name = name;
        found = i;
    }
    return found;
}

static int set_encrypted(struct config *config, size_t index, const char *name, const char *key,
                         const char *value, const struct location *location)
{
    struct location secret = *location;
    secret.is_secret = true;
    char *plain = config_decrypt(config, key, value, &secret);
    if (!plain)
        return ERR_INVALID;
    int err = set_value(config, index, name, key, plain, &secret);
    OPENSSL_cleanse(plain, strlen(plain));
    free(plain);
    return err;
}

int config_set_by_key(struct config *config, const char *key, const char *value,
                      const struct location *location)
{
    char *name;
    size_t index = find_setting(config_canonical_key(key), &name);
    int err = index == CONFIG_SETTING_COUNT ? ERR_NOT_FOUND : 0;
    if (err == 0 && config_is_encrypted(value))
        err = set_encrypted(config, index, name, key, value, location);
    else if (err == 0)
        err = set_value(config, index, name, key, value, location);
    free(name);
    return err;
}

const char *config_canonical_key(const char *key)
{
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (strcmp(aliases[i].key, key) == 0)
            return aliases[i].means;
    return key;
}

bool config_key_is_family(const char *key)
{
    char *name;
    size_t index = find_setting(config_canonical_key(key), &name);
    bool is_family = index < CONFIG_SETTING_COUNT && !name &&
                     config_type_has_entries(config_settings[index].type);
    free(name);
    return is_family;
}

void config_suggest_aliases(struct nearest *nearest)
{
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        config_suggest_consider(nearest, aliases[i].key);
}

const char *config_default_of(const char *key)
{
    char *name;
    size_t index = find_setting(config_canonical_key(key), &name);
    bool has_default = index < CONFIG_SETTING_COUNT && !strchr(config_settings[index].key, '*') &&
                       config_settings[index].value[0] != '\0';
    free(name);
    return has_default ? config_settings[index].value : NULL;
}

int config_set(struct config *config, const char *key, const char *value, const char *origin,
               config_say say, void *arg)
{
    const struct location location = {.source = origin, .say = say, .arg = arg};
    lv_assert(origin);
    return config_set_by_key(config, key, value, &location);
}

void config_complain(const struct config *config, enum config_setting setting, const char *expected,
                     config_say say, void *arg)
{
    lv_assert(setting < CONFIG_SETTING_COUNT);
    const struct setting *s = &config_settings[setting];
    const char *origin = config->origins[setting];
    const struct location location = {
        .source = origin ? origin : "default", .say = say, .arg = arg};
    struct lv_buffer value = {0};

    config_value_show(config, setting, &value);
    config_tell(&location, LOG_ERROR, "invalid value '%.*s' for %s: expected %s", (int)value.n,
                (const char *)value.p, s->key, expected);
    lv_buffer_free(&value);
}

void config_complain_of_entry(const struct config *config, enum config_setting setting,
                              size_t index, const char *expected, config_say say, void *arg)
{
    lv_assert(setting < CONFIG_SETTING_COUNT);
    const struct setting *s = &config_settings[setting];
    const struct config_pairs *pairs = config_member(config, s);
    lv_assert(s->type == TYPE_LIST || s->type == TYPE_PAIRS);
    lv_assert(index < pairs->count);
    const struct config_pair *pair = &pairs->items[index];
    const struct location location = {
        .source = pair->origin ? pair->origin : "default", .say = say, .arg = arg};
    const char *star = strchr(s->key, '*');
    if (config_pair_is_secret(pair))
        config_tell(&location, LOG_ERROR, "invalid value for %.*s%s%s: expected %s",
                    (int)(star - s->key), s->key, pair->name, star + 1, expected);
    else
        config_tell(&location, LOG_ERROR, "invalid value '%s' for %.*s%s%s: expected %s",
                    pair->value, (int)(star - s->key), s->key, pair->name, star + 1, expected);
}

/* --- Creating and freeing --------------------------------------------------------------------- */

static void set_default(struct config *config, size_t i)
{
    const struct setting *s = &config_settings[i];
    bool is_good = true;
    if (s->type == TYPE_LIST)
        config_pairs_put_words(config_member(config, s), s->value);
    else if (s->type == TYPE_FLAGS)
        is_good = config_value_read(config, s, s->value, "true", NULL);
    else if (s->type != TYPE_PAIRS && (s->type != TYPE_LISTENERS || s->value[0] != '\0'))
        is_good = config_value_read(config, s, "default", s->value, NULL);
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
        const struct setting *s = &config_settings[i];
        free((*config)->origins[i]);
        if (s->type == TYPE_STRING || s->type == TYPE_SECRET || s->type == TYPE_PATTERN)
            config_text_free(*(char **)config_member(*config, s));
        config_value_clear(*config, s);
    }
    for (size_t i = 0; i < (*config)->file_count; i++)
        free((*config)->files[i]);
    free((*config)->files);
    free(*config);
    *config = NULL;
}

enum log_level config_log_level(const struct config *config)
{
    if (config->log_console_level != CONFIG_NONE)
        return (enum log_level)config->log_console_level;
    return (enum log_level)config->log_level;
}

bool config_fetches_definitions(const struct config *config)
{
    return config->definitions_backend == CONFIG_DEFINITIONS_HTTPS ||
           config->definitions_backend == CONFIG_DEFINITIONS_HTTP;
}

bool config_loads_definitions(const struct config *config)
{
    return config->load_definitions[0] != '\0' || config_fetches_definitions(config);
}
