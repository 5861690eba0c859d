/* JSON as it is written, and read back by jansson. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/json_write.h"

static void expect(const struct lv_buffer *out, const char *text)
{
    assert_int_equal(out->n, strlen(text));
    assert_memory_equal(out->p, text, out->n);
    json_t *read = json_loadb((const char *)out->p, out->n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_non_null(read);
    json_decref(read);
}

static void commas_stand_between_members_and_between_items(void **state)
{
    struct lv_buffer out = {0};
    struct json_writer w = {.out = &out};
    (void)state;
    json_write_begin(&w, '{');
    json_write_key(&w, "a");
    json_write_begin(&w, '[');
    json_write_u64(&w, UINT64_MAX / 2);
    json_write_i64(&w, -1);
    json_write_end(&w, ']');
    json_write_key(&w, "b");
    json_write_begin(&w, '{');
    json_write_end(&w, '}');
    json_write_key_n(&w, "cut off", 1);
    json_write_bool(&w, true);
    json_write_key(&w, "d");
    json_write_null(&w);
    json_write_key(&w, "e");
    json_write_tree(&w, json_pack("{s:i}", "x", 1));
    json_write_end(&w, '}');
    expect(&out, "{\"a\":[9223372036854775807,-1],\"b\":{},\"c\":true,\"d\":null,\"e\":{\"x\":1}}");
    lv_buffer_free(&out);
}

static void expect_real(double x, const char *text)
{
    struct lv_buffer out = {0};
    struct json_writer w = {.out = &out};
    json_write_real(&w, x);
    expect(&out, text);
    lv_buffer_free(&out);
}

static void a_real_number_has_a_fraction_and_is_finite(void **state)
{
    (void)state;
    expect_real(0, "0.0");
    expect_real(2.5, "2.5");
    expect_real(100000, "100000.0");
    expect_real(-3, "-3.0");
    expect_real(NAN, "0.0");
    expect_real(INFINITY, "0.0");
}

static void expect_text(struct slice s, const char *text)
{
    struct lv_buffer out = {0};
    json_append_string(&out, s);
    expect(&out, text);
    lv_buffer_free(&out);
}

static void strings_are_escaped_and_what_is_not_utf8_is_shown(void **state)
{
    (void)state;
    expect_text(slice_str(""), "\"\"");
    expect_text(slice_str("plain"), "\"plain\"");
    expect_text(slice_str("a\"b\\c\n"), "\"a\\\"b\\\\c\\n\"");
    expect_text(slice_str("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"");
    expect_text(slice_of("a\0b", 3), "\"a\\u0000b\"");
    expect_text(slice_str("\xff!"), "\"\\\\xff!\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_between_members_and_between_items),
        cmocka_unit_test(a_real_number_has_a_fraction_and_is_finite),
        cmocka_unit_test(strings_are_escaped_and_what_is_not_utf8_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
