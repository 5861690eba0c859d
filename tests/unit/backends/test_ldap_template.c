#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/ldap/ldap_template.h"
#include "base/error.h"

#define S(text) slice_str(text)

static void assert_filled(const char *pattern, const struct ldap_variables *variables,
                          enum ldap_fill how, const char *expected)
{
    struct ldap_template t;
    struct slice unknown;
    struct lv_buffer out = {0};
    assert_int_equal(ldap_template_parse(S(pattern), &t, &unknown), 0);
    ldap_template_fill(&t, variables, how, &out);
    if (!slice_is(lv_buffer_slice(&out), expected))
        fail_msg("%s: '%.*s' is not '%s'", pattern, SLICE_ARG(lv_buffer_slice(&out)), expected);
    lv_buffer_free(&out);
    ldap_template_free(&t);
}

/* Fills ${username} into a distinguished name. */
static void assert_user(const char *username, const char *expected)
{
    struct ldap_variables v = {0};
    ldap_variables_set_user(&v, S(username));
    assert_filled("${username}", &v, LDAP_FILL_DN, expected);
}

static void variables_are_filled_in(void **state)
{
    (void)state;
    struct ldap_variables v = {0};
    ldap_variables_set_user(&v, S("ann"));
    ldap_variables_set(&v, LDAP_VHOST, SLICE_EMPTY);
    assert_filled("cn=${username},ou=people", &v, LDAP_FILL_PLAIN, "cn=ann,ou=people");
    assert_filled("${username}${username}", &v, LDAP_FILL_PLAIN, "annann");
    assert_filled("[${vhost}]", &v, LDAP_FILL_PLAIN, "[]");
    assert_filled("no variable, $ { } ${", &v, LDAP_FILL_PLAIN, "no variable, $ { } ${");
    assert_filled("", &v, LDAP_FILL_PLAIN, "");
}

static void a_variable_without_a_value_stays_in_the_text(void **state)
{
    (void)state;
    struct ldap_variables v = {0};
    ldap_variables_set_user(&v, S("ann"));
    assert_filled("ou=${vhost},cn=${ad_user}", &v, LDAP_FILL_DN, "ou=${vhost},cn=${ad_user}");
}

static void a_value_that_looks_like_a_variable_is_not_filled_again(void **state)
{
    (void)state;
    struct ldap_variables v = {0};
    ldap_variables_set_user(&v, S("${vhost}"));
    ldap_variables_set(&v, LDAP_VHOST, S("secret"));
    assert_filled("${username}", &v, LDAP_FILL_PLAIN, "${vhost}");
}

static void an_unknown_variable_is_refused(void **state)
{
    (void)state;
    struct ldap_template t;
    struct slice unknown;
    assert_int_equal(ldap_template_parse(S("cn=${user},dc=x"), &t, &unknown), ERR_INVALID);
    assert_true(slice_is(unknown, "user"));
}

static void a_value_cannot_leave_its_place_in_a_distinguished_name(void **state)
{
    (void)state;
    assert_user("ann", "ann");
    assert_user("ann,ou=admins", "ann\\,ou=admins");
    assert_user("a+b\"c<d>e;f", "a\\+b\\\"c\\<d\\>e\\;f");
    assert_user(" both ", "\\ both\\ ");
    assert_user(" ", "\\ ");
    assert_user("#hash # inside", "\\#hash # inside");
    assert_user("caf\xc3\xa9", "caf\xc3\xa9");

    struct ldap_variables v = {0};
    ldap_variables_set_user(&v, slice_of("a\0b", 3));
    assert_filled("cn=${username}", &v, LDAP_FILL_DN, "cn=a\\00b");
}

static void the_users_own_name_is_not_escaped_again(void **state)
{
    (void)state;
    struct ldap_variables v = {0};
    ldap_variables_set(&v, LDAP_USER_DN, S("cn=a\\,b,dc=x"));
    assert_filled("${user_dn}", &v, LDAP_FILL_DN, "cn=a\\,b,dc=x");
}

static void a_name_of_domain_and_user_keeps_its_backslash(void **state)
{
    (void)state;
    struct ldap_variables v = {0};
    assert_user("DOMAIN\\ann", "DOMAIN\\ann");
    assert_user("DOMAIN\\ann,ou=admins", "DOMAIN\\ann\\,ou=admins");
    ldap_variables_set_user(&v, S("DOMAIN\\ann"));
    assert_filled("${ad_user}@${ad_domain}.example", &v, LDAP_FILL_DN, "ann@DOMAIN.example");
}

static void a_backslash_that_could_end_a_value_is_escaped(void **state)
{
    (void)state;
    assert_user("DOMAIN\\,ou=admins", "DOMAIN\\\\\\,ou=admins");
    assert_user("DOMAIN\\\"x", "DOMAIN\\\\\\\"x");
    assert_user("DOMAIN\\ x", "DOMAIN\\\\ x");
    assert_user("A\\B\\C", "A\\\\B\\\\C");
    assert_user("\\ann", "\\\\ann");
    assert_user("DOMAIN\\", "DOMAIN\\\\");
    struct ldap_variables v = {0};
    ldap_variables_set_user(&v, S("DOMAIN\\,ou=admins"));
    assert_filled("cn=${ad_user}", &v, LDAP_FILL_DN, "cn=${ad_user}");
}

static void a_value_in_a_pattern_matches_only_itself(void **state)
{
    (void)state;
    struct ldap_variables v = {0};
    ldap_variables_set_user(&v, S(".*|a\\Eb_c-\xc3\xa9"));
    assert_filled("^${username}-", &v, LDAP_FILL_PATTERN, "^\\.\\*\\|a\\\\Eb\\_c\\-\xc3\xa9-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_filled_in),
        cmocka_unit_test(a_variable_without_a_value_stays_in_the_text),
        cmocka_unit_test(a_value_that_looks_like_a_variable_is_not_filled_again),
        cmocka_unit_test(an_unknown_variable_is_refused),
        cmocka_unit_test(a_value_cannot_leave_its_place_in_a_distinguished_name),
        cmocka_unit_test(the_users_own_name_is_not_escaped_again),
        cmocka_unit_test(a_name_of_domain_and_user_keeps_its_backslash),
        cmocka_unit_test(a_backslash_that_could_end_a_value_is_escaped),
        cmocka_unit_test(a_value_in_a_pattern_matches_only_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
