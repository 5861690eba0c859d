/* The texts of RabbitMQ 3.10's frame errors, as seen on the wire. */
#include "wire/erlang_text.h"

#include <stdio.h>
#include <string.h>

#include "wire/samples.h"

#define SLICE(literal) slice_of(literal, sizeof(literal) - 1)

static void a_printable_binary_is_a_string(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    erlang_put_binary(&b, SLICE(""));
    assert_text(&b, "<<>>");
    erlang_put_binary(&b, SLICE("abc"));
    assert_text(&b, "<<\"abc\">>");
    erlang_put_binary(&b, SLICE("\0\24\0\12\0"));
    assert_text(&b, "<<0,20,0,10,0>>");
    erlang_put_binary(&b, SLICE("a\"b\\\n\t\33\b\f\v\r"));
    assert_text(&b, "<<\"a\\\"b\\\\\\n\\t\\e\\b\\f\\v\\r\">>");
    erlang_put_binary(&b, SLICE("\xE9\xA0")); /* latin-1 is printed as it is */
    assert_text(&b, "<<\"\xE9\xA0\">>");
    erlang_put_binary(&b, SLICE("\x7F"));
    assert_text(&b, "<<127>>");
    erlang_put_binary(&b, SLICE("\x9F"));
    assert_text(&b, "<<159>>");
}

static void a_long_string_is_never_broken(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    char text[201];
    memset(text, 'a', 200);
    erlang_put_binary(&b, slice_of(text, 200));
    assert_int_equal(b.n, 206);
    assert_null(memchr(b.p, '\n', b.n));
    lv_buffer_free(&b);
}

static void long_numbers_are_broken_at_the_column_where_erlang_does(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    uint8_t bytes[20];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(128 + i);
    erlang_put_octets(&b, 1, slice_of(bytes, sizeof bytes));
    lv_buffer_add(&b, ": ", 2);
    erlang_put_tuple(&b, "invalid_frame_end_marker", (const uint64_t[]){0}, 1);
    assert_text(&b, "type 1, first 16 octets = <<128,129,130,131,132,133,134,135,136,137,138,139,\n"
                    "                            140,141,142,143>>: {invalid_frame_end_marker,0}");

    uint8_t zeros[80] = {0};
    lv_buffer_printf(&b, "an earlier line does not count\ncannot decode ");
    erlang_put_binary(&b, slice_of(zeros, 35));
    assert_text(&b,
                "an earlier line does not count\n"
                "cannot decode <<0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,\n"
                "                0,0,0,0>>");
}

static void numbers_near_the_end_of_a_line_get_eight_columns(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    char indent[83];
    char expected[120];
    memset(indent, ' ', 82);
    indent[82] = 0;
    snprintf(expected, sizeof expected, "<<0,0,0,0,\n%s0>>", indent);
    lv_buffer_printf(&b, "%080d", 0);
    erlang_put_binary(&b, SLICE("\0\0\0\0\0"));
    lv_buffer_consume(&b, 80);
    assert_text(&b, expected);
}

static void put_numbers_never_prints_text_and_never_breaks_the_line(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    erlang_put_numbers(&b, SLICE("abc"));
    assert_text(&b, "<<97,98,99>>");
    erlang_put_numbers(&b, SLICE_EMPTY);
    assert_text(&b, "<<>>");
    uint8_t zeros[80] = {0};
    erlang_put_numbers(&b, slice_of(zeros, sizeof zeros));
    assert_null(memchr(b.p, '\n', b.n));
    lv_buffer_free(&b);
}

static void a_printable_string_is_quoted(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    erlang_put_string(&b, SLICE("foobar"));
    assert_text(&b, "\"foobar\"");
    erlang_put_string(&b, SLICE(".5\"\\\n"));
    assert_text(&b, "\".5\\\"\\\\\\n\"");
    erlang_put_string(&b, slice_of((const uint8_t[]){'a', 0, 255}, 3));
    assert_text(&b, "[97,0,255]");
    lv_buffer_free(&b);
}

static void frame_errors_read_as_rabbitmqs(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    erlang_put_octets(&b, 8, SLICE_EMPTY);
    assert_text(&b, "type 8, all octets = <<>>");
    erlang_put_octets(&b, 8, SLICE("abc"));
    assert_text(&b, "type 8, all octets = <<\"abc\">>");
    erlang_put_octets(&b, 99, SLICE("1234567890"));
    assert_text(&b, "type 99, all octets = <<\"1234567890\">>");
    erlang_put_octets(&b, 99, SLICE("1234567890123456"));
    assert_text(&b, "type 99, all octets = <<\"1234567890123456\">>");
    erlang_put_octets(&b, 99, SLICE("12345678901234567"));
    assert_text(&b, "type 99, first 16 octets = <<\"1234567890123456\">>");
    erlang_put_octets(&b, 1, SLICE("\0\24\0\12\0"));
    lv_buffer_add(&b, ": ", 2);
    erlang_put_tuple(&b, "invalid_frame_end_marker", (const uint64_t[]){0}, 1);
    assert_text(&b, "type 1, all octets = <<0,20,0,10,0>>: {invalid_frame_end_marker,0}");
    erlang_put_octets(&b, 3, SLICE_EMPTY);
    lv_buffer_add(&b, ": ", 2);
    erlang_put_tuple(&b, "frame_too_large", (const uint64_t[]){131073, 131064}, 2);
    assert_text(&b, "type 3, all octets = <<>>: {frame_too_large,131073,131064}");
}

static void a_tuple_that_does_not_fit_is_broken_after_a_comma(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    const uint64_t numbers[] = {123456789, 131064};
    const struct {
        int column;
        const char *text;
    } cases[] = {
        {44, "{frame_too_large,123456789,131064}"},
        {45, "{frame_too_large,123456789,\n131064}"},
        {50, "{frame_too_large,123456789,\n131064}"},
        {51, "{frame_too_large,\n123456789,131064}"},
        {60, "{frame_too_large,\n123456789,131064}"},
        {61, "{frame_too_large,\n123456789,\n131064}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lv_buffer plain = {0};
        lv_buffer_printf(&b, "%*s", cases[i].column, "");
        erlang_put_tuple(&b, "frame_too_large", numbers, 2);
        for (size_t j = 0; j < b.n; j++) {
            if (b.p[j] != ' ')
                lv_buffer_add_u8(&plain, b.p[j]);
        }
        lv_buffer_free(&b);
        assert_text(&plain, cases[i].text);
    }
}

static void text_for_a_log_is_utf8_in_one_line(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    erlang_put_text(&b, SLICE("caf\xC3\xA9"));
    assert_text(&b, "<<\"caf\xC3\xA9\">>");
    erlang_put_text(&b, SLICE("caf\xE9"));
    assert_text(&b, "<<99,97,102,233>>");
    erlang_put_text(&b, SLICE("\xC2\x85"));
    assert_text(&b, "<<194,133>>");
    erlang_put_text(&b, SLICE("two\nlines"));
    assert_text(&b, "<<\"two\\nlines\">>");
}

static void an_address_is_a_tuple_of_numbers(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"127.0.0.1", "{127,0,0,1}"},
        {"::1", "{0,0,0,0,0,0,0,1}"},
        {"::", "{0,0,0,0,0,0,0,0}"},
        {"fe80::1:ff", "{65152,0,0,0,0,0,1,255}"},
        {"2001:db8::", "{8193,3512,0,0,0,0,0,0}"},
        {"1:2:3:4:5:6:7:8", "{1,2,3,4,5,6,7,8}"},
        {"fe80::1%eth0", "{65152,0,0,0,0,0,0,1}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lv_buffer b = {0};
        erlang_put_address(&b, slice_str(cases[i][0]));
        assert_text(&b, cases[i][1]);
        lv_buffer_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_printable_binary_is_a_string),
        cmocka_unit_test(a_long_string_is_never_broken),
        cmocka_unit_test(long_numbers_are_broken_at_the_column_where_erlang_does),
        cmocka_unit_test(numbers_near_the_end_of_a_line_get_eight_columns),
        cmocka_unit_test(put_numbers_never_prints_text_and_never_breaks_the_line),
        cmocka_unit_test(a_printable_string_is_quoted),
        cmocka_unit_test(frame_errors_read_as_rabbitmqs),
        cmocka_unit_test(a_tuple_that_does_not_fit_is_broken_after_a_comma),
        cmocka_unit_test(text_for_a_log_is_utf8_in_one_line),
        cmocka_unit_test(an_address_is_a_tuple_of_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
