/* The backend ldap and servers that are good, slow or lying. Those that a real one cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "backends/ldap.h"
#include "base/buffer.h"
#include "unit/backends/ldap_server.h"

#define BYTES(...) slice_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static const char *const one[] = {"127.0.0.1"};
static const char *const two[] = {"127.0.0.1", "127.0.0.2"};

static struct auth_ldap_settings settings(const struct ldap_server *server)
{
    return (struct auth_ldap_settings){
        .servers = one,
        .server_count = 1,
        .port = server->port,
        .timeout_ms = 60000,
        .idle_timeout_ms = -1,
        .connection_pool_size = 4,
        .user_dn_pattern = "cn=${username}",
    };
}

static struct auth_backend *opened(const struct auth_ldap_settings *s)
{
    struct auth_backend *backend = NULL;
    struct lv_buffer reason = {0};
    assert_int_equal(auth_ldap_open(s, &backend, &reason), 0);
    return backend;
}

/* Logs ann in. Appends the reason if she is not let in. */
static enum auth_answer log_in(struct auth_backend *backend, struct lv_buffer *reason)
{
    struct auth_found found = {0};
    const struct auth_credentials ann = {
        .user = slice_str("ann"), .password = slice_str("secret"), .has_password = true};
    enum auth_answer answer = backend->calls->log_in(backend, &ann, &found, reason);
    if (found.data)
        backend->calls->forget(backend, found.data);
    lv_buffer_free(&found.tags);
    return answer;
}

/* Logs ann in at a server with these answers, within the time, and checks that it does not succeed.
 * Appends the reason. */
static void ask_in_vain(struct ldap_server *server, int64_t timeout_ms, const char *tags,
                        struct lv_buffer *reason)
{
    ldap_server_start(server, "127.0.0.1", 0);
    struct auth_ldap_settings s = settings(server);
    s.timeout_ms = timeout_ms;
    s.tag_queries = tags;
    struct auth_backend *backend = opened(&s);
    assert_int_equal(log_in(backend, reason), AUTH_UNANSWERED);
    backend->calls->free(backend);
    ldap_server_stop(server);
}

/* The port of the server takes the place of %u. Frees the reason. */
static void assert_reason(struct lv_buffer *reason, const struct ldap_server *server,
                          const char *expected)
{
    char whole[256];
    snprintf(whole, sizeof whole, expected, server->port);
    lv_buffer_add_u8(reason, '\0');
    assert_string_equal((const char *)reason->p, whole);
    lv_buffer_free(reason);
}

static void assert_unanswered(struct ldap_server *server, int64_t timeout_ms, const char *tags,
                              const char *expected)
{
    struct lv_buffer reason = {0};
    ask_in_vain(server, timeout_ms, tags, &reason);
    assert_reason(&reason, server, expected);
}

static void a_connection_is_used_again(void **state)
{
    (void)state;
    struct ldap_server server = {.bind_answer = ldap_bind_done};
    struct lv_buffer reason = {0};
    ldap_server_start(&server, "127.0.0.1", 0);
    struct auth_ldap_settings s = settings(&server);
    struct auth_backend *backend = opened(&s);
    for (int i = 0; i < 3; i++)
        assert_int_equal(log_in(backend, &reason), AUTH_ALLOWED);
    assert_int_equal(atomic_load(&server.connections), 1);
    backend->calls->free(backend);
    ldap_server_stop(&server);
}

static void a_connection_that_was_idle_for_too_long_is_not_used_again(void **state)
{
    (void)state;
    struct ldap_server server = {.bind_answer = ldap_bind_done};
    struct lv_buffer reason = {0};
    ldap_server_start(&server, "127.0.0.1", 0);
    struct auth_ldap_settings s = settings(&server);
    s.idle_timeout_ms = 0;
    struct auth_backend *backend = opened(&s);
    for (int i = 0; i < 3; i++)
        assert_int_equal(log_in(backend, &reason), AUTH_ALLOWED);
    assert_int_equal(atomic_load(&server.connections), 3);
    backend->calls->free(backend);
    ldap_server_stop(&server);
}

static void a_connection_that_the_server_has_closed_is_replaced(void **state)
{
    (void)state;
    struct ldap_server server = {.bind_answer = ldap_bind_done, .closes = true};
    struct lv_buffer reason = {0};
    ldap_server_start(&server, "127.0.0.1", 0);
    struct auth_ldap_settings s = settings(&server);
    struct auth_backend *backend = opened(&s);
    for (int i = 0; i < 3; i++)
        assert_int_equal(log_in(backend, &reason), AUTH_ALLOWED);
    assert_int_equal(atomic_load(&server.connections), 3);
    assert_int_equal(reason.n, 0);
    backend->calls->free(backend);
    ldap_server_stop(&server);
}

static void accounts_and_users_do_not_share_connections(void **state)
{
    (void)state;
    struct ldap_server server = {.bind_answer = ldap_bind_done, .search_answer = ldap_search_done};
    struct lv_buffer reason = {0};
    ldap_server_start(&server, "127.0.0.1", 0);
    struct auth_ldap_settings s = settings(&server);
    s.dn_lookup_attribute = "uid";
    s.dn_lookup_base = "dc=x";
    s.dn_lookup_bind = (struct auth_ldap_bind){AUTH_LDAP_ACCOUNT, "cn=finder", "secret"};
    s.other_bind.kind = AUTH_LDAP_ANONYMOUS;
    s.tag_queries = "[{a, {exists, \"dc=x\"}}]";
    struct auth_backend *backend = opened(&s);
    for (int i = 0; i < 3; i++)
        assert_int_equal(log_in(backend, &reason), AUTH_ALLOWED);
    assert_int_equal(atomic_load(&server.connections), 3);
    backend->calls->free(backend);
    ldap_server_stop(&server);
}

static void the_next_server_is_asked_if_one_is_silent(void **state)
{
    (void)state;
    struct ldap_server silent = {0}, good = {.bind_answer = ldap_bind_done};
    struct lv_buffer reason = {0};
    ldap_server_start(&silent, "127.0.0.1", 0);
    ldap_server_start(&good, "127.0.0.2", silent.port);
    struct auth_ldap_settings s = settings(&silent);
    s.servers = two;
    s.server_count = 2;
    s.timeout_ms = 2000;
    s.idle_timeout_ms = 0;
    struct auth_backend *backend = opened(&s);
    for (int i = 0; i < 3; i++)
        assert_int_equal(log_in(backend, &reason), AUTH_ALLOWED);
    assert_int_equal(atomic_load(&silent.connections), 1);
    assert_int_equal(atomic_load(&good.connections), 3);
    backend->calls->free(backend);
    ldap_server_stop(&silent);
    ldap_server_stop(&good);
    lv_buffer_free(&reason);
}

static void a_silent_server_is_asked_no_longer_than_the_timeout(void **state)
{
    (void)state;
    assert_unanswered(&(struct ldap_server){0}, 100, NULL,
                      "127.0.0.1:%u: no answer within the time limit");
    struct ldap_server half = {.bind_answer = BYTES(0x30, 12, 2, 1, 0, 0x61)};
    assert_unanswered(&half, 100, NULL, "127.0.0.1:%u: no answer within the time limit");
}

/* The bind before it must be answered in time, which a busy machine may not manage at first. */
static void a_search_lasts_no_longer_than_the_timeout(void **state)
{
    (void)state;
    struct ldap_server server = {.bind_answer = ldap_bind_done};
    struct lv_buffer reason = {0};
    for (int64_t timeout_ms = 100; atomic_load(&server.searches) == 0; timeout_ms *= 2) {
        lv_buffer_free(&reason);
        ask_in_vain(&server, timeout_ms, "[{a, {exists, \"dc=x\"}}]", &reason);
    }
    assert_reason(&reason, &server, "no answer within the time limit (127.0.0.1:%u)");
}

static void answers_that_make_no_sense_let_nobody_in(void **state)
{
    (void)state;
    struct ldap_server text = {.bind_answer = slice_str("HTTP/1.1 400 Bad Request\r\n"
                                                        "Content-Type: text/plain\r\n"
                                                        "Content-Length: 48\r\n\r\n"
                                                        "This is not a server for a directory of "
                                                        "users.\r\n"),
                               .keeps_id = true};
    assert_unanswered(&text, 60000, NULL, "127.0.0.1:%u: Can't contact LDAP server");
    struct ldap_server huge = {.bind_answer = BYTES(0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 2, 1, 1),
                               .keeps_id = true};
    assert_unanswered(&huge, 60000, NULL, "127.0.0.1:%u: Can't contact LDAP server");
    struct ldap_server search = {.bind_answer = ldap_search_done};
    assert_unanswered(&search, 60000, NULL, "127.0.0.1:%u: the answer to a bind is not one");
    struct ldap_server other = {
        .bind_answer = BYTES(0x30, 12, 2, 1, 99, 0x61, 7, 10, 1, 0, 4, 0, 4, 0), .keeps_id = true};
    assert_unanswered(&other, 100, NULL, "127.0.0.1:%u: no answer within the time limit");
    struct ldap_server busy = {.bind_answer =
                                   BYTES(0x30, 12, 2, 1, 0, 0x61, 7, 10, 1, 51, 4, 0, 4, 0)};
    assert_unanswered(&busy, 60000, NULL, "127.0.0.1:%u: Server is busy");
}

static void entries_without_end_are_cut_off(void **state)
{
    (void)state;
    /* an entry "cn=a" without attributes */
    struct ldap_server server = {
        .bind_answer = ldap_bind_done,
        .search_answer = BYTES(0x30, 13, 2, 1, 0, 0x64, 8, 4, 4, 'c', 'n', '=', 'a', 0x30, 0),
        .repeats = 10001};
    assert_unanswered(&server, 60000, "[{a, {exists, \"dc=x\"}}]",
                      "a search in \"dc=x\" finds too many entries (127.0.0.1:%u)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_used_again),
        cmocka_unit_test(a_connection_that_was_idle_for_too_long_is_not_used_again),
        cmocka_unit_test(a_connection_that_the_server_has_closed_is_replaced),
        cmocka_unit_test(accounts_and_users_do_not_share_connections),
        cmocka_unit_test(the_next_server_is_asked_if_one_is_silent),
        cmocka_unit_test(a_silent_server_is_asked_no_longer_than_the_timeout),
        cmocka_unit_test(a_search_lasts_no_longer_than_the_timeout),
        cmocka_unit_test(answers_that_make_no_sense_let_nobody_in),
        cmocka_unit_test(entries_without_end_are_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
