/* Tables as the management API's JSON, and back. */
#include "wire/table_json.h"

#include <stdlib.h>

#include "base/error.h"
#include "wire/samples.h"

#define SLICE(literal) slice_of(literal, sizeof(literal) - 1)

static void assert_json(struct slice table, const char *expected)
{
    json_t *json = table_to_json(table);
    assert_non_null(json);
    char *text = json_dumps(json, JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
}

static void every_type_has_its_json(void **state)
{
    (void)state;
    assert_json(SLICE_EMPTY, "{}");
    assert_json(SLICE("\1sS\0\0\0\3all\1iI\xFF\xFF\xFF\xFB\1ti\xFF\xFF\xFF\xFF\1bt\1"),
                "{\"s\":\"all\",\"i\":-5,\"t\":4294967295,\"b\":true}");
    assert_json(SLICE("\1dd\x3F\xF8\0\0\0\0\0\0\1vV\1DD\2\0\0\1\x3A\1TT\0\0\0\0\0\0\0\7"),
                "{\"d\":1.5,\"v\":\"undefined\",\"D\":3.1400000000000001,\"T\":7}");
    assert_json(SLICE("\1FF\0\0\0\4\1at\0\1AA\0\0\0\4t\1b\xFF\1xx\0\0\0\1y"),
                "{\"F\":{\"a\":false},\"A\":[true,-1],\"x\":\"y\"}");
}

static void nan_and_infinity_become_their_names(void **state)
{
    (void)state;
    assert_json(SLICE("\1ad\x7F\xF0\0\0\0\0\0\0\1bd\x7F\xF8\0\0\0\0\0\0\1cf\xFF\x80\0\0"),
                "{\"a\":\"Infinity\",\"b\":\"NaN\",\"c\":\"-Infinity\"}");
}

static void bytes_that_are_not_utf8_are_shown_in_base64(void **state)
{
    (void)state;
    assert_json(SLICE("\1aS\0\0\0\2\0\xFF"), "{\"a\":\"Not UTF-8, base64 is: AP8=\"}");
    assert_json(SLICE("\1aS\0\0\0\1\xFF"), "{\"a\":\"Not UTF-8, base64 is: /w==\"}");
    assert_json(SLICE("\1aS\0\0\0\3\xFF\xFE\xFD"), "{\"a\":\"Not UTF-8, base64 is: //79\"}");
    assert_json(SLICE("\1\xFFV"), "{\"Not UTF-8, base64 is: /w==\":\"undefined\"}");
}

static void of_fields_with_one_name_the_last_counts(void **state)
{
    (void)state;
    assert_json(SLICE("\1ab\1\1ab\2"), "{\"a\":2}");
}

static void a_timestamp_beyond_63_bits_stays_positive(void **state)
{
    (void)state;
    json_t *json = table_to_json(SLICE("\1TT\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"));
    assert_true(json_number_value(json_object_get(json, "T")) > 1.8e19);
    json_decref(json);
}

static void any_valid_table_becomes_an_object(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct slice table = sample_table(3);
        json_t *json = table_to_json(table);
        assert_true(json_is_object(json));
        assert_true(table.n == 0 || json_object_size(json) > 0);
        json_decref(json);
        exactly_free(table);
    }
}

static void json_becomes_a_table(void **state)
{
    (void)state;
    struct lv_buffer b = {0}, text = {0};
    json_t *json = json_loads("{\"x-match\":\"all\",\"n\":5,\"d\":2.5,\"t\":true,\"v\":null,"
                              "\"a\":[1,{\"b\":\"c\"}],\"o\":{}}",
                              0, NULL);
    assert_int_equal(table_from_json(&b, json), 0);
    assert_true(table_is_valid(lv_buffer_slice(&b)));
    table_describe(&text, lv_buffer_slice(&b));
    assert_text(&text,
                "[{<<\"x-match\">>,longstr,<<\"all\">>},{<<\"n\">>,long,5},{<<\"d\">>,double,2.5},"
                "{<<\"t\">>,bool,true},{<<\"v\">>,void,undefined},"
                "{<<\"a\">>,array,[{long,1},{table,[{<<\"b\">>,longstr,<<\"c\">>}]}]},"
                "{<<\"o\">>,table,[]}]");
    json_decref(json);
    lv_buffer_free(&b);
}

static void json_that_is_not_a_table_appends_nothing(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    lv_buffer_add(&b, "kept", 4);
    json_t *array = json_array();
    assert_int_equal(table_from_json(&b, array), ERR_INVALID);
    json_decref(array);

    json_t *object = json_object();
    char name[SHORTSTR_BYTES_MAX + 2];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    json_object_set_new(object, "fine", json_true());
    json_object_set_new(object, name, json_true());
    assert_int_equal(table_from_json(&b, object), ERR_INVALID);
    json_decref(object);

    json_t *deep = json_object();
    for (size_t i = 0; i < TABLE_DEPTH_MAX; i++)
        deep = json_pack("{s:o}", "o", deep);
    assert_int_equal(table_from_json(&b, deep), 0);
    b.n = 4;
    deep = json_pack("{s:o}", "o", deep);
    assert_int_equal(table_from_json(&b, deep), ERR_INVALID);
    json_decref(deep);

    assert_true(slice_is(lv_buffer_slice(&b), "kept"));
    lv_buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_json),
        cmocka_unit_test(nan_and_infinity_become_their_names),
        cmocka_unit_test(bytes_that_are_not_utf8_are_shown_in_base64),
        cmocka_unit_test(of_fields_with_one_name_the_last_counts),
        cmocka_unit_test(a_timestamp_beyond_63_bits_stays_positive),
        cmocka_unit_test(any_valid_table_becomes_an_object),
        cmocka_unit_test(json_becomes_a_table),
        cmocka_unit_test(json_that_is_not_a_table_appends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
