/* Field tables: every type written and read back, what is refused, what is equal, how they
 * print. */
#include "wire/table.h"

#include <stdlib.h>
#include <string.h>

#include "wire/samples.h"

/* Any prefix is valid only where a field ends, and never read beyond. */
static void check_prefixes(struct slice table)
{
    size_t fields = 0, valid = 0;
    struct slice rest = table, name;
    struct field f;
    while (table_next(&rest, &name, &f))
        fields++;
    for (size_t n = 0; n < table.n; n++) {
        struct slice prefix = exactly(table.p, n);
        valid += table_is_valid(prefix);
        exactly_free(prefix);
    }
    assert_int_equal(valid, fields);
}

static void every_type_reads_back(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        for (const char *letter = field_letters; *letter; letter++) {
            struct lv_buffer b = {0};
            struct table_writer w;
            struct field value = sample_value((uint8_t)*letter, 3), back;
            table_begin(&w, &b);
            table_put_field(&w, slice_str("name"), &value);
            struct slice written = table_end(&w), name;
            struct slice table = exactly(written.p, written.n), rest = table;
            lv_buffer_free(&b);

            assert_true(table_is_valid(table));
            assert_true(table_next(&rest, &name, &back));
            assert_true(slice_is(name, "name"));
            assert_int_equal(back.type, value.type);
            assert_true(field_equal(&value, &back));
            assert_int_equal(rest.n, 0);
            assert_false(table_next(&rest, &name, &back));
            check_prefixes(table);
            exactly_free(table);
            sample_release(&value);
        }
    }
}

static void random_tables_are_valid_and_refused_when_cut(void **state)
{
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct slice table = sample_table(3);
        assert_true(table_is_valid(table));
        assert_true(table_equal(table, table));
        check_prefixes(table);
        exactly_free(table);
    }
}

/* The only field of the table, at the type its letter says. */
static struct field only(const char *bytes, size_t n)
{
    struct slice rest = exactly(bytes, n), all = rest, name;
    struct field f = {0};
    assert_true(table_is_valid(all));
    assert_true(table_next(&rest, &name, &f));
    assert_int_equal(rest.n, 0);
    f.bytes = SLICE_EMPTY;
    exactly_free(all);
    return f;
}

#define ONLY(literal) only(literal, sizeof(literal) - 1)

static void numbers_have_the_sign_of_their_type(void **state)
{
    (void)state;
    assert_int_equal(ONLY("\1ab\xFF").i, -1);
    assert_int_equal(ONLY("\1aB\xFF").i, 255);
    assert_int_equal(ONLY("\1as\xFF\xFE").i, -2);
    assert_int_equal(ONLY("\1au\xFF\xFE").i, 65534);
    assert_int_equal(ONLY("\1aI\xFF\xFF\xFF\xFD").i, -3);
    assert_true(ONLY("\1ai\xFF\xFF\xFF\xFD").i == 4294967293);
    assert_int_equal(ONLY("\1al\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFC").i, -4);
    assert_true(ONLY("\1aD\2\xFF\xFF\xFF\xFF").i == 4294967295);
    assert_int_equal(ONLY("\1aD\2\0\0\0\1").scale, 2);
    assert_true((uint64_t)ONLY("\1aT\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF").i == UINT64_MAX);
    assert_true(ONLY("\1ad\x3F\xF8\0\0\0\0\0\0").f == 1.5);
    assert_true(ONLY("\1af\x3F\xC0\0\0").f == 1.5);
    assert_true(ONLY("\1at\2").b);
    assert_false(ONLY("\1at\0").b);
}

static void the_letters_l_and_L_are_both_long(void **state)
{
    (void)state;
    struct field f = ONLY("\1aL\0\0\0\0\0\0\0\7");
    assert_int_equal(f.type, FIELD_LONG);
    assert_int_equal(f.i, 7);
}

static bool is_valid(const char *bytes, size_t n)
{
    struct slice table = exactly(bytes, n);
    bool is = table_is_valid(table);
    exactly_free(table);
    return is;
}

#define IS_VALID(literal) is_valid(literal, sizeof(literal) - 1)

static void bytes_that_are_not_a_table_are_refused(void **state)
{
    (void)state;
    assert_true(IS_VALID(""));
    assert_true(IS_VALID("\0V"));              /* the empty name */
    assert_true(IS_VALID("\1aS\0\0\0\1\xFF")); /* text need not be UTF-8 */
    assert_false(IS_VALID("\5"));
    assert_false(IS_VALID("\1a"));
    assert_false(IS_VALID("\1aZ")); /* no such type */
    assert_false(IS_VALID("\1aU\0\0"));
    assert_false(IS_VALID("\1aS\0\0\0\2x"));
    assert_false(IS_VALID("\1aV\0"));         /* the beginning of another field */
    assert_false(IS_VALID("\1aF\0\0\0\1\5")); /* within */
    assert_false(IS_VALID("\1aA\0\0\0\1Z"));
    assert_false(IS_VALID("\1aF\xFF\xFF\xFF\xFF"));
}

static const char special_numbers[] = "\1ad\x7F\xF0\0\0\0\0\0\0"
                                      "\1bd\xFF\xF8\0\0\0\0\0\0"
                                      "\1cf\xFF\x80\0\0";

static void nan_and_infinity_are_taken_as_they_are(void **state)
{
    (void)state;
    struct slice table = slice_of(special_numbers, sizeof special_numbers - 1);
    struct lv_buffer text = {0};
    struct field f;
    assert_true(table_is_valid(table));
    assert_true(table_equal(table, table));
    assert_true(table_find(table, "c", &f) && f.f < 0);
    table_describe(&text, table);
    lv_buffer_add_u8(&text, 0);
    assert_non_null(strstr((const char *)text.p, "Infinity"));
    assert_non_null(strstr((const char *)text.p, "NaN"));
    assert_non_null(strstr((const char *)text.p, "-Infinity"));
    lv_buffer_free(&text);
}

/* A table with this many arrays or tables nested in each other. */
static struct slice nested(size_t depth, uint8_t kind)
{
    uint8_t bytes[6 * (TABLE_DEPTH_MAX + 1)];
    size_t n = kind == FIELD_TABLE ? 6 * depth : 1 + 5 * depth;
    assert_true(n <= sizeof bytes);
    size_t at = 0;
    for (size_t level = 0; level < depth; level++) {
        if (level == 0 || kind == FIELD_TABLE)
            bytes[at++] = 0; /* the empty name */
        bytes[at++] = kind;
        wire_put_u32(bytes + at, (uint32_t)(n - at - 4)); /* all that is left lies within */
        at += 4;
    }
    return exactly(bytes, n);
}

static void a_table_nests_no_deeper_than_its_limit(void **state)
{
    (void)state;
    const uint8_t kinds[] = {FIELD_TABLE, FIELD_ARRAY};
    for (size_t i = 0; i < sizeof kinds; i++) {
        struct slice deep = nested(TABLE_DEPTH_MAX, kinds[i]);
        assert_true(table_is_valid(deep));
        exactly_free(deep);
        deep = nested(TABLE_DEPTH_MAX + 1, kinds[i]);
        assert_false(table_is_valid(deep));
        struct lv_buffer b = {0};
        table_describe(&b, deep); /* of any bytes: it must end */
        assert_true(b.n > 0);
        lv_buffer_free(&b);
        exactly_free(deep);
    }
}

static void the_writer_nests_as_deep_as_the_reader(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    struct table_writer w;
    table_begin(&w, &b);
    for (size_t i = 0; i < TABLE_DEPTH_MAX; i++)
        table_put_table(&w, "t");
    table_put_bool(&w, "deep", true);
    for (size_t i = 0; i < TABLE_DEPTH_MAX; i++)
        table_end(&w);
    assert_true(table_is_valid(table_end(&w)));
    lv_buffer_free(&b);
}

/* The table of the builder's example and more; the caller frees it. */
static struct slice built(void)
{
    struct lv_buffer b = {0};
    struct table_writer w;
    lv_buffer_add(&b, "before", 6); /* a table may follow other bytes */
    table_begin(&w, &b);
    table_put_str(&w, "product", slice_str("Leveret"));
    table_put_table(&w, "capabilities");
    table_put_bool(&w, "basic.nack", true);
    table_end(&w);
    table_put_array(&w, "list");
    table_put_int(&w, NULL, -5);
    table_put_table(&w, NULL);
    table_put_void(&w, "v");
    table_end(&w);
    table_put_str(&w, NULL, slice_str("x"));
    table_end(&w);
    table_put_long(&w, "long", 1);
    table_put_timestamp(&w, "time", UINT64_MAX);
    table_put_double(&w, "double", 0.1);
    table_put_field(&w, slice_str("binary"),
                    &(struct field){.type = FIELD_BINARY, .bytes = slice_of("\0\xFF", 2)});
    struct slice table = table_end(&w);
    table = exactly(table.p, table.n);
    lv_buffer_free(&b);
    return table;
}

static void what_is_built_can_be_found(void **state)
{
    (void)state;
    struct slice table = built(), rest;
    struct field f, item;
    assert_true(table_is_valid(table));
    assert_true(table_find(table, "product", &f));
    assert_true(slice_is(f.bytes, "Leveret"));
    assert_true(table_find(table, "capabilities", &f));
    assert_true(table_find_slice(f.bytes, slice_str("basic.nack"), &item));
    assert_true(item.b);
    assert_false(table_find(table, "basic.nack", &f));
    assert_true(table_find(table, "list", &f));
    rest = f.bytes;
    assert_true(array_next(&rest, &item));
    assert_int_equal(item.i, -5);
    assert_true(array_next(&rest, &item));
    assert_int_equal(item.type, FIELD_TABLE);
    assert_true(array_next(&rest, &item));
    assert_true(slice_is(item.bytes, "x"));
    assert_false(array_next(&rest, &item));
    assert_int_equal(rest.n, 0);
    exactly_free(table);
}

static void a_table_is_described_as_text(void **state)
{
    (void)state;
    struct slice table = built();
    struct lv_buffer b = {0};
    table_describe(&b, table);
    assert_text(&b, "[{<<\"product\">>,longstr,<<\"Leveret\">>},"
                    "{<<\"capabilities\">>,table,[{<<\"basic.nack\">>,bool,true}]},"
                    "{<<\"list\">>,array,[{signedint,-5},{table,[{<<\"v\">>,void,undefined}]},"
                    "{longstr,<<\"x\">>}]},"
                    "{<<\"long\">>,long,1},{<<\"time\">>,timestamp,18446744073709551615},"
                    "{<<\"double\">>,double,0.1},{<<\"binary\">>,binary,<<0,255>>}]");
    table_print(&b, table);
    assert_text(&b, "[{\"product\",\"Leveret\"},{\"capabilities\",[{\"basic.nack\",true}]},"
                    "{\"list\",[-5,[{\"v\",undefined}],\"x\"]},{\"long\",1},"
                    "{\"time\",18446744073709551615},{\"double\",0.1},{\"binary\",<<0,255>>}]");
    exactly_free(table);

    table_print(&b, SLICE_EMPTY);
    assert_text(&b, "[]");
    table = slice_of("\0S\0\0\0\0\1eS\0\0\0\2\xC3\xA9\1cS\0\0\0\3\n\1\"\1DD\2\0\0\1\x3A", 33);
    table_print(&b, table);
    assert_text(&b, "[{[],[]},{\"e\",\"\xC3\xA9\"},{\"c\",[10,1,34]},{\"D\",{2,314}}]");
    table_describe(&b, slice_of("\1at\1\1bZ", 7));
    assert_text(&b, "[{<<\"a\">>,bool,true},...]");
    struct field f = {.type = FIELD_LONGSTR, .bytes = slice_str("all")};
    field_describe(&b, &f);
    assert_text(&b, "<<\"all\">>");
}

static void doubles_are_printed_with_the_fewest_digits(void **state)
{
    (void)state;
    const struct {
        double value;
        const char *text;
    } cases[] = {{1.5, "1.5"},
                 {3, "3.0"},
                 {-0.0, "-0.0"},
                 {0.1, "0.1"},
                 {1e100, "1.0e100"},
                 {123456789012, "123456789012.0"},
                 {1.0 / 3, "0.3333333333333333"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct lv_buffer b = {0};
        struct field f = {.type = FIELD_DOUBLE, .f = cases[i].value};
        field_describe(&b, &f);
        assert_text(&b, cases[i].text);
    }
}

#define SLICE(literal) slice_of(literal, sizeof(literal) - 1)

static bool same_key(struct slice a, struct slice b)
{
    struct lv_buffer x = {0}, y = {0};
    table_canonical(&x, a);
    table_canonical(&y, b);
    assert_true(table_is_valid(lv_buffer_slice(&x)));
    bool is_same = slice_equal(lv_buffer_slice(&x), lv_buffer_slice(&y));
    assert_int_equal(is_same, table_equal(a, b));
    lv_buffer_free(&x);
    lv_buffer_free(&y);
    return is_same;
}

static void equal_tables_have_the_same_fields_in_any_order(void **state)
{
    (void)state;
    assert_true(same_key(SLICE_EMPTY, SLICE("")));
    assert_true(same_key(SLICE("\1aB\1\2bbB\2"), SLICE("\2bbB\2\1aB\1")));
    assert_true(same_key(SLICE("\1at\1"), SLICE("\1at\2")));
    assert_true(same_key(SLICE("\1aL\0\0\0\0\0\0\0\7"), SLICE("\1al\0\0\0\0\0\0\0\7")));
    assert_true(same_key(SLICE("\1af\0\0\0\0"), SLICE("\1af\x80\0\0\0"))); /* 0.0 and -0.0 */
    assert_true(same_key(SLICE("\1nF\0\0\0\6\1aV\1bV"), SLICE("\1nF\0\0\0\6\1bV\1aV")));
    assert_true(same_key(SLICE("\1nA\0\0\0\7F\0\0\0\2\0V"), SLICE("\1nA\0\0\0\7F\0\0\0\2\0V")));

    assert_false(same_key(SLICE("\1aB\1"), SLICE_EMPTY));
    assert_false(same_key(SLICE("\1aB\1"), SLICE("\1ab\1"))); /* another type */
    assert_false(same_key(SLICE("\1aB\1"), SLICE("\1aB\2")));
    assert_false(same_key(SLICE("\1aB\1\1aB\1\1aB\2"), SLICE("\1aB\1\1aB\2\1aB\2")));
    assert_false(same_key(SLICE("\1aA\0\0\0\4B\1B\2"), SLICE("\1aA\0\0\0\4B\2B\1")));
    assert_false(same_key(SLICE("\1aS\0\0\0\1x"), SLICE("\1ax\0\0\0\1x")));
}

static void equal_fields_have_the_same_type_and_value(void **state)
{
    (void)state;
    for (const char *letter = field_letters; *letter; letter++) {
        for (int round = 0; round < 20; round++) {
            struct field a = sample_value((uint8_t)*letter, 2), b = a;
            b.bytes = exactly(a.bytes.p, a.bytes.n);
            assert_true(field_equal(&a, &b));
            b.type = *letter == 'S' ? 'x' : 'S';
            assert_false(field_equal(&a, &b));
            exactly_free(b.bytes);
            sample_release(&a);
        }
    }
    struct field one = {.type = FIELD_LONG, .i = 1}, two = {.type = FIELD_LONG, .i = 2};
    assert_false(field_equal(&one, &two));
    struct field shorter = {.type = FIELD_ARRAY, .bytes = SLICE("B\1")};
    struct field longer = {.type = FIELD_ARRAY, .bytes = SLICE("B\1B\2")};
    assert_false(field_equal(&shorter, &longer));
    assert_false(field_equal(&longer, &shorter));
}

static void types_have_rabbitmqs_names(void **state)
{
    (void)state;
    const char *names[] = {"longstr",       "signedint",  "decimal", "timestamp", "table",
                           "array",         "byte",       "double",  "float",     "long",
                           "short",         "bool",       "binary",  "void",      "unsignedbyte",
                           "unsignedshort", "unsignedint"};
    for (size_t i = 0; field_letters[i]; i++)
        assert_string_equal(field_type_name((uint8_t)field_letters[i]), names[i]);
    assert_null(field_type_name('Z'));
    assert_null(field_type_name(0));
    size_t integers = 0;
    for (size_t i = 0; field_letters[i]; i++)
        integers += field_is_integer(&(struct field){.type = (uint8_t)field_letters[i]});
    assert_int_equal(integers, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nan_and_infinity_are_taken_as_they_are),
        cmocka_unit_test(every_type_reads_back),
        cmocka_unit_test(random_tables_are_valid_and_refused_when_cut),
        cmocka_unit_test(numbers_have_the_sign_of_their_type),
        cmocka_unit_test(the_letters_l_and_L_are_both_long),
        cmocka_unit_test(bytes_that_are_not_a_table_are_refused),
        cmocka_unit_test(a_table_nests_no_deeper_than_its_limit),
        cmocka_unit_test(the_writer_nests_as_deep_as_the_reader),
        cmocka_unit_test(what_is_built_can_be_found),
        cmocka_unit_test(a_table_is_described_as_text),
        cmocka_unit_test(doubles_are_printed_with_the_fewest_digits),
        cmocka_unit_test(equal_tables_have_the_same_fields_in_any_order),
        cmocka_unit_test(equal_fields_have_the_same_type_and_value),
        cmocka_unit_test(types_have_rabbitmqs_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
