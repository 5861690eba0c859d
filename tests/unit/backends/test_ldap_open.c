/* What the settings of the backend ldap must be, and what is refused without asking anybody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/ldap.h"
#include "backends/ldap/ldap_log.h"
#include "base/error.h"

static const char *const servers[] = {"127.0.0.1"};

/* Port 1 has no server. */
static struct auth_ldap_settings settings(void)
{
    return (struct auth_ldap_settings){
        .servers = servers,
        .server_count = 1,
        .port = 1,
        .timeout_ms = 5000,
        .idle_timeout_ms = 300000,
        .connection_pool_size = 4,
    };
}

static void text_is(struct lv_buffer *text, const char *expected)
{
    lv_buffer_add_u8(text, '\0');
    assert_string_equal((const char *)text->p, expected);
    lv_buffer_free(text);
}

static void assert_refused(const struct auth_ldap_settings *s, const char *expected)
{
    struct auth_backend *backend;
    struct lv_buffer reason = {0};
    assert_int_equal(auth_ldap_open(s, &backend, &reason), ERR_INVALID);
    text_is(&reason, expected);
}

static struct auth_backend *opened(const struct auth_ldap_settings *s)
{
    struct auth_backend *backend;
    struct lv_buffer reason = {0};
    assert_int_equal(auth_ldap_open(s, &backend, &reason), 0);
    return backend;
}

/* Logs in, and expects an answer and a reason. */
static void assert_login(struct auth_backend *backend, const char *user, const char *password,
                         enum auth_answer expected, const char *reason)
{
    struct auth_found found = {0};
    struct lv_buffer why = {0};
    const struct auth_credentials credentials = {
        .user = slice_str(user), .password = slice_str(password), .has_password = true};
    assert_int_equal(backend->calls->log_in(backend, &credentials, &found, &why), expected);
    text_is(&why, reason);
    assert_null(found.data);
}

static void a_setting_that_makes_no_sense_is_named(void **state)
{
    (void)state;
    struct auth_ldap_settings s = settings();
    s.server_count = 0;
    assert_refused(&s, "auth_ldap.servers.1 is not set");
    s = settings();
    s.user_dn_pattern = "cn=${user}";
    assert_refused(&s, "auth_ldap.user_dn_pattern: there is no variable ${user}");
    s = settings();
    s.use_ssl = s.use_starttls = true;
    assert_refused(&s, "auth_ldap.use_ssl and auth_ldap.use_starttls exclude each other");
    s = settings();
    s.use_ssl = true;
    s.tls.ca_file = "/nowhere/ca.pem";
    assert_refused(&s, "auth_ldap.ssl_options.cacertfile: cannot use '/nowhere/ca.pem': No such "
                       "file or directory");
    s = settings();
    s.other_bind.kind = AUTH_LDAP_ACCOUNT;
    s.other_bind.user_dn = "cn=admin";
    assert_refused(&s, "auth_ldap.other_bind.password is not set: the server would take a bind "
                       "without a password for an anonymous one");
    s = settings();
    s.dn_lookup_attribute = "uid";
    assert_refused(&s, "auth_ldap.dn_lookup_base is not set, but dn_lookup_attribute is");
    s.dn_lookup_attribute = "uid)(cn=*";
    assert_refused(&s, "auth_ldap.dn_lookup_attribute: 'uid)(cn=*' cannot be the name of an "
                       "attribute");
}

static void a_query_that_is_not_understood_is_named_with_its_place(void **state)
{
    (void)state;
    struct auth_ldap_settings s = settings();
    s.vhost_access_query = "{'or', [{constant, false},\n {in_grp, \"x\"}]}";
    assert_refused(&s, "auth_ldap.queries.vhost_access, line 2, column 2: there is no query "
                       "'in_grp'");
    s = settings();
    s.tag_queries = "[{administrator, true}]";
    assert_refused(&s, "auth_ldap.queries.tags, line 1, column 18: expected a query, such as "
                       "{constant, true}");
    s = settings();
    s.topic_access_query = "{in_group_nested, \"cn=x\"}";
    assert_refused(&s, "auth_ldap.group_lookup_base is not set, but a query has in_group_nested");
    s.dn_lookup_base = "none";
    assert_refused(&s, "auth_ldap.group_lookup_base is not set, but a query has in_group_nested");
}

static void an_empty_password_or_name_is_refused_before_the_server_is_asked(void **state)
{
    (void)state;
    struct auth_ldap_settings s = settings();
    struct auth_backend *backend = opened(&s);
    assert_login(backend, "ann", "", AUTH_REFUSED,
                 "the password is empty, which would be an unauthenticated bind");
    assert_login(backend, "", "secret", AUTH_REFUSED,
                 "the name to bind is empty, which would be an anonymous bind");
    backend->calls->free(backend);
}

static void a_password_that_a_server_may_take_for_an_empty_one_is_refused(void **state)
{
    (void)state;
    struct auth_ldap_settings s = settings();
    struct auth_backend *backend = opened(&s);
    struct auth_found found = {0};
    struct lv_buffer why = {0};
    const struct auth_credentials credentials = {
        .user = slice_str("ann"), .password = slice_of("\0x", 2), .has_password = true};
    assert_int_equal(backend->calls->log_in(backend, &credentials, &found, &why), AUTH_REFUSED);
    text_is(&why, "the password contains a NUL byte");
    backend->calls->free(backend);
}

static void a_server_that_is_down_is_named(void **state)
{
    (void)state;
    static const char *const two[] = {"127.0.0.1", "127.0.0.2"};
    struct auth_ldap_settings s = settings();
    s.servers = two;
    s.server_count = 2;
    struct auth_backend *backend = opened(&s);
    assert_login(backend, "ann", "secret", AUTH_UNANSWERED,
                 "127.0.0.1:1: Connection refused; 127.0.0.2:1: Connection refused");
    backend->calls->free(backend);
}

static void queries_without_a_search_need_no_server(void **state)
{
    (void)state;
    struct auth_ldap_settings s = settings();
    struct lv_buffer reason = {0};
    s.other_bind.kind = AUTH_LDAP_ANONYMOUS;
    s.resource_access_query = "{match, \"${name}\", \"^${username}-\"}";
    s.tag_queries = "[{a, {constant, true}}, {b, {constant, false}}, {c, {constant, true}}]";
    struct auth_backend *backend = opened(&s);

    struct auth_found found = {0};
    const struct auth_credentials ann = {.user = slice_str("ann")};
    assert_int_equal(backend->calls->log_in(backend, &ann, &found, &reason), AUTH_ALLOWED);
    text_is(&found.tags, "a,c");

    struct auth_question q = {.resource = AUTH_QUEUE,
                              .action = AUTH_READ,
                              .user = ann.user,
                              .vhost = slice_str("/"),
                              .name = slice_str("ann-1"),
                              .data = found.data};
    assert_int_equal(backend->calls->may(backend, &q, &reason), AUTH_ALLOWED);
    q.name = slice_str("bob-1");
    assert_int_equal(backend->calls->may(backend, &q, &reason), AUTH_REFUSED);
    q.resource = AUTH_VHOST;
    assert_int_equal(backend->calls->may(backend, &q, &reason), AUTH_ALLOWED);
    backend->calls->forget(backend, found.data);
    backend->calls->free(backend);
    assert_int_equal(reason.n, 0);
}

static void a_user_who_is_known_by_somebody_else_cannot_be_bound(void **state)
{
    (void)state;
    struct auth_ldap_settings s = settings();
    struct auth_backend *backend = opened(&s);
    struct auth_found found = {0};
    struct lv_buffer reason = {0};
    const struct auth_credentials ann = {.user = slice_str("ann")};
    assert_int_equal(backend->calls->log_in(backend, &ann, &found, &reason), AUTH_UNANSWERED);
    text_is(&reason, "auth_ldap.other_bind is as_user, but the user's password is not known");
    backend->calls->free(backend);
}

static void names_are_logged_without_their_values(void **state)
{
    (void)state;
    static const struct {
        const char *dn, *scrubbed;
    } names[] = {
        {"cn=ann,ou=people,dc=x", "cn=xxxx,ou=xxxx,dc=xxxx"},
        {"cn=a\\,b=c,dc=x", "cn=xxxx,dc=xxxx"},
        {"ann@example.com", "xxxx"},
        {"cn=ann,secret", "xxxx"},
        {"cn=ann\\", "cn=xxxx"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct lv_buffer out = {0};
        ldap_scrub_dn(slice_str(names[i].dn), &out);
        text_is(&out, names[i].scrubbed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_setting_that_makes_no_sense_is_named),
        cmocka_unit_test(a_query_that_is_not_understood_is_named_with_its_place),
        cmocka_unit_test(an_empty_password_or_name_is_refused_before_the_server_is_asked),
        cmocka_unit_test(a_password_that_a_server_may_take_for_an_empty_one_is_refused),
        cmocka_unit_test(a_server_that_is_down_is_named),
        cmocka_unit_test(queries_without_a_search_need_no_server),
        cmocka_unit_test(a_user_who_is_known_by_somebody_else_cannot_be_bound),
        cmocka_unit_test(names_are_logged_without_their_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
