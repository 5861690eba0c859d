#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "backends/ldap/ldap_query.h"
#include "base/error.h"

#define S(text) slice_str(text)

static struct ldap_query compiled(const char *text)
{
    struct ldap_query q;
    struct erlang_fault fault;
    if (ldap_query_compile(S(text), &q, &fault) < 0)
        fail_msg("%s: %u:%u: %s", text, fault.line, fault.column, fault.message);
    return q;
}

static void assert_taken(const char *text)
{
    struct ldap_query q = compiled(text);
    ldap_query_free(&q);
}

static void assert_fault(const struct erlang_fault *fault, const char *expected)
{
    char found[200];
    snprintf(found, sizeof found, "%u:%u: %s", fault->line, fault->column, fault->message);
    assert_string_equal(found, expected);
}

static void assert_refused(const char *text, const char *expected)
{
    struct ldap_query q;
    struct erlang_fault fault;
    assert_int_equal(ldap_query_compile(S(text), &q, &fault), ERR_INVALID);
    assert_fault(&fault, expected);
}

static void every_construct_is_understood(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{constant, true}.",
        "{constant, false}",
        "{exists, \"ou=${vhost},dc=x\"}",
        "{in_group, \"cn=admins,dc=x\"}",
        "{in_group, <<\"cn=admins,dc=x\">>, \"uniqueMember\"}",
        "{in_group_nested, \"cn=admins,dc=x\"}",
        "{in_group_nested, \"cn=admins,dc=x\", \"member\"}",
        "{in_group_nested, \"cn=admins,dc=x\", \"member\", subtree}",
        "{in_group_nested, \"cn=admins,dc=x\", \"member\", single_level}",
        "{'not', {constant, true}}",
        "{'and', [{constant, true}, {'or', []}]}",
        "{equals, \"${username}\", {attribute, \"${user_dn}\", \"uid\"}}",
        "{match, {string, \"${name}\"}, {string, \"^${username}-\"}}",
        ("{for, [{permission, configure, {constant, true}}, {resource, queue, {constant, true}},"
         " {vhost, <<\"/\">>, {constant, true}}, {user_dn, \"cn=a\", {constant, true}}]}"),
        "{equals, {for, [{permission, read, \"a\"}]}, \"a\"}",
        "{match, \"${routing_key}\", \"^${variable_map.username}\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_taken(texts[i]);
}

static void a_compiled_query_says_what_was_written(void **state)
{
    (void)state;
    struct ldap_query q = compiled("{for, [{permission, write, {in_group_nested, \"cn=a\", "
                                   "\"uniqueMember\", one_level}}]}");
    assert_int_equal(q.kind, LDAP_QUERY_FOR);
    assert_int_equal(q.count, 1);
    const struct ldap_query *child = &q.children[0];
    assert_int_equal(child->variable, LDAP_PERMISSION);
    assert_true(slice_is(child->value, "write"));
    assert_int_equal(child->kind, LDAP_QUERY_IN_GROUP_NESTED);
    assert_string_equal(child->attribute, "uniqueMember");
    assert_int_equal(child->scope, DIRECTORY_LEVEL);
    assert_true(ldap_query_has_nested_groups(&q));
    ldap_query_free(&q);
}

static void what_is_not_a_query_is_refused_with_its_place(void **state)
{
    (void)state;
    assert_refused("{in_grp, \"x\"}", "1:1: there is no query 'in_grp'");
    assert_refused("{'or', [{constant, true},\n {exist, \"x\"}]}",
                   "2:2: there is no query 'exist'");
    assert_refused("{constant, yes}", "1:12: expected true or false");
    assert_refused("{constant}", "1:1: the query 'constant' does not take 0 arguments");
    assert_refused("{exists, \"cn=${vhots}\"}", "1:10: there is no variable ${vhots}");
    assert_refused("{exists, 5}", "1:10: expected a string");
    assert_refused("{in_group, \"x\", \"a)(b=*\"}",
                   "1:17: 'a)(b=*' cannot be the name of an attribute");
    assert_refused("{in_group_nested, \"x\", \"member\", base}",
                   "1:34: expected subtree or one_level");
    assert_refused("{'and', {constant, true}}", "1:9: expected a list of queries");
    assert_refused("true", "1:1: expected a query, such as {constant, true}");
    assert_refused("\"text\"", "1:1: expected a query, not a string");
    assert_refused("{string, \"a\"}", "1:1: 'string' gives a text, not true or false");
    assert_refused("{equals, {constant, true}, \"a\"}",
                   "1:10: 'constant' gives true or false, not a text");
    assert_refused("{'not', \"a\"}", "1:9: expected a query, not a string");
    assert_refused("{constant, true", "1:16: the text ends before '}'");
    assert_refused("{constant, true}. {constant, true}.", "1:19: expected one term");
    assert_refused("", "1:1: expected one term");
}

static void a_case_that_can_never_be_the_one_is_refused(void **state)
{
    (void)state;
    assert_refused("{for, [{permission, admin, {constant, true}}]}",
                   "1:21: a permission is configure, write or read");
    assert_refused("{for, [{resource, vhost, {constant, true}}]}",
                   "1:19: a resource is queue, exchange or topic");
    assert_refused("{for, [{vhost, \"/\", {constant, true}}]}",
                   "1:16: expected a binary: <<\"...\">>");
    assert_refused("{for, [{user, <<\"/\">>, {constant, true}}]}",
                   "1:9: there is no variable 'user'");
    assert_refused("{for, {vhost, <<\"/\">>, {constant, true}}}",
                   "1:7: expected a list: [{Variable, Value, Query}, ...]");
    assert_refused("{for, [{vhost, <<\"/\">>}]}", "1:8: expected {Variable, Value, Query}");
}

static void tag_queries_are_pairs_of_tag_and_query(void **state)
{
    (void)state;
    struct ldap_tag_queries tags;
    struct erlang_fault fault;
    assert_int_equal(ldap_tag_queries_compile(
                         S("[{administrator, {constant, false}}, {monitoring, {exists, \"x\"}}]"),
                         &tags, &fault),
                     0);
    assert_int_equal(tags.count, 2);
    assert_true(slice_is(tags.items[1].tag, "monitoring"));
    assert_int_equal(tags.items[1].query.kind, LDAP_QUERY_EXISTS);
    ldap_tag_queries_free(&tags);

    assert_int_equal(ldap_tag_queries_compile(S("[]"), &tags, &fault), 0);
    ldap_tag_queries_free(&tags);
    assert_int_equal(ldap_tag_queries_compile(S("[{a, {constant, true}}, {b}]"), &tags, &fault),
                     ERR_INVALID);
    assert_fault(&fault, "1:25: expected {Tag, Query}");
    assert_int_equal(ldap_tag_queries_compile(S("{a, b}"), &tags, &fault), ERR_INVALID);
    assert_fault(&fault, "1:1: expected a list: [{Tag, Query}, ...]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_construct_is_understood),
        cmocka_unit_test(a_compiled_query_says_what_was_written),
        cmocka_unit_test(what_is_not_a_query_is_refused_with_its_place),
        cmocka_unit_test(a_case_that_can_never_be_the_one_is_refused),
        cmocka_unit_test(tag_queries_are_pairs_of_tag_and_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
