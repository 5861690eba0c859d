/* The settings as they are shown to an operator, and what differs between two configs. Secrets are
 * compared, and never shown. */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "leveretd/config_private.h"

void config_value_show(const struct config *config, size_t index, struct lv_buffer *out)
{
    const struct setting *s = &config_settings[index];
    bool is_secret = s->type == TYPE_SECRET ||
                     (config->is_hidden[index] && !config_type_has_own_secrets(s->type));
    if (is_secret)
        lv_buffer_printf(out, "%s", CONFIG_REDACTED);
    else
        config_value_print(config, s, true, out);
}

void config_text_free(char *text)
{
    if (!text)
        return;
    OPENSSL_cleanse(text, strlen(text));
    free(text);
}

/* Returns the value as a file would have it. The caller owns it. */
static char *value_text(const struct config *config, const struct setting *s)
{
    struct lv_buffer out = {0};
    config_value_print(config, s, false, &out);
    char *text = slice_strdup(lv_buffer_slice(&out));
    OPENSSL_cleanse(out.p, out.n);
    lv_buffer_free(&out);
    return text;
}

static bool is_equal(const struct config *a, const struct config *b, const struct setting *s)
{
    char *x = value_text(a, s);
    char *y = value_text(b, s);
    bool is_same = strcmp(x, y) == 0;
    config_text_free(x);
    config_text_free(y);
    return is_same;
}

/* Returns the value as it is shown. The caller owns it. */
static char *shown_text(const struct config *config, size_t index)
{
    struct lv_buffer out = {0};
    config_value_show(config, index, &out);
    char *text = slice_strdup(lv_buffer_slice(&out));
    lv_buffer_free(&out);
    return text;
}

void config_compare(const struct config *old, const struct config *fresh, config_difference visit,
                    void *arg)
{
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        if (is_equal(old, fresh, &config_settings[i]))
            continue;
        char *a = shown_text(old, i);
        char *b = shown_text(fresh, i);
        visit(arg, config_settings[i].key, config_settings[i].is_reloadable, a, b);
        free(a);
        free(b);
    }
}

/* Visits one entry: `name` takes the place of the star in the key. */
static void visit_entry(const struct setting *s, const char *name, const char *value,
                        const char *origin, config_visit visit, void *arg)
{
    const char *star = strchr(s->key, '*');
    struct lv_buffer key = {0};
    lv_buffer_printf(&key, "%.*s%s%s", (int)(star - s->key), s->key, name, star + 1);
    visit(arg, (const char *)key.p, value, s->value, origin);
    lv_buffer_free(&key);
}

/* Visits a family without entries as "loopback_users" = none. One with a star within its key, such
 * as log.*.level, has no key of its own to be none. */
static void visit_none(const struct setting *s, const char *origin, config_visit visit, void *arg)
{
    size_t n = strlen(s->key);
    if (s->key[n - 1] != '*')
        return;
    char *key = slice_strdup(slice_of(s->key, n - 2));
    visit(arg, key, "none", s->value, origin);
    free(key);
}

static void visit_entries(const struct config *config, size_t index, config_visit visit, void *arg)
{
    const struct setting *s = &config_settings[index];
    const void *m = config_member(config, s);
    const char *origin = config->origins[index];
    const struct config_flags *flags = m;
    const struct config_listeners *listeners = m;
    const struct config_pairs *pairs = m;
    size_t count = s->type == TYPE_FLAGS       ? flags->count
                   : s->type == TYPE_LISTENERS ? listeners->count
                                               : pairs->count;
    for (size_t i = 0; i < count; i++) {
        if (s->type == TYPE_FLAGS) {
            visit_entry(s, flags->names[i], "true", origin, visit, arg);
        } else if (s->type == TYPE_LISTENERS) {
            const struct config_listeners one = {&listeners->items[i], 1};
            struct lv_buffer value = {0};
            config_listeners_print(&one, &value);
            visit_entry(s, listeners->items[i].name, (const char *)value.p, origin, visit, arg);
            lv_buffer_free(&value);
        } else {
            const struct config_pair *pair = &pairs->items[i];
            visit_entry(s, pair->name, config_pair_is_secret(pair) ? CONFIG_REDACTED : pair->value,
                        pair->origin, visit, arg);
        }
    }
    if (count == 0)
        visit_none(s, origin, visit, arg);
}

void config_visit_all(const struct config *config, config_visit visit, void *arg)
{
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        if (config_type_has_entries(config_settings[i].type)) {
            visit_entries(config, i, visit, arg);
            continue;
        }
        char *value = shown_text(config, i);
        visit(arg, config_settings[i].key, value, config_settings[i].value, config->origins[i]);
        free(value);
    }
}
