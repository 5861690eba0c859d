/* What is expected here is what rabbitmqctl 3.10.8 prints for the same cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leveretctl/format.h"
#include "leveretctl/terminal.h"

/* Prints rows, given as JSON, and returns what came out; the caller frees it. */
static char *print(struct listing *l, const char *rows_json)
{
    char *text = NULL;
    size_t n = 0, i;
    json_t *row, *rows = json_loads(rows_json, 0, NULL);
    assert_non_null(rows);
    l->out = open_memstream(&text, &n);
    listing_begin(l);
    json_array_foreach(rows, i, row) listing_row(l, row);
    listing_end(l);
    fclose(l->out);
    json_decref(rows);
    return text;
}

static struct listing listing(enum format format, const char *first, const char *second)
{
    return (struct listing){.format = format,
                            .columns = {first, second},
                            .column_count = second ? 2 : 1,
                            .has_headers = true,
                            .is_streamed = true};
}

#define EXPECT(l, rows, text)                                                                      \
    do {                                                                                           \
        char *printed = print(l, rows);                                                            \
        assert_string_equal(printed, text);                                                        \
        free(printed);                                                                             \
    } while (0)

static const char two_rows[] = "[[\"order\", 5], [\"a \\\"b\\\",c\", 0]]";

static void a_table_is_separated_by_tabs_under_its_columns(void **state)
{
    struct listing l = listing(FORMAT_TABLE, "name", "messages");
    (void)state;
    EXPECT(&l, two_rows, "name\tmessages\norder\t5\na \"b\",c\t0\n");
    l.has_headers = false;
    EXPECT(&l, two_rows, "order\t5\na \"b\",c\t0\n");
}

static void json_is_one_object_a_line(void **state)
{
    struct listing l = listing(FORMAT_JSON, "name", "messages");
    (void)state;
    EXPECT(
        &l, two_rows,
        "[\n{\"name\":\"order\",\"messages\":5}\n,{\"name\":\"a \\\"b\\\",c\",\"messages\":0}\n]\n");
}

static void csv_quotes_every_cell_and_doubles_quotes(void **state)
{
    struct listing l = listing(FORMAT_CSV, "name", "messages");
    (void)state;
    EXPECT(&l, two_rows, "\"name\",\"messages\"\n\"order\",\"5\"\n\"a \"\"b\"\",c\",\"0\"\n");
}

static void erlang_is_one_property_list_a_line(void **state)
{
    struct listing l = listing(FORMAT_ERLANG, "name", "messages");
    (void)state;
    EXPECT(&l, two_rows,
           "[[{name,<<\"order\">>},{messages,5}],\n"
           " [{name,<<\"a \\\"b\\\",c\">>},{messages,0}]]\n");
    EXPECT(&l, "[[{\"table\": [[\"a\", \"signedint\", 1], [\"b\", \"longstr\", \"x\"]]}, true]]",
           "[[{name,[{<<\"a\">>,signedint,1},{<<\"b\">>,longstr,<<\"x\">>}]},{messages,true}]]\n");
    EXPECT(&l, "[]", "[]\n");
}

static void pretty_table_draws_lines_as_wide_as_its_cells(void **state)
{
    struct listing l = listing(FORMAT_PRETTY_TABLE, "name", "n");
    (void)state;
    EXPECT(&l, "[[\"order\", 5], [\"\xc3\xbc\", 10]]",
           "\033(0lqqqqqqqwqqqqk\033(B\n"
           "\033(0x\033(B \033[1mname\033[0m  \033(0x\033(B \033[1mn\033[0m  \033(0x\033(B\n"
           "\033(0tqqqqqqqnqqqqu\033(B\n"
           "\033(0x\033(B order \033(0x\033(B 5  \033(0x\033(B\n"
           "\033(0tqqqqqqqnqqqqu\033(B\n"
           "\033(0x\033(B \xc3\xbc     \033(0x\033(B 10 \033(0x\033(B\n"
           "\033(0mqqqqqqqvqqqqj\033(B\n");
}

static void an_empty_listing_shows_no_columns(void **state)
{
    struct listing l = listing(FORMAT_TABLE, "name", NULL);
    (void)state;
    EXPECT(&l, "[]", "");
    l.format = FORMAT_CSV;
    EXPECT(&l, "[]", "");
    l.format = FORMAT_PRETTY_TABLE;
    EXPECT(&l, "[]", "");
    l.format = FORMAT_JSON;
    EXPECT(&l, "[]", "[\n]\n");
}

static void an_empty_listing_that_is_not_streamed_shows_that_it_is_empty(void **state)
{
    struct listing l = listing(FORMAT_TABLE, "name", NULL);
    (void)state;
    l.is_streamed = false;
    EXPECT(&l, "[]", "\n");
    l.format = FORMAT_CSV;
    EXPECT(&l, "[]", "\n\n\n");
    l.format = FORMAT_JSON;
    EXPECT(&l, "[]", "[]\n");
}

static const char odd_table[] =
    "[[{\"table\": [[\"a\",\"bool\",true], [\"b\",\"void\",null],"
    "  [\"c\",\"array\",[[\"signedint\",1],[\"signedint\",2],[\"longstr\",\"x\"],"
    "                    [\"table\",[[\"y\",\"signedint\",2]]]]],"
    "  [\"d\",\"table\",[[\"e\",\"longstr\",\"f\\\"g\\\\h\"]]], [\"g\",\"decimal\",[2,125]],"
    "  [\"i\",\"longstr\",\"tab\\there\"], [\"n\",\"array\",[]]]}]]";

static void tables_within_cells_are_written_as_erlang_terms(void **state)
{
    struct listing l = listing(FORMAT_TABLE, "arguments", NULL);
    (void)state;
    EXPECT(
        &l, odd_table,
        "arguments\n"
        "[{\"a\",true},{\"b\",undefined},{\"c\",[1,2,\"x\",[{\"y\",2}]]},"
        "{\"d\",[{\"e\",\"f\\\"g\\\\h\"}]},{\"g\",{2,125}},{\"i\",\"tab\\there\"},{\"n\",[]}]\n");
    EXPECT(&l, "[[{\"table\": []}]]", "arguments\n[]\n");
}

static void tables_within_json_carry_their_types(void **state)
{
    struct listing l = listing(FORMAT_JSON, "arguments", NULL);
    (void)state;
    EXPECT(&l, odd_table,
           "[\n{\"arguments\":[[\"a\",\"bool\",true],[\"b\",\"void\",\"undefined\"],"
           "[\"c\",\"array\",{\"signedint\":1,\"signedint\":2,\"longstr\":\"x\","
           "\"table\":[[\"y\",\"signedint\",2]]}],"
           "[\"d\",\"table\",[[\"e\",\"longstr\",\"f\\\"g\\\\h\"]]],[\"g\",\"decimal\",[2,125]],"
           "[\"i\",\"longstr\",\"tab\\there\"],[\"n\",\"array\",[]]]}\n]\n");
}

static void tags_are_a_list(void **state)
{
    struct listing l = listing(FORMAT_TABLE, "user", "tags");
    static const char rows[] = "[[\"a\", [\"administrator\", \"monitoring\"]], [\"b\", []]]";
    (void)state;
    l.has_headers = false;
    EXPECT(&l, rows, "a\t[administrator, monitoring]\nb\t[]\n");
    l.format = FORMAT_JSON;
    EXPECT(&l, rows,
           "[\n{\"user\":\"a\",\"tags\":[\"administrator\",\"monitoring\"]}\n"
           ",{\"user\":\"b\",\"tags\":[]}\n]\n");
}

static void addresses_are_numbers_in_json(void **state)
{
    struct listing l = listing(FORMAT_JSON, "peer_host", "protocol");
    (void)state;
    EXPECT(&l, "[[\"127.0.0.1\", \"{0,9,1}\"], [\"::1\", \"{0,9,1}\"]]",
           "[\n{\"peer_host\":[127,0,0,1],\"protocol\":[0,9,1]}\n"
           ",{\"peer_host\":[0,0,0,0,0,0,0,1],\"protocol\":[0,9,1]}\n]\n");
}

static void numbers_and_truth_values_are_plain(void **state)
{
    struct listing l = listing(FORMAT_TABLE, "a", "b");
    (void)state;
    l.has_headers = false;
    EXPECT(&l, "[[true, false], [0.5, null], [9007199254740993, \"\"]]",
           "true\tfalse\n0.5\t\n9007199254740993\t\n");
}

static void formats_have_names(void **state)
{
    enum format format = FORMAT_TABLE;
    (void)state;
    assert_true(format_parse("csv", &format));
    assert_int_equal(format, FORMAT_CSV);
    assert_false(format_parse("xml", &format));
    assert_int_equal(format, FORMAT_CSV);
    assert_true(format_is_for_people(FORMAT_PRETTY_TABLE));
    assert_false(format_is_for_people(FORMAT_JSON));
}

static void timestamps_beyond_63_bits_are_shown_as_numbers(void **state)
{
    (void)state;
    const char *rows = "[[{\"table\":[[\"t\",\"timestamp\",\"18446744073709551615\"],"
                       "[\"s\",\"longstr\",\"5\"]]},\"x\"]]";
    struct listing table = listing(FORMAT_TABLE, "properties", "y");
    struct listing json = listing(FORMAT_JSON, "properties", "y");
    EXPECT(&table, rows, "properties\ty\n[{\"t\",18446744073709551615},{\"s\",\"5\"}]\tx\n");
    EXPECT(&json, rows,
           "[\n{\"properties\":[[\"t\",\"timestamp\",18446744073709551615],"
           "[\"s\",\"longstr\",\"5\"]],\"y\":\"x\"}\n]\n");
}

static void assert_shown(const char *text, enum terminal_text kind, const char *shown)
{
    struct lv_buffer b = {0};
    lv_buffer_printf(&b, "\033%s", text); /* what is before `from` stays */
    terminal_escape(&b, 1, kind);
    lv_buffer_add_u8(&b, '\0');
    assert_string_equal((const char *)b.p + 1, shown);
    lv_buffer_free(&b);
}

static void control_characters_are_shown_on_a_terminal(void **state)
{
    (void)state;
    assert_shown("a\033[31mb\a\r\n\t\x7f", TERMINAL_CELL, "a\\x1b[31mb\\x07\\x0d\\x0a\\x09\\x7f");
    assert_shown("a\n\033b", TERMINAL_LINES, "a\n\\x1bb");
    assert_shown("caf\xc3\xa9 \xc2\x9b\xe2\x82\xac", TERMINAL_CELL,
                 "caf\xc3\xa9 \\x9b\xe2\x82\xac");
    assert_shown("[\"a\xc2\x9b\",\n1]", TERMINAL_JSON, "[\"a\\u009b\",\n1]");
    assert_shown("[\"a\x7f\"]", TERMINAL_JSON, "[\"a\\u007f\"]");
}

static void marks_that_turn_the_direction_of_text_are_shown_on_a_terminal(void **state)
{
    (void)state;
    assert_shown("a\xe2\x80\xae"
                 "b\xe2\x81\xa6\xef\xbb\xbf",
                 TERMINAL_CELL, "a\\u202eb\\u2066\\ufeff");
    assert_shown("\xe2\x80\xa8\xe2\x80\x93", TERMINAL_LINES, "\\u2028\xe2\x80\x93");
    assert_shown("[\"\xe2\x80\x8f\"]", TERMINAL_JSON, "[\"\\u200f\"]");
    assert_shown("\xe2\x80", TERMINAL_CELL, "\xe2\x80"); /* cut short */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_separated_by_tabs_under_its_columns),
        cmocka_unit_test(json_is_one_object_a_line),
        cmocka_unit_test(csv_quotes_every_cell_and_doubles_quotes),
        cmocka_unit_test(erlang_is_one_property_list_a_line),
        cmocka_unit_test(pretty_table_draws_lines_as_wide_as_its_cells),
        cmocka_unit_test(an_empty_listing_shows_no_columns),
        cmocka_unit_test(an_empty_listing_that_is_not_streamed_shows_that_it_is_empty),
        cmocka_unit_test(tables_within_cells_are_written_as_erlang_terms),
        cmocka_unit_test(tables_within_json_carry_their_types),
        cmocka_unit_test(tags_are_a_list),
        cmocka_unit_test(addresses_are_numbers_in_json),
        cmocka_unit_test(numbers_and_truth_values_are_plain),
        cmocka_unit_test(formats_have_names),
        cmocka_unit_test(timestamps_beyond_63_bits_are_shown_as_numbers),
        cmocka_unit_test(control_characters_are_shown_on_a_terminal),
        cmocka_unit_test(marks_that_turn_the_direction_of_text_are_shown_on_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
