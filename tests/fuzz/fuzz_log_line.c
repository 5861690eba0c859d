/* Any bytes as a log line's text and as the names in it: the line stays one line, in each format;
 * nothing in it moves a terminal's cursor or turns its text round; and JSON is valid, as jansson
 * reads it, with the same text in it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/assert.h"
#include "base/log_format.h"
#include "base/log_private.h"
#include "logging/journald.h"
#include "logging/syslog.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Returns whether the bytes are UTF-8. jansson's own check, for lack of another reader. */
static bool is_utf8(struct slice s)
{
    json_t *string = json_stringn((const char *)s.p, s.n);
    bool is_valid = string != NULL;
    json_decref(string);
    return is_valid;
}

/* Characters that no line may contain, as they are in UTF-8; beside them C0, DEL and C1. */
static const char *const forbidden[] = {
    "\xd8\x9c",     "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9",
    "\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad", "\xe2\x80\xae",
    "\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9", "\xef\xbb\xbf",
};

static void check_shown(struct slice line)
{
    lv_assert(is_utf8(line));
    for (size_t i = 0; i < line.n; i++) {
        lv_assert(line.p[i] >= 0x20 && line.p[i] != 0x7f);
        lv_assert(line.p[i] != 0xc2 || line.p[i + 1] >= 0xa0);
    }
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
        lv_assert(!memmem(line.p, line.n, forbidden[i], strlen(forbidden[i])));
}

/* Checks that the member has this text, unless the text is not UTF-8: then it is escaped. */
static void check_member(const json_t *object, const char *name, struct slice text)
{
    const json_t *value = json_object_get(object, name);
    lv_assert(json_is_string(value));
    if (!is_utf8(text))
        return;
    lv_assert(json_string_length(value) == text.n);
    lv_assert(memcmp(json_string_value(value), text.p, text.n) == 0);
}

static json_t *read_json(struct slice line, size_t flags)
{
    return json_loadb((const char *)line.p, line.n, flags | JSON_ALLOW_NUL, NULL);
}

static void check_json(const struct log_record *record, struct slice name)
{
    struct lv_buffer out = {0};
    struct log_format *format =
        log_format_create(&(struct log_format_settings){.is_json = true,
                                                        .line = "",
                                                        .field_map = LOG_FORMAT_FIELD_MAP_DEFAULT,
                                                        .verbosity_map = "warning:3 *:0"});
    log_format_put(format, record, &out);
    check_shown(lv_buffer_slice(&out));
    json_t *object = read_json(lv_buffer_slice(&out), JSON_REJECT_DUPLICATES);
    lv_assert(json_is_object(object));
    check_member(object, "msg", record->text);
    check_member(object, "user", name);
    check_member(object, "vhost", name);
    check_member(object, "connection_name", name);
    json_decref(object);
    log_format_free(&format);
    lv_buffer_free(&out);
}

/* The field map comes from a config file: whatever it is, the line is an object. */
static void check_field_map(const struct log_record *record, const char *map)
{
    struct lv_buffer out = {0};
    struct log_format *format = log_format_create(&(struct log_format_settings){
        .is_json = true, .line = "", .field_map = map, .verbosity_map = map});
    log_format_put(format, record, &out);
    check_shown(lv_buffer_slice(&out));
    json_t *object = read_json(lv_buffer_slice(&out), 0);
    lv_assert(json_is_object(object));
    json_decref(object);
    log_format_free(&format);
    lv_buffer_free(&out);
}

static void check_text(const struct log_record *record)
{
    struct lv_buffer out = {0};
    log_format_put(log_format_default(), record, &out);
    check_shown(lv_buffer_slice(&out));
    lv_buffer_free(&out);
}

static void check_syslog(const struct log_record *record, enum syslog_protocol protocol)
{
    struct lv_buffer out = {0};
    const struct syslog_settings settings = {
        .transport = SYSLOG_UDP, .protocol = protocol, .identity = "leveret", .facility = 3};
    syslog_compose(&settings, log_format_default(), "host", 1, record, &out);
    check_shown(lv_buffer_slice(&out));
    lv_buffer_free(&out);
}

/* Each line of a datagram for journald is NAME=value. */
static void check_journald(const struct log_record *record, const char *fields)
{
    struct lv_buffer out = {0};
    journald_compose(fields, "leveret", 1, record, &out);
    struct slice rest = lv_buffer_slice(&out);
    lv_assert(slice_begins(rest, "MESSAGE="));
    while (rest.n > 0) {
        const uint8_t *end = memchr(rest.p, '\n', rest.n);
        lv_assert(end != NULL);
        struct slice line = slice_of(rest.p, (size_t)(end - rest.p));
        const uint8_t *equals = memchr(line.p, '=', line.n);
        lv_assert(equals != NULL && equals > line.p);
        for (const uint8_t *p = line.p; p < equals; p++)
            lv_assert((*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_');
        check_shown(line);
        rest = slice_of(end + 1, rest.n - line.n - 1);
    }
    lv_buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const struct slice text = slice_of(bytes, n);
    const struct slice name = slice_of(bytes, n < 255 ? n : 255);
    char *setting = slice_strdup(name);
    log_notes_clear();
    log_note_number(LOG_NOTE_PID, n);
    log_note(LOG_NOTE_USER, name);
    log_note(LOG_NOTE_VHOST, name);
    log_note(LOG_NOTE_CONNECTION_NAME, name);
    const struct log_record record = {.us = 1796087260123456,
                                      .level = LOG_WARNING,
                                      .category = LOG_ABOUT_CONNECTION,
                                      .text = text,
                                      .notes = log_notes_now()};
    check_text(&record);
    check_json(&record, name);
    check_field_map(&record, setting);
    check_syslog(&record, SYSLOG_RFC3164);
    check_syslog(&record, SYSLOG_RFC5424);
    check_journald(&record, JOURNALD_FIELDS);
    check_journald(&record, setting);
    journald_fields_check(setting);
    free(setting);
    return 0;
}
