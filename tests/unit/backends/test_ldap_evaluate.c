/* Queries are evaluated against a directory in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <strings.h>

#include "backends/ldap/ldap_evaluate.h"
#include "base/error.h"

#define S(text) slice_str(text)

/* One value of an attribute of an entry. Rows of an entry are side by side. */
struct row {
    const char *dn;
    const char *attribute;
    const char *value;
};

#define ANN "cn=ann,ou=people,dc=x"
#define BOB "cn=bob,ou=people,dc=x"

static const struct row rows[] = {
    {ANN, "uid", "ann"},
    {ANN, "memberOf", "cn=wheel,ou=groups,dc=x"},
    {ANN, "memberOf", "cn=people,ou=groups,dc=x"},
    {ANN, "description", "^order-"},
    {ANN, "empty", ""},
    {BOB, "uid", "bob"},
    {"ou=prod,ou=vhosts,dc=x", "ou", "prod"},
    {"cn=wheel,ou=groups,dc=x", "member", ANN},
    {"cn=admins,ou=groups,dc=x", "member", "cn=wheel,ou=groups,dc=x"},
    {"cn=admins,ou=groups,dc=x", "owner", BOB},
    {"cn=round1,ou=groups,dc=x", "member", "cn=round2,ou=groups,dc=x"},
    {"cn=round2,ou=groups,dc=x", "member", "cn=round1,ou=groups,dc=x"},
    {"cn=round2,ou=groups,dc=x", "member", BOB},
    {"cn=deep,ou=special,ou=groups,dc=x", "member", ANN},
};
enum { ROWS = sizeof rows / sizeof *rows };

struct fake_directory {
    struct directory base;
    bool is_down;
    const char *hidden; /* searches here are refused; NULL: none are */
    unsigned searches;
};

static bool lies_within(const char *dn, const struct directory_search *search)
{
    size_t n = strlen(dn);
    if (search->scope == DIRECTORY_ENTRY)
        return slice_is(search->base, dn);
    if (n < search->base.n || memcmp(dn + n - search->base.n, search->base.p, search->base.n) != 0)
        return false;
    const char *below = strchr(dn, ',');
    return search->scope == DIRECTORY_SUBTREE || (below && slice_is(search->base, below + 1));
}

static bool has_value(const char *dn, const struct directory_search *search)
{
    bool is_present = strcmp(search->attribute, "objectClass") == 0;
    for (size_t i = 0; i < ROWS && !is_present; i++)
        is_present = strcmp(rows[i].dn, dn) == 0 &&
                     strcasecmp(rows[i].attribute, search->attribute) == 0 &&
                     slice_is(search->value, rows[i].value);
    return is_present;
}

static void tell_entry(const char *dn, const struct directory_search *search)
{
    struct slice values[8];
    size_t count = 0;
    for (size_t i = 0; i < ROWS && search->wanted; i++)
        if (strcmp(rows[i].dn, dn) == 0 && strcasecmp(rows[i].attribute, search->wanted) == 0)
            values[count++] = S(rows[i].value);
    search->on_entry(search->arg, S(dn), values, count);
}

static enum directory_answer fake_search(struct directory *directory,
                                         const struct directory_search *search,
                                         struct lv_buffer *reason)
{
    struct fake_directory *fake = (struct fake_directory *)directory;
    bool has_object = false;
    fake->searches++;
    if (fake->is_down) {
        lv_buffer_printf(reason, "the directory is down");
        return DIRECTORY_FAILED;
    }
    if (fake->hidden && slice_is(search->base, fake->hidden)) {
        lv_buffer_printf(reason, "insufficient access");
        return DIRECTORY_REFUSED;
    }
    for (size_t i = 0; i < ROWS; i++) {
        bool is_first = i == 0 || strcmp(rows[i].dn, rows[i - 1].dn) != 0;
        if (!is_first || !lies_within(rows[i].dn, search))
            continue;
        has_object = true;
        if (has_value(rows[i].dn, search))
            tell_entry(rows[i].dn, search);
    }
    if (!has_object)
        lv_buffer_printf(reason, "there is no \"%.*s\"", SLICE_ARG(search->base));
    return has_object ? DIRECTORY_ANSWERED : DIRECTORY_NO_OBJECT;
}

static struct fake_directory fake;
static struct lv_buffer reason;

static int start(void **state)
{
    (void)state;
    fake = (struct fake_directory){.base.search = fake_search};
    return 0;
}

static int stop(void **state)
{
    (void)state;
    lv_buffer_free(&reason);
    return 0;
}

/* May this user write to queue order-1 in vhost prod? */
static enum ldap_result asked(const char *user, const char *user_dn, const char *text,
                              struct lv_buffer *trace)
{
    struct ldap_query q;
    struct erlang_fault fault;
    if (ldap_query_compile(S(text), &q, &fault) < 0)
        fail_msg("%s: %u:%u: %s", text, fault.line, fault.column, fault.message);
    struct ldap_evaluation e = {
        .directory = &fake.base,
        .groups_base = S("ou=groups,dc=x"),
        .reason = &reason,
        .trace = trace,
    };
    ldap_variables_set_user(&e.variables, S(user));
    ldap_variables_set(&e.variables, LDAP_USER_DN, S(user_dn));
    ldap_variables_set(&e.variables, LDAP_VHOST, S("prod"));
    ldap_variables_set(&e.variables, LDAP_RESOURCE, S("queue"));
    ldap_variables_set(&e.variables, LDAP_NAME, S("order-1"));
    ldap_variables_set(&e.variables, LDAP_PERMISSION, S("write"));
    enum ldap_result result = ldap_evaluate(&e, &q);
    ldap_query_free(&q);
    return result;
}

static void assert_result(const char *text, enum ldap_result expected)
{
    enum ldap_result found = asked("ann", ANN, text, NULL);
    if (found != expected)
        fail_msg("%s: %d is not %d", text, found, expected);
}

#define IS_TRUE(text) assert_result(text, LDAP_RESULT_TRUE)
#define IS_FALSE(text) assert_result(text, LDAP_RESULT_FALSE)
#define IS_NONE(text) assert_result(text, LDAP_RESULT_NONE)

static void an_entry_exists_or_not(void **state)
{
    (void)state;
    IS_TRUE("{constant, true}");
    IS_FALSE("{constant, false}");
    IS_TRUE("{exists, \"ou=${vhost},ou=vhosts,dc=x\"}");
    IS_NONE("{exists, \"ou=${username},ou=vhosts,dc=x\"}");
    assert_true(slice_is(lv_buffer_slice(&reason), "there is no \"ou=ann,ou=vhosts,dc=x\""));
}

static void a_user_is_in_a_group_or_not(void **state)
{
    (void)state;
    IS_TRUE("{in_group, \"cn=wheel,ou=groups,dc=x\"}");
    IS_FALSE("{in_group, \"cn=admins,ou=groups,dc=x\"}");
    IS_NONE("{in_group, \"cn=nobody,ou=groups,dc=x\"}");
    assert_int_equal(asked("bob", BOB, "{in_group, \"cn=admins,ou=groups,dc=x\", \"owner\"}", NULL),
                     LDAP_RESULT_TRUE);
}

static void groups_within_groups_are_followed(void **state)
{
    (void)state;
    IS_TRUE("{in_group_nested, \"cn=wheel,ou=groups,dc=x\"}");
    IS_TRUE("{in_group_nested, \"CN=admins,OU=groups,DC=x\"}");
    IS_FALSE("{in_group_nested, \"cn=round1,ou=groups,dc=x\"}");
    IS_FALSE("{in_group_nested, \"cn=admins,ou=groups,dc=x\", \"owner\"}");
    IS_TRUE("{in_group_nested, \"cn=deep,ou=special,ou=groups,dc=x\"}");
    IS_FALSE("{in_group_nested, \"cn=deep,ou=special,ou=groups,dc=x\", \"member\", one_level}");
}

static void groups_in_a_circle_end(void **state)
{
    (void)state;
    assert_int_equal(asked("bob", BOB, "{in_group_nested, \"cn=round1,ou=groups,dc=x\"}", NULL),
                     LDAP_RESULT_TRUE);
    assert_int_equal(asked("bob", BOB, "{in_group_nested, \"cn=wheel,ou=groups,dc=x\"}", NULL),
                     LDAP_RESULT_FALSE);
    assert_in_range(fake.searches, 1, 10);
}

static void texts_are_compared(void **state)
{
    (void)state;
    IS_TRUE("{equals, \"${username}\", {attribute, \"${user_dn}\", \"uid\"}}");
    IS_FALSE("{equals, \"bob\", {attribute, \"${user_dn}\", \"uid\"}}");
    IS_TRUE("{equals, \"cn=people,ou=groups,dc=x\", {attribute, \"${user_dn}\", \"memberOf\"}}");
    IS_TRUE("{equals, {attribute, \"${user_dn}\", \"memberof\"}, \"cn=wheel,ou=groups,dc=x\"}");
    IS_TRUE("{equals, {attribute, \"${user_dn}\", \"memberOf\"},"
            " {attribute, \"${user_dn}\", \"memberOf\"}}");
    IS_TRUE("{equals, {for, [{permission, write, \"a\"}]}, {string, \"a\"}}");
    IS_FALSE("{equals, {attribute, \"${user_dn}\", \"nothing\"}, \"\"}");
    IS_FALSE("{equals, {attribute, \"cn=nobody,dc=x\", \"uid\"}, \"\"}");
}

static void texts_are_matched(void **state)
{
    (void)state;
    IS_TRUE("{match, \"${name}\", \"^order-\"}");
    IS_FALSE("{match, \"${name}\", \"^${username}-\"}");
    IS_TRUE("{match, \"${name}\", {attribute, \"${user_dn}\", \"description\"}}");
    IS_TRUE("{match, {attribute, \"${user_dn}\", \"memberOf\"}, \"^cn=people\"}");
    IS_FALSE("{match, {attribute, \"${user_dn}\", \"memberOf\"}, \"^cn=admins\"}");
    IS_FALSE("{match, {attribute, \"${user_dn}\", \"memberOf\"},"
             " {attribute, \"${user_dn}\", \"memberOf\"}}");
    IS_FALSE("{match, {attribute, \"${user_dn}\", \"empty\"}, \".*\"}");
    IS_FALSE("{match, \"${name}\", \"(\"}");
    IS_TRUE("{match, \"\", \".*\"}");
    IS_TRUE("{match, \"${name}\", \"\"}");
}

static void a_users_name_is_no_pattern(void **state)
{
    (void)state;
    assert_int_equal(asked(".*", BOB, "{match, \"${name}\", \"^${username}-\"}", NULL),
                     LDAP_RESULT_FALSE);
    assert_int_equal(asked("order", BOB, "{match, \"${name}\", \"^${username}-\"}", NULL),
                     LDAP_RESULT_TRUE);
}

static void the_first_case_with_the_value_decides(void **state)
{
    (void)state;
    IS_TRUE(
        "{for, [{permission, read, {constant, false}}, {permission, write, {constant, true}}]}");
    IS_FALSE(
        "{for, [{resource, queue, {constant, false}}, {permission, write, {constant, true}}]}");
    IS_TRUE("{for, [{vhost, <<\"prod\">>, {for, [{name, <<\"order-1\">>, {constant, true}}]}}]}");
    IS_NONE("{for, [{permission, read, {constant, true}}]}");
    assert_true(slice_is(lv_buffer_slice(&reason), "'for' has no case for this"));
    IS_NONE("{for, [{routing_key, <<\"a\">>, {constant, true}}]}");
    assert_true(
        slice_is(lv_buffer_slice(&reason), "'for' asks for routing_key, which has no value here"));
}

static void answers_are_combined(void **state)
{
    (void)state;
    IS_TRUE("{'and', []}");
    IS_FALSE("{'or', []}");
    IS_TRUE("{'and', [{constant, true}, {constant, true}]}");
    IS_FALSE("{'and', [{constant, true}, {constant, false}]}");
    IS_TRUE("{'or', [{constant, false}, {constant, true}]}");
    IS_FALSE("{'not', {constant, true}}");
    IS_TRUE("{'not', {in_group, \"cn=admins,ou=groups,dc=x\"}}");
    fake.searches = 0;
    IS_FALSE("{'and', [{constant, false}, {exists, \"dc=x\"}]}");
    IS_TRUE("{'or', [{constant, true}, {exists, \"dc=x\"}]}");
    assert_int_equal(fake.searches, 0);
}

static void a_missing_entry_is_neither_true_nor_false(void **state)
{
    (void)state;
    IS_NONE("{'not', {exists, \"cn=nobody\"}}");
    IS_TRUE("{'or', [{exists, \"cn=nobody\"}, {constant, true}]}");
    IS_FALSE("{'or', [{exists, \"cn=nobody\"}, {constant, false}]}");
    IS_NONE("{'and', [{constant, true}, {exists, \"cn=nobody\"}]}");
    IS_FALSE("{'and', [{exists, \"cn=nobody\"}, {constant, true}]}");
}

static void a_search_that_is_refused_makes_not_no_yes(void **state)
{
    (void)state;
    fake.hidden = "cn=wheel,ou=groups,dc=x";
    IS_NONE("{in_group, \"cn=wheel,ou=groups,dc=x\"}");
    IS_NONE("{'not', {in_group, \"cn=wheel,ou=groups,dc=x\"}}");
    IS_NONE("{'not', {'or', [{in_group, \"cn=wheel,ou=groups,dc=x\"}, {constant, false}]}}");
    IS_NONE("{'not', {'and', [{in_group, \"cn=wheel,ou=groups,dc=x\"}, {constant, true}]}}");
    IS_NONE("{'not', {equals, \"a\", {attribute, \"cn=wheel,ou=groups,dc=x\", \"member\"}}}");
    IS_TRUE("{'or', [{in_group, \"cn=wheel,ou=groups,dc=x\"}, {constant, true}]}");
    IS_TRUE("{'and', [{'not', {in_group, \"cn=admins,ou=groups,dc=x\"}}, {constant, true}]}");
}

static void nothing_is_known_when_the_directory_is_down(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{exists, \"dc=x\"}",
        "{in_group_nested, \"dc=x\"}",
        "{'not', {exists, \"dc=x\"}}",
        "{'or', [{exists, \"dc=x\"}, {constant, true}]}",
        "{'and', [{constant, true}, {exists, \"dc=x\"}, {constant, false}]}",
        "{'not', {equals, \"a\", {attribute, \"dc=x\", \"uid\"}}}",
        "{'not', {match, {attribute, \"dc=x\", \"uid\"}, \"a\"}}",
    };
    fake.is_down = true;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_result(texts[i], LDAP_RESULT_FAILED);
        assert_true(slice_is(lv_buffer_slice(&reason), "the directory is down"));
    }
}

static void names_of_entries_are_escaped(void **state)
{
    (void)state;
    assert_int_equal(asked("ann,ou=people", BOB, "{exists, \"cn=${username},dc=x\"}", NULL),
                     LDAP_RESULT_NONE);
    assert_true(slice_is(lv_buffer_slice(&reason), "there is no \"cn=ann\\,ou=people,dc=x\""));
}

static void the_steps_can_be_traced(void **state)
{
    (void)state;
    struct lv_buffer trace = {0};
    asked("ann", ANN, "{'or', [{in_group, \"cn=admins,ou=groups,dc=x\"}, {constant, true}]}",
          &trace);
    assert_true(slice_is(lv_buffer_slice(&trace),
                         "in_group \"cn=admins,ou=groups,dc=x\": false, constant: true, or: true"));
    lv_buffer_free(&trace);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(an_entry_exists_or_not),
        EACH(a_user_is_in_a_group_or_not),
        EACH(groups_within_groups_are_followed),
        EACH(groups_in_a_circle_end),
        EACH(texts_are_compared),
        EACH(texts_are_matched),
        EACH(a_users_name_is_no_pattern),
        EACH(the_first_case_with_the_value_decides),
        EACH(answers_are_combined),
        EACH(a_missing_entry_is_neither_true_nor_false),
        EACH(a_search_that_is_refused_makes_not_no_yes),
        EACH(nothing_is_known_when_the_directory_is_down),
        EACH(names_of_entries_are_escaped),
        EACH(the_steps_can_be_traced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
