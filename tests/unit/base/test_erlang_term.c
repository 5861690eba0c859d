#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/erlang_term.h"
#include "base/error.h"

#define S(text) slice_str(text)

/* Parses text that is one term. */
static struct erlang_terms parsed(const char *text)
{
    struct erlang_terms terms;
    struct erlang_fault fault;
    if (erlang_terms_parse(S(text), &terms, &fault) < 0)
        fail_msg("%s: %u:%u: %s", text, fault.line, fault.column, fault.message);
    assert_int_equal(terms.count, 1);
    return terms;
}

static void assert_text(const char *text, enum erlang_type type, const char *expected)
{
    struct erlang_terms terms = parsed(text);
    assert_int_equal(terms.items[0].type, type);
    assert_true(slice_is(terms.items[0].text, expected));
    erlang_terms_free(&terms);
}

static void assert_integer(const char *text, int64_t expected)
{
    struct erlang_terms terms = parsed(text);
    assert_int_equal(terms.items[0].type, ERLANG_INTEGER);
    assert_int_equal(terms.items[0].integer, expected);
    erlang_terms_free(&terms);
}

static void assert_refused(const char *text, unsigned line, unsigned column, const char *message)
{
    struct erlang_terms terms;
    struct erlang_fault fault = {0};
    char expected[200], found[200];
    assert_int_equal(erlang_terms_parse(S(text), &terms, &fault), ERR_INVALID);
    snprintf(expected, sizeof expected, "%u:%u: %s", line, column, message);
    snprintf(found, sizeof found, "%u:%u: %s", fault.line, fault.column, fault.message);
    assert_string_equal(found, expected);
}

static void atoms_are_plain_or_quoted(void **state)
{
    (void)state;
    assert_text("in_group", ERLANG_ATOM, "in_group");
    assert_text("'and'", ERLANG_ATOM, "and");
    assert_text("'variable_map.username'.", ERLANG_ATOM, "variable_map.username");
    assert_text("'it\\'s'", ERLANG_ATOM, "it's");
    assert_text("rabbit@host", ERLANG_ATOM, "rabbit@host");
}

static void strings_are_unescaped(void **state)
{
    (void)state;
    assert_text("\"cn=a,dc=b\"", ERLANG_STRING, "cn=a,dc=b");
    assert_text("\"a\\\"b\\\\c\\n\\t\\s\\x41\\x{e9}\\101\\^A\"", ERLANG_STRING,
                "a\"b\\c\n\t A\xc3\xa9"
                "A\x01");
    assert_text("\"\\x{20ac}\\x{1f600}\"", ERLANG_STRING, "\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_text("\"two \" % and\n \"lines\"", ERLANG_STRING, "two lines");
    assert_text("\"caf\xc3\xa9\"", ERLANG_STRING, "caf\xc3\xa9");
}

static void binaries_are_made_of_strings_and_bytes(void **state)
{
    (void)state;
    assert_text("<<\"secret\">>", ERLANG_BINARY, "secret");
    assert_text("<<\"caf\xc3\xa9\"/utf8>>", ERLANG_BINARY, "caf\xc3\xa9");
    assert_text("<< \"a\", 98 , \"c\">>", ERLANG_BINARY, "abc");
    assert_text("<<>>", ERLANG_BINARY, "");
}

static void numbers_are_read(void **state)
{
    (void)state;
    assert_integer("389", 389);
    assert_integer("-1", -1);
    assert_integer("1_000_000", 1000000);
    assert_integer("16#fF", 255);
    assert_integer("$a", 'a');
    assert_integer("$\\n", '\n');
    assert_integer("9223372036854775807", INT64_MAX);

    struct erlang_terms terms = parsed("-0.25e+1.");
    assert_int_equal(terms.items[0].type, ERLANG_FLOAT);
    assert_true(terms.items[0].number == -2.5);
    erlang_terms_free(&terms);
}

static void collections_hold_their_items_in_order(void **state)
{
    (void)state;
    struct erlang_terms terms = parsed("{for, [{a, 1}, {b, 2}], #{k => v}, [], {}} .");
    const struct erlang_term *t = &terms.items[0];
    assert_true(erlang_is_tuple(t, 5));
    assert_true(slice_is(t->items[1].source, "[{a, 1}, {b, 2}]"));
    assert_true(slice_is(t->items[1].items[1].source, "{b, 2}"));
    assert_true(erlang_is_atom(&t->items[0], "for"));
    assert_int_equal(t->items[1].count, 2);
    assert_true(erlang_is_atom(&t->items[1].items[1].items[0], "b"));
    assert_int_equal(t->items[1].items[1].items[1].integer, 2);
    assert_int_equal(t->items[2].type, ERLANG_MAP);
    assert_int_equal(t->items[2].count, 2);
    assert_true(erlang_is_list(&t->items[3]));
    assert_true(erlang_is_tuple(&t->items[4], 0));
    erlang_terms_free(&terms);
}

static void an_empty_list_and_an_empty_string_are_the_same(void **state)
{
    (void)state;
    struct slice text;
    struct erlang_terms terms = parsed("{[], \"\", a}");
    assert_true(erlang_text(&terms.items[0].items[0], &text));
    assert_int_equal(text.n, 0);
    assert_true(erlang_is_list(&terms.items[0].items[1]));
    assert_false(erlang_text(&terms.items[0].items[2], &text));
    erlang_terms_free(&terms);
}

static void a_file_holds_several_terms_and_comments(void **state)
{
    (void)state;
    struct erlang_terms terms;
    struct erlang_fault fault;
    assert_int_equal(erlang_terms_parse(S("%% one\n{a, 1}. % two\r\n[b].\n% end"), &terms, &fault),
                     0);
    assert_int_equal(terms.count, 2);
    assert_int_equal(terms.items[1].line, 3);
    assert_int_equal(terms.items[1].column, 1);
    erlang_terms_free(&terms);
    assert_int_equal(erlang_terms_parse(S(" % nothing"), &terms, &fault), 0);
    assert_int_equal(terms.count, 0);
    erlang_terms_free(&terms);
    assert_int_equal(erlang_terms_parse(SLICE_EMPTY, &terms, &fault), 0);
    erlang_terms_free(&terms);
}

static void a_fault_is_told_with_its_place(void **state)
{
    (void)state;
    assert_refused("[a, b", 1, 6, "the text ends before ']'");
    assert_refused("{a,\n  B}", 2, 3,
                   "expected a term: an atom begins with a small letter, or is quoted");
    assert_refused("{a b}", 1, 4, "expected ',' or '}'");
    assert_refused("\"abc", 1, 5, "the quoted text does not end");
    assert_refused("a b", 1, 3, "expected '.' behind the term");
    assert_refused("[a|b]", 1, 3, "expected ',' or ']'");
    assert_refused("{a, }", 1, 5, "expected a term, not '}'");
    assert_refused("<<256>>", 1, 6, "a byte is 0 to 255");
    assert_refused("9223372036854775808", 1, 20, "the number is too large");
    assert_refused("37#1", 1, 3, "the base of a number is 2 to 36");
    assert_refused("\"\\x{d800}\"", 1, 10, "there is no such character");
    assert_refused("#{a = b}", 1, 6, "expected '=>'");
    assert_refused("{a, \x01}", 1, 5, "expected a term, not the byte 1");
    assert_refused("{a,", 1, 4, "the text ends where a term is expected");
}

static void deep_terms_are_refused(void **state)
{
    (void)state;
    char text[2 * ERLANG_TERM_DEPTH_MAX + 1] = {0};
    memset(text, '[', ERLANG_TERM_DEPTH_MAX);
    memset(text + ERLANG_TERM_DEPTH_MAX, ']', ERLANG_TERM_DEPTH_MAX);
    struct erlang_terms terms = parsed(text);
    erlang_terms_free(&terms);
    memset(text, '[', ERLANG_TERM_DEPTH_MAX + 1);
    assert_refused(text, 1, ERLANG_TERM_DEPTH_MAX + 1, "more than 64 terms within each other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(atoms_are_plain_or_quoted),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(binaries_are_made_of_strings_and_bytes),
        cmocka_unit_test(numbers_are_read),
        cmocka_unit_test(collections_hold_their_items_in_order),
        cmocka_unit_test(an_empty_list_and_an_empty_string_are_the_same),
        cmocka_unit_test(a_file_holds_several_terms_and_comments),
        cmocka_unit_test(a_fault_is_told_with_its_place),
        cmocka_unit_test(deep_terms_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
