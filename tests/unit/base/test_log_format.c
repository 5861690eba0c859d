/* Lines as text and in JSON, with RabbitMQ's settings; and what is escaped in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log_escape.h"
#include "base/log_format.h"
#include "base/log_private.h"

enum { US = 123456 };

/* 2026-12-01 01:07:40.123456, with the notes that this thread has added. */
static struct log_record record_of(enum log_level level, enum log_category category,
                                   const char *text)
{
    return (struct log_record){
        .us = 1796087260000000 + US,
        .level = level,
        .category = category,
        .text = slice_str(text),
        .notes = log_notes_now(),
    };
}

static const struct log_format_settings plain = {.line = LOG_FORMAT_LINE_DEFAULT,
                                                 .field_map = LOG_FORMAT_FIELD_MAP_DEFAULT,
                                                 .verbosity_map = ""};

static void expect_line(struct log_format_settings settings, const struct log_record *record,
                        const char *expected)
{
    struct log_format *f = log_format_create(&settings);
    struct lv_buffer out = {0};
    log_format_put(f, record, &out);
    lv_buffer_add_u8(&out, '\0');
    assert_string_equal((const char *)out.p, expected);
    lv_buffer_free(&out);
    log_format_free(&f);
    assert_null(f);
}

static int use_utc(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    log_notes_clear();
    return 0;
}

static void note_a_connection(void)
{
    log_note_number(LOG_NOTE_PID, 17);
    log_note(LOG_NOTE_CONNECTION, slice_str("10.0.0.7:51044 -> 10.0.0.1:5672"));
    log_note(LOG_NOTE_USER, slice_str("ann"));
    log_note(LOG_NOTE_VHOST, slice_str("/"));
    log_note_number(LOG_NOTE_CHANNEL, 3);
}

static void text_has_rabbitmqs_form(void **state)
{
    (void)state;
    struct log_record r = record_of(LOG_INFO, LOG_ABOUT_DEFAULT, "it works");
    expect_line(plain, &r, "2026-12-01 01:07:40.123456+00:00 [info] <0.0.0> it works");
    note_a_connection();
    r = record_of(LOG_ERROR, LOG_ABOUT_CONNECTION, "gone");
    expect_line(plain, &r, "2026-12-01 01:07:40.123456+00:00 [error] <0.17.0> gone");
}

static void text_is_composed_as_its_format_says(void **state)
{
    (void)state;
    struct log_format_settings s = plain;
    note_a_connection();
    struct log_record r = record_of(LOG_WARNING, LOG_ABOUT_CHANNEL, "slow");
    s.level = LOG_LEVEL_UC4;
    s.time = LOG_TIME_EPOCH_S;
    s.line = "$time $level $domain $user@$vhost: $msg, $$ $5 $nonsense$";
    expect_line(s, &r,
                "1796087260.123456 WARN rabbitmq.channel ann@/: slow, $$ $5 <unknown nonsense>$");
}

static void times_have_rabbitmqs_forms(void **state)
{
    static const char *const expected[] = {
        [LOG_TIME_RFC3339_SPACE] = "2026-12-01 06:37:40.123456+05:30",
        [LOG_TIME_RFC3339_T] = "2026-12-01T06:37:40.123456+05:30",
        [LOG_TIME_EPOCH_US] = "1796087260123456",
        [LOG_TIME_EPOCH_S] = "1796087260.123456",
        [LOG_TIME_LAGER] = "2026-12-01 06:37:40.123",
    };
    (void)state;
    setenv("TZ", "XXX-5:30", 1);
    tzset();
    struct log_format_settings s = plain;
    struct log_record r = record_of(LOG_INFO, LOG_ABOUT_DEFAULT, "");
    s.line = "$time";
    for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++) {
        s.time = (enum log_time_format)i;
        expect_line(s, &r, expected[i]);
    }
    setenv("TZ", "XXX+3:30", 1);
    tzset();
    s.time = LOG_TIME_RFC3339_SPACE;
    expect_line(s, &r, "2026-11-30 21:37:40.123456-03:30");
}

static void json_has_rabbitmqs_fields_and_the_notes(void **state)
{
    (void)state;
    struct log_format_settings s = plain;
    s.is_json = true;
    struct log_record r = record_of(LOG_INFO, LOG_ABOUT_DEFAULT, "it \"works\"");
    expect_line(s, &r,
                "{\"time\":\"2026-12-01 01:07:40.123456+00:00\",\"level\":\"info\","
                "\"msg\":\"it \\\"works\\\"\",\"domain\":\"rabbitmq\",\"pid\":\"<0.0.0>\"}");
    note_a_connection();
    r = record_of(LOG_ERROR, LOG_ABOUT_CHANNEL, "gone");
    expect_line(s, &r,
                "{\"time\":\"2026-12-01 01:07:40.123456+00:00\",\"level\":\"error\","
                "\"msg\":\"gone\",\"domain\":\"rabbitmq.channel\",\"pid\":\"<0.17.0>\","
                "\"connection\":\"10.0.0.7:51044 -> 10.0.0.1:5672\",\"user\":\"ann\","
                "\"vhost\":\"/\",\"channel\":3}");
}

static void json_fields_are_renamed_reordered_and_left_out(void **state)
{
    (void)state;
    struct log_format_settings s = plain;
    s.is_json = true;
    s.time = LOG_TIME_EPOCH_S;
    note_a_connection();
    struct log_record r = record_of(LOG_ERROR, LOG_ABOUT_CHANNEL, "gone");
    s.field_map = "msg:message level time:ts vhost:- unheard_of  *:-";
    expect_line(s, &r, "{\"message\":\"gone\",\"level\":\"error\",\"ts\":1796087260}");
    s.field_map = "level:severity time:- connection:- pid:- domain:-";
    s.verbosity_map = "debug:2 info:1 *:0";
    expect_line(s, &r,
                "{\"severity\":\"error\",\"msg\":\"gone\",\"user\":\"ann\",\"vhost\":\"/\","
                "\"channel\":3,\"verbosity\":0}");
    s.field_map = "*:-";
    expect_line(s, &r, "{}");
}

/* --- escapes ---------------------------------------------------------------------------------- */

static const char hostile[] =
    "a\n\r\t\x1b[2J\x7f\xc2\x9b\"\\ caf\xc3\xa9 \xe2\x80\xae \xe2\x80\xa8 "
    "\xff \xed\xa0\x80 \xf0\x9f\x90\x87 \xc3";

static void text_is_escaped_for_lines_and_terminals(void **state)
{
    struct lv_buffer out = {0};
    (void)state;
    log_escape_text(&out, slice_str(hostile));
    lv_buffer_add_u8(&out, '\0');
    assert_string_equal((const char *)out.p,
                        "a\\n\\r\\t\\x1b[2J\\x7f\\u009b\"\\ caf\xc3\xa9 \\u202e \\u2028 \\xff "
                        "\\xed\\xa0\\x80 \xf0\x9f\x90\x87 \\xc3");
    lv_buffer_free(&out);
}

static void json_gives_a_reader_the_same_text(void **state)
{
    struct lv_buffer out = {0};
    json_error_t error;
    (void)state;
    log_escape_json(&out, slice_of(hostile, sizeof hostile)); /* with its NUL */
    for (size_t i = 0; i < out.n; i++)
        assert_true(out.p[i] >= 0x20 && out.p[i] != 0x7f);
    json_t *read = json_loadb((const char *)out.p, out.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    assert_non_null(read);
    const char expected[] = "a\n\r\t\x1b[2J\x7f\xc2\x9b\"\\ caf\xc3\xa9 \xe2\x80\xae \xe2\x80\xa8 "
                            "\\xff \\xed\\xa0\\x80 \xf0\x9f\x90\x87 \\xc3";
    assert_int_equal(json_string_length(read), sizeof expected);
    assert_memory_equal(json_string_value(read), expected, sizeof expected);
    json_decref(read);
    lv_buffer_free(&out);
}

/* --- notes ------------------------------------------------------------------------------------ */

static void a_later_note_replaces_an_earlier_one(void **state)
{
    struct slice value;
    char stored[LOG_STORED_BYTES_MAX];
    struct log_record r, loaded;
    (void)state;
    note_a_connection();
    log_note(LOG_NOTE_USER, slice_str("berta"));
    r = record_of(LOG_INFO, LOG_ABOUT_QUEUE, "text");
    log_record_store(&r, stored);
    log_record_load(stored, &loaded);
    assert_true(log_record_note(&loaded, LOG_NOTE_USER, &value));
    assert_true(slice_is(value, "berta"));
    assert_true(log_record_note(&loaded, LOG_NOTE_CHANNEL, &value));
    assert_true(slice_is(value, "3"));
    assert_false(log_record_note(&loaded, LOG_NOTE_PEER, &value));
    assert_true(slice_is(loaded.text, "text"));
    assert_int_equal(loaded.category, LOG_ABOUT_QUEUE);
}

static void a_note_that_does_not_fit_is_left_out(void **state)
{
    static char much[LOG_NOTES_BYTES_MAX];
    struct slice value;
    (void)state;
    memset(much, 'x', sizeof much);
    log_note(LOG_NOTE_PEER, slice_of(much, sizeof much - 3));
    log_note(LOG_NOTE_USER, slice_str("ann"));
    struct log_record r = record_of(LOG_INFO, LOG_ABOUT_DEFAULT, "");
    assert_true(log_record_note(&r, LOG_NOTE_PEER, &value));
    assert_int_equal(value.n, sizeof much - 3);
    assert_false(log_record_note(&r, LOG_NOTE_USER, &value));
    log_note(LOG_NOTE_PEER, slice_of(much, sizeof much)); /* the old value is forgotten too */
    r = record_of(LOG_INFO, LOG_ABOUT_DEFAULT, "");
    assert_false(log_record_note(&r, LOG_NOTE_PEER, &value));
}

int main(void)
{
#define FORMAT_TEST(name) cmocka_unit_test_setup(name, use_utc)
    const struct CMUnitTest tests[] = {
        FORMAT_TEST(text_has_rabbitmqs_form),
        FORMAT_TEST(text_is_composed_as_its_format_says),
        FORMAT_TEST(times_have_rabbitmqs_forms),
        FORMAT_TEST(json_has_rabbitmqs_fields_and_the_notes),
        FORMAT_TEST(json_fields_are_renamed_reordered_and_left_out),
        FORMAT_TEST(text_is_escaped_for_lines_and_terminals),
        FORMAT_TEST(json_gives_a_reader_the_same_text),
        FORMAT_TEST(a_later_note_replaces_an_earlier_one),
        FORMAT_TEST(a_note_that_does_not_fit_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
