/* The fields of a line are computed one by one where the format names them. Fields that are not
 * numbers are escaped (log_escape.h), whoever chose them. */
#include "base/log_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/log_escape.h"
#include "base/memory.h"

/* The fields that are no notes. A field is one of these, or FIELD_NOTES plus a note. */
enum field { FIELD_TIME, FIELD_LEVEL, FIELD_MSG, FIELD_DOMAIN, FIELD_NOTES };
enum {
    FIELD_PID = (int)FIELD_NOTES + LOG_NOTE_PID,
    FIELD_CHANNEL = (int)FIELD_NOTES + LOG_NOTE_CHANNEL,
    FIELD_COUNT = (int)FIELD_NOTES + LOG_NOTE_COUNT
};

static const char *const field_names[FIELD_NOTES] = {"time", "level", "msg", "domain"};

struct log_format {
    struct log_format_settings settings;
};

static const struct log_format format_default = {
    {.line = LOG_FORMAT_LINE_DEFAULT,
     .field_map = LOG_FORMAT_FIELD_MAP_DEFAULT,
     .verbosity_map = ""},
};

const struct log_format *log_format_default(void)
{
    return &format_default;
}

struct log_format *log_format_create(const struct log_format_settings *settings)
{
    struct log_format *f = lv_malloc(sizeof *f);
    f->settings = *settings;
    f->settings.line = slice_strdup(slice_str(settings->line));
    f->settings.field_map = slice_strdup(slice_str(settings->field_map));
    f->settings.verbosity_map = slice_strdup(slice_str(settings->verbosity_map));
    return f;
}

void log_format_free(struct log_format **format)
{
    struct log_format *f = *format;
    *format = NULL;
    if (!f)
        return;
    free((void *)f->settings.line);
    free((void *)f->settings.field_map);
    free((void *)f->settings.verbosity_map);
    free(f);
}

bool log_format_is_json(const struct log_format *format)
{
    return format->settings.is_json;
}

/* --- values ----------------------------------------------------------------------------------- */

static const char *level_text(enum log_level_format format, enum log_level level)
{
    static const char *const names[][LOG_NONE] = {
        [LOG_LEVEL_LC] = {"debug", "info", "warning", "error", "critical"},
        [LOG_LEVEL_UC] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"},
        [LOG_LEVEL_LC3] = {"dbg", "inf", "wrn", "err", "crt"},
        [LOG_LEVEL_UC3] = {"DBG", "INF", "WRN", "ERR", "CRT"},
        [LOG_LEVEL_LC4] = {"dbug", "info", "warn", "erro", "crit"},
        [LOG_LEVEL_UC4] = {"DBUG", "INFO", "WARN", "ERRO", "CRIT"},
    };
    lv_assert(level < LOG_NONE && format < sizeof names / sizeof *names);
    return names[format][level];
}

static void put_local_time(bool is_lager, char between, int64_t us, struct lv_buffer *out)
{
    char text[32];
    struct tm tm;
    time_t seconds = (time_t)(us / 1000000);
    localtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%d", &tm);
    lv_buffer_printf(out, "%s%c", text, between);
    strftime(text, sizeof text, "%H:%M:%S", &tm);
    lv_buffer_printf(out, "%s.", text);
    if (is_lager) {
        lv_buffer_printf(out, "%03d", (int)(us % 1000000 / 1000));
        return;
    }
    long minutes = tm.tm_gmtoff / 60;
    lv_buffer_printf(out, "%06d%c%02ld:%02ld", (int)(us % 1000000), minutes < 0 ? '-' : '+',
                     labs(minutes) / 60, labs(minutes) % 60);
}

void log_format_time(enum log_time_format format, int64_t us, struct lv_buffer *out)
{
    switch (format) {
    case LOG_TIME_RFC3339_SPACE: put_local_time(false, ' ', us, out); return;
    case LOG_TIME_RFC3339_T: put_local_time(false, 'T', us, out); return;
    case LOG_TIME_LAGER: put_local_time(true, ' ', us, out); return;
    case LOG_TIME_EPOCH_US: lv_buffer_printf(out, "%lld", (long long)us); return;
    case LOG_TIME_EPOCH_S:
        lv_buffer_printf(out, "%lld.%06d", (long long)(us / 1000000), (int)(us % 1000000));
        return;
    }
}

void log_format_domain(enum log_category category, struct lv_buffer *out)
{
    lv_buffer_printf(out, "rabbitmq");
    if (category != LOG_ABOUT_DEFAULT)
        lv_buffer_printf(out, ".%s", log_category_name(category));
}

/* Finds a field by its name. Returns false if there is no such field. */
static bool field_find(struct slice name, unsigned *ret)
{
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        const char *known =
            i < FIELD_NOTES ? field_names[i] : log_note_name((enum log_note)(i - FIELD_NOTES));
        if (slice_is(name, known)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static bool field_exists(const struct log_record *record, unsigned field)
{
    struct slice value;
    return field < FIELD_NOTES || field == FIELD_PID ||
           log_record_note(record, (enum log_note)(field - FIELD_NOTES), &value);
}

/* Returns the value of a note. A line that is about no connection has the pid 0, so that each line
 * has the form that readers of RabbitMQ's log expect. */
static struct slice note_text(const struct log_record *record, enum log_note note, char space[64])
{
    struct slice value = SLICE_EMPTY;
    bool has_one = log_record_note(record, note, &value);
    if (note != LOG_NOTE_PID)
        return value;
    int n = snprintf(space, 64, "<0.%.*s.0>", has_one ? (int)value.n : 1,
                     has_one ? (const char *)value.p : "0");
    return slice_of(space, (size_t)n);
}

/* --- as text ---------------------------------------------------------------------------------- */

static void put_field_text(const struct log_format_settings *f, const struct log_record *record,
                           unsigned field, struct lv_buffer *out)
{
    char space[64];
    switch (field) {
    case FIELD_TIME: log_format_time(f->time, record->us, out); return;
    case FIELD_LEVEL: lv_buffer_printf(out, "%s", level_text(f->level, record->level)); return;
    case FIELD_MSG: log_escape_text(out, record->text); return;
    case FIELD_DOMAIN: log_format_domain(record->category, out); return;
    default: log_escape_text(out, note_text(record, (enum log_note)(field - FIELD_NOTES), space));
    }
}

bool log_format_put_field(const struct log_record *record, struct slice name, struct lv_buffer *out)
{
    unsigned field;
    if (!field_find(name, &field) || !field_exists(record, field))
        return false;
    put_field_text(&format_default.settings, record, field, out);
    return true;
}

static bool is_name_character(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || c == '_';
}

/* Takes "$name" off the text. Returns false, with the text unchanged, if it does not begin so. */
static bool take_variable(struct slice *text, struct slice *ret_name)
{
    size_t n = 1;
    if (text->n < 2 || text->p[0] != '$' || !is_name_character(text->p[1]))
        return false;
    while (n < text->n && is_name_character(text->p[n]))
        n++;
    *ret_name = slice_of(text->p + 1, n - 1);
    *text = slice_of(text->p + n, text->n - n);
    return true;
}

static void put_text(const struct log_format_settings *f, const struct log_record *record,
                     struct lv_buffer *out)
{
    struct slice rest = slice_str(f->line), name;
    unsigned field;
    while (rest.n > 0) {
        if (!take_variable(&rest, &name)) {
            lv_buffer_add_u8(out, rest.p[0]);
            rest = slice_of(rest.p + 1, rest.n - 1);
        } else if (field_find(name, &field)) {
            put_field_text(f, record, field, out);
        } else {
            lv_buffer_printf(out, "<unknown %.*s>", SLICE_ARG(name));
        }
    }
}

/* --- in JSON ---------------------------------------------------------------------------------- */

/* Takes the next word, of those that spaces separate, off *rest. Returns false at the end. */
static bool take_word(struct slice *rest, struct slice *ret)
{
    size_t begin = 0, end;
    while (begin < rest->n && rest->p[begin] == ' ')
        begin++;
    for (end = begin; end < rest->n && rest->p[end] != ' ';)
        end++;
    *ret = slice_of(rest->p + begin, end - begin);
    *rest = slice_of(rest->p + end, rest->n - end);
    return ret->n > 0;
}

/* Splits "old:new"; new is old if there is no colon. */
static void split_pair(struct slice word, struct slice *ret_old, struct slice *ret_new)
{
    const uint8_t *colon = memchr(word.p, ':', word.n);
    *ret_old = *ret_new = word;
    if (!colon)
        return;
    size_t n = (size_t)(colon - word.p);
    *ret_old = slice_of(word.p, n);
    *ret_new = slice_of(colon + 1, word.n - n - 1);
}

static void put_buffer_json(struct lv_buffer *text, struct lv_buffer *out)
{
    log_escape_json(out, lv_buffer_slice(text));
    lv_buffer_free(text);
}

static void put_field_json(const struct log_format_settings *f, const struct log_record *record,
                           unsigned field, struct lv_buffer *out)
{
    struct lv_buffer text = {0};
    char space[64];
    switch (field) {
    case FIELD_TIME:
        if (f->time == LOG_TIME_EPOCH_S) { /* an integer, as RabbitMQ has it in JSON */
            lv_buffer_printf(out, "%lld", (long long)(record->us / 1000000));
        } else if (f->time == LOG_TIME_EPOCH_US) {
            log_format_time(f->time, record->us, out);
        } else {
            log_format_time(f->time, record->us, &text);
            put_buffer_json(&text, out);
        }
        return;
    case FIELD_LEVEL: lv_buffer_printf(out, "\"%s\"", level_text(f->level, record->level)); return;
    case FIELD_MSG: log_escape_json(out, record->text); return;
    case FIELD_DOMAIN:
        log_format_domain(record->category, &text);
        put_buffer_json(&text, out);
        return;
    case FIELD_CHANNEL:
        lv_buffer_add_slice(out, note_text(record, LOG_NOTE_CHANNEL, space)); /* a number */
        return;
    default: log_escape_json(out, note_text(record, (enum log_note)(field - FIELD_NOTES), space));
    }
}

static void put_member(const struct log_format_settings *f, const struct log_record *record,
                       unsigned field, struct slice name, struct lv_buffer *out)
{
    if (out->p[out->n - 1] != '{')
        lv_buffer_add_u8(out, ',');
    log_escape_json(out, name);
    lv_buffer_add_u8(out, ':');
    put_field_json(f, record, field, out);
}

/* Adds "verbosity" if the map has a number for the level. */
static void put_verbosity(const struct log_format_settings *f, enum log_level level,
                          struct lv_buffer *out)
{
    struct slice rest = slice_str(f->verbosity_map), word, name, value;
    while (take_word(&rest, &word)) {
        split_pair(word, &name, &value);
        if (!slice_is(name, log_level_name(level)) && !slice_is(name, "*"))
            continue;
        lv_buffer_printf(out, ",\"verbosity\":%d", atoi((const char *)value.p));
        return;
    }
}

/* First the fields that the map names, in its order; then the others, unless it has "*:-". */
static void put_json(const struct log_format_settings *f, const struct log_record *record,
                     struct lv_buffer *out)
{
    bool is_done[FIELD_COUNT] = {false}, has_rest = true;
    struct slice rest = slice_str(f->field_map), word, old, fresh;
    unsigned field;
    size_t begin = out->n;
    lv_buffer_add_u8(out, '{');
    while (take_word(&rest, &word)) {
        split_pair(word, &old, &fresh);
        if (slice_is(old, "*")) {
            has_rest = !slice_is(fresh, "-");
            continue;
        }
        if (!field_find(old, &field) || is_done[field])
            continue;
        is_done[field] = true;
        if (!slice_is(fresh, "-") && field_exists(record, field))
            put_member(f, record, field, fresh, out);
    }
    for (field = 0; has_rest && field < FIELD_COUNT; field++) {
        const char *name = field < FIELD_NOTES
                               ? field_names[field]
                               : log_note_name((enum log_note)(field - FIELD_NOTES));
        if (!is_done[field] && field_exists(record, field))
            put_member(f, record, field, slice_str(name), out);
    }
    if (out->n > begin + 1)
        put_verbosity(f, record->level, out);
    lv_buffer_add_u8(out, '}');
}

void log_format_put(const struct log_format *format, const struct log_record *record,
                    struct lv_buffer *out)
{
    if (format->settings.is_json)
        put_json(&format->settings, record, out);
    else
        put_text(&format->settings, record, out);
}
