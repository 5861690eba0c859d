/* Reads one value from text into a member of the config, and prints it back, by its type.
 *
 * Each type has a reader, a description of the values it takes, and a printer: the three switches
 * over all types below. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/byte_size.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/pattern.h"
#include "leveretd/config_private.h"

void *config_member(const struct config *config, const struct setting *s)
{
    return (char *)(uintptr_t)config + s->offset;
}

static bool value_is_none(const char *value)
{
    return value[0] == '\0' || strcmp(value, "none") == 0 || strcmp(value, "undefined") == 0 ||
           strcmp(value, "infinity") == 0 || strcmp(value, "false") == 0;
}

bool config_is_none(const char *text)
{
    return text[0] == '\0' || strcmp(text, "none") == 0;
}

bool config_digits_read(const char *text, int64_t *ret, const char **ret_end)
{
    int64_t n = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n))
            return false;
    *ret = n;
    *ret_end = p;
    return p > text;
}

static bool read_number(const struct setting *s, const char *value, int64_t *ret)
{
    if (s->type == TYPE_NUMBER && strcmp(value, "infinity") == 0) {
        *ret = s->to;
        return true;
    }
    const char *end;
    int64_t n;
    if (!config_digits_read(value, &n, &end) || *end != '\0' || n > s->to)
        return false;
    if (n < s->from && (s->type != TYPE_NUMBER_OR_ZERO || n != 0))
        return false;
    *ret = n;
    return true;
}

static bool read_bytes(const struct setting *s, const char *value, int64_t *ret)
{
    int64_t n;
    if (lv_byte_size_parse(value, &n) < 0 || n < s->from || n > s->to)
        return false;
    *ret = n;
    return true;
}

bool config_bool_read(const char *value, bool *ret)
{
    bool is_true = strcmp(value, "true") == 0 || strcmp(value, "on") == 0;
    if (!is_true && strcmp(value, "false") != 0 && strcmp(value, "off") != 0)
        return false;
    *ret = is_true;
    return true;
}

static bool read_ratio(const struct setting *s, const char *value, double *ret)
{
    if (value[0] != '.' && (value[0] < '0' || value[0] > '9'))
        return false;
    char *end;
    double ratio = strtod(value, &end);
    if (*end != '\0' || !isfinite(ratio) || ratio < (double)s->from || ratio > (double)s->to)
        return false;
    *ret = ratio;
    return true;
}

/* RabbitMQ has more levels than Leveret: the nearest one is used. */
static bool read_level(const char *value, int *ret)
{
    if (strcmp(value, "notice") == 0)
        value = "info";
    if (strcmp(value, "alert") == 0 || strcmp(value, "emergency") == 0)
        value = "critical";
    enum log_level level;
    if (!log_level_parse(value, &level))
        return false;
    *ret = (int)level;
    return true;
}

/* A string has bounds if `to` is not 0. */
static bool has_good_length(const struct setting *s, const char *value)
{
    int64_t n = (int64_t)strlen(value);
    return s->to == 0 || (n >= s->from && n <= s->to);
}

static bool is_pattern(const char *value)
{
    struct pattern *pattern;
    if (pattern_compile(slice_str(value), &pattern, NULL) < 0)
        return false;
    pattern_free(&pattern);
    return true;
}

static bool read_string(const struct setting *s, const char *value, char **ret)
{
    if (!has_good_length(s, value))
        return false;
    if (s->type == TYPE_PATTERN && !is_pattern(value))
        return false;
    config_text_free(*ret);
    *ret = lv_strdup(value);
    return true;
}

/* --- Words ------------------------------------------------------------------------------------ */

enum { WORDS_MAX = 16 };

static const char *const words[][WORDS_MAX + 1] = {
#define WORDS_ROW(name, ...) [name] = {__VA_ARGS__},
    CONFIG_WORDS(WORDS_ROW)
#undef WORDS_ROW
};

static int word_count(int64_t list)
{
    lv_assert(list >= 0 && list < (int64_t)(sizeof words / sizeof *words));
    int n = 0;
    while (words[list][n])
        n++;
    return n;
}

const char *config_word(enum config_words list, int value)
{
    lv_assert(value >= 0 && value < word_count(list));
    return words[list][value];
}

static bool read_word(const struct setting *s, const char *value, int *ret)
{
    for (int i = 0; i < word_count(s->from); i++) {
        if (strcmp(value, words[s->from][i]) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

bool config_word_is(const struct setting *s, const char *value)
{
    int ignored;
    return read_word(s, value, &ignored);
}

/* A LIST has words if `to` is not 0. */
static bool is_value_of_list(const struct setting *s, const char *value)
{
    return s->to == 0 ? value[0] != '\0' : config_word_is(s, value);
}

/* Appends "sync, interval or none". */
static void describe_words(const struct setting *s, struct lv_buffer *out)
{
    int count = word_count(s->from);
    for (int i = 0; i < count; i++)
        lv_buffer_printf(out, "%s%s",
                         i == 0          ? ""
                         : i < count - 1 ? ", "
                                         : " or ",
                         words[s->from][i]);
}

static void describe_text(const struct setting *s, struct lv_buffer *out)
{
    if (s->type == TYPE_PATTERN)
        lv_buffer_printf(out, "a regular expression");
    else if (s->to > 0)
        lv_buffer_printf(out, "text of %lld to %lld bytes", (long long)s->from, (long long)s->to);
    else
        lv_buffer_printf(out, "text");
}

bool config_type_has_entries(enum type type)
{
    return type == TYPE_FLAGS || type == TYPE_LISTENERS || type == TYPE_LIST || type == TYPE_PAIRS;
}

bool config_type_has_own_secrets(enum type type)
{
    return type == TYPE_LIST || type == TYPE_PAIRS;
}

bool config_value_read(struct config *config, const struct setting *s, const char *name,
                       const char *value, const char *origin)
{
    void *m = config_member(config, s);
    lv_assert(name || !config_type_has_entries(s->type));
    switch (s->type) {
    case TYPE_NUMBER:
    case TYPE_NUMBER_OR_ZERO: return read_number(s, value, m);
    case TYPE_BYTES: return read_bytes(s, value, m);
    case TYPE_NUMBER_OR_NONE:
    case TYPE_BYTES_OR_NONE:
        if (value_is_none(value)) {
            *(int64_t *)m = CONFIG_NONE;
            return true;
        }
        return s->type == TYPE_NUMBER_OR_NONE ? read_number(s, value, m) : read_bytes(s, value, m);
    case TYPE_BOOL: return config_bool_read(value, m);
    case TYPE_RATIO: return read_ratio(s, value, m);
    case TYPE_STRING:
    case TYPE_PATTERN:
    case TYPE_SECRET: return read_string(s, value, m);
    case TYPE_ENUM: return read_word(s, value, m);
    case TYPE_LEVEL: return read_level(value, m);
    case TYPE_LEVEL_OR_NONE:
        if (value[0] == '\0') {
            *(int *)m = CONFIG_NONE;
            return true;
        }
        return read_level(value, m);
    case TYPE_FLAGS: return config_flag_read(m, name, value);
    case TYPE_LISTENERS: return config_listener_read(m, name, value);
    case TYPE_LIST:
        if (!is_value_of_list(s, value))
            return false;
        config_pairs_put(m, name, value, origin, true);
        return true;
    case TYPE_PAIRS: config_pairs_put(m, name, value, origin, false); return true;
    }
    lv_unreachable();
}

void config_value_hide(struct config *config, const struct setting *s, const char *name)
{
    struct config_pairs *pairs = config_member(config, s);
    lv_assert(s->type == TYPE_LIST || s->type == TYPE_PAIRS);
    for (size_t i = 0; i < pairs->count; i++)
        pairs->items[i].is_hidden |= strcmp(pairs->items[i].name, name) == 0;
}

void config_value_clear(struct config *config, const struct setting *s)
{
    if (s->type == TYPE_FLAGS)
        config_flags_clear(config_member(config, s));
    if (s->type == TYPE_LISTENERS)
        config_listeners_clear(config_member(config, s));
    if (s->type == TYPE_LIST || s->type == TYPE_PAIRS)
        config_pairs_clear(config_member(config, s));
}

void config_value_describe(const struct setting *s, struct lv_buffer *out)
{
    switch (s->type) {
    case TYPE_NUMBER:
    case TYPE_NUMBER_OR_NONE:
        lv_buffer_printf(out, "a whole number from %lld to %lld", (long long)s->from,
                         (long long)s->to);
        break;
    case TYPE_NUMBER_OR_ZERO:
        lv_buffer_printf(out, "0 or a whole number from %lld to %lld", (long long)s->from,
                         (long long)s->to);
        break;
    case TYPE_BYTES:
    case TYPE_BYTES_OR_NONE:
        lv_buffer_printf(out, "a size from %lld to %lld bytes, such as 1000000, 50MB or 2GiB",
                         (long long)s->from, (long long)s->to);
        break;
    case TYPE_BOOL:
    case TYPE_FLAGS: lv_buffer_printf(out, "true or false"); break;
    case TYPE_RATIO:
        lv_buffer_printf(out, "a number from %lld to %lld, such as 0.4", (long long)s->from,
                         (long long)s->to);
        break;
    case TYPE_STRING:
    case TYPE_PATTERN:
    case TYPE_SECRET: describe_text(s, out); break;
    case TYPE_ENUM: describe_words(s, out); break;
    case TYPE_LEVEL:
    case TYPE_LEVEL_OR_NONE:
        lv_buffer_printf(out, "debug, info, warning, error, critical or none");
        break;
    case TYPE_LISTENERS:
        lv_buffer_printf(out,
                         "a port such as 5672, or a numeric address and a port such as "
                         "127.0.0.1:5672 or [::1]:5672 (at most %d listeners)",
                         CONFIG_LISTENERS_MAX);
        break;
    case TYPE_LIST:
        if (s->to == 0)
            lv_buffer_printf(out, "text");
        else
            describe_words(s, out);
        break;
    case TYPE_PAIRS: lv_buffer_printf(out, "text"); break;
    }
    if (s->type == TYPE_NUMBER_OR_NONE || s->type == TYPE_BYTES_OR_NONE)
        lv_buffer_printf(out, ", or none");
}

static void print_number(const struct setting *s, int64_t n, struct lv_buffer *out)
{
    bool can_be_none = s->type == TYPE_NUMBER_OR_NONE || s->type == TYPE_BYTES_OR_NONE;
    if (can_be_none && n == CONFIG_NONE)
        lv_buffer_printf(out, "none");
    else
        lv_buffer_printf(out, "%lld", (long long)n);
}

static void print_level(int level, struct lv_buffer *out)
{
    static const char *const names[] = {
#define LEVEL_NAME(id, text) [id] = text,
        LOG_LEVELS(LEVEL_NAME)
#undef LEVEL_NAME
    };
    if (level == CONFIG_NONE)
        return;
    lv_assert(level >= 0 && level < (int)(sizeof names / sizeof *names));
    lv_buffer_printf(out, "%s", names[level]);
}

void config_value_print(const struct config *config, const struct setting *s, bool is_shown,
                        struct lv_buffer *out)
{
    const void *m = config_member(config, s);
    switch (s->type) {
    case TYPE_NUMBER:
    case TYPE_NUMBER_OR_NONE:
    case TYPE_NUMBER_OR_ZERO:
    case TYPE_BYTES:
    case TYPE_BYTES_OR_NONE: print_number(s, *(const int64_t *)m, out); return;
    case TYPE_BOOL: lv_buffer_printf(out, "%s", *(const bool *)m ? "true" : "false"); return;
    case TYPE_RATIO: lv_buffer_printf(out, "%g", *(const double *)m); return;
    case TYPE_STRING:
    case TYPE_PATTERN:
    case TYPE_SECRET: lv_buffer_printf(out, "%s", *(char *const *)m); return;
    case TYPE_ENUM:
        lv_buffer_printf(out, "%s", config_word((enum config_words)s->from, *(const int *)m));
        return;
    case TYPE_LEVEL:
    case TYPE_LEVEL_OR_NONE: print_level(*(const int *)m, out); return;
    case TYPE_FLAGS: config_flags_print(m, out); return;
    case TYPE_LISTENERS: config_listeners_print(m, out); return;
    case TYPE_LIST:
    case TYPE_PAIRS: config_pairs_print(m, s->type == TYPE_PAIRS, is_shown, out); return;
    }
    lv_unreachable();
}
