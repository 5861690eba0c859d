/* Proxies and limits of a listener: net/accepting.c and arrivals.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "record_layer.h"
#include "server.h"

static const char line[] = "PROXY TCP4 127.0.0.9 127.0.0.1 56324 5672\r\n";
static const char from_afar[] = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 5672\r\n";

static const struct net_accept_limits no_limits = {-1, -1, PATIENCE_MS};

static void expect_every_peer(struct net_listener *listener)
{
    net_listener_expect_proxies(listener, NULL, 0);
    net_listener_set_limits(listener, &no_limits);
}

static void check_echo(int fd)
{
    uint8_t frame[14], got[14];
    size_t n = frame_make(frame, 'E', 10, 1);
    client_send(fd, frame, n);
    client_receive(fd, got, n);
    assert_memory_equal(got, frame, n);
}

static void a_connection_begins_right_behind_the_header(void **state)
{
    (void)state;
    uint8_t all[200], got[14];
    struct server *server = server_start_prepared(2, NULL, expect_every_peer);
    int fd = client_connect(server->port);
    memcpy(all, line, sizeof line - 1);
    size_t n = frame_make(all + sizeof line - 1, 'E', 10, 1);
    client_send(fd, all, sizeof line - 1 + n);
    client_receive(fd, got, n);
    assert_memory_equal(got, all + sizeof line - 1, n);
    assert_true(atomic_load(&server->was_loopback));
    close(fd);
    server_stop(&server);
}

static void a_header_may_come_byte_by_byte(void **state)
{
    (void)state;
    /* IPv4, and then 300 bytes of values */
    uint8_t header[16 + 12 + 300] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\x01\x38\x7f\0\0\x09\x7f\0\0\1";
    struct server *server = server_start_prepared(2, NULL, expect_every_peer);
    int fd = client_connect(server->port);
    for (size_t i = 0; i < sizeof header; i++)
        client_send(fd, header + i, 1);
    check_echo(fd);
    close(fd);
    fd = client_connect(server->port);
    for (size_t i = 0; i < sizeof line - 1; i++)
        client_send(fd, line + i, 1);
    check_echo(fd);
    close(fd);
    wait_for(&server->ended, 2);
    server_stop(&server);
}

static void a_client_from_afar_is_not_on_this_host_although_its_proxy_is(void **state)
{
    (void)state;
    static const char *const headers[] = {from_afar, "PROXY UNKNOWN\r\n"};
    for (size_t i = 0; i < 2; i++) {
        struct server *server = server_start_prepared(1, NULL, expect_every_peer);
        int fd = client_connect(server->port);
        client_send(fd, headers[i], strlen(headers[i]));
        check_echo(fd);
        assert_false(atomic_load(&server->was_loopback));
        close(fd);
        server_stop(&server);
    }
}

static void a_layer_begins_behind_the_header(void **state)
{
    (void)state;
    uint8_t frame[14], encoded[28], got[14];
    struct server *server = server_start_prepared(1, record_layer, expect_every_peer);
    int fd = client_connect(server->port);
    client_send(fd, line, sizeof line - 1);
    record_client_hello(fd);
    size_t n = frame_make(frame, 'E', 10, 1);
    client_send(fd, encoded, record_encode(encoded, frame, n));
    record_client_receive(fd, got, n);
    assert_memory_equal(got, frame, n);
    close(fd);
    server_stop(&server);
}

static void a_peer_without_a_header_is_closed(void **state)
{
    (void)state;
    static const char *const wrong[] = {"AMQP\0\0\x09\1", "PROXY TCP4 a b c d\r\n", "PROXZ"};
    struct server *server = server_start_prepared(2, NULL, expect_every_peer);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int fd = client_connect(server->port);
        client_send(fd, wrong[i], i == 0 ? 8 : strlen(wrong[i]));
        client_is_ended(fd);
        close(fd);
    }
    int gone = client_connect(server->port);
    client_send(gone, "PROXY", 5);
    close(gone);
    assert_int_equal(atomic_load(&server->accepted), 0);
    server_stop(&server);
}

static void expect_it_soon(struct net_listener *listener)
{
    net_listener_expect_proxies(listener, NULL, 0);
    net_listener_set_limits(listener, &(struct net_accept_limits){-1, -1, 30});
}

static void a_peer_whose_header_is_late_is_closed(void **state)
{
    (void)state;
    struct server *server = server_start_prepared(1, NULL, expect_it_soon);
    int silent = client_connect(server->port), half = client_connect(server->port);
    client_send(half, line, 20);
    client_is_ended(silent);
    client_is_ended(half);
    close(silent);
    close(half);
    server_stop(&server);
}

static void arrivals_end_with_the_loops(void **state)
{
    (void)state;
    struct server *server = server_start_prepared(2, NULL, expect_every_peer);
    int fd = client_connect(server->port);
    client_send(fd, line, 20);
    server_stop(&server);
    client_is_ended(fd);
    close(fd);
}

static void trust_another_host(struct net_listener *listener)
{
    struct net_network trusted[2];
    assert_true(net_network_parse("10.0.0.0/8", &trusted[0]));
    assert_true(net_network_parse("127.0.0.2", &trusted[1]));
    net_listener_expect_proxies(listener, trusted, 2);
}

static void trust_this_host(struct net_listener *listener)
{
    struct net_network trusted;
    assert_true(net_network_parse("127.0.0.0/30", &trusted));
    net_listener_expect_proxies(listener, &trusted, 1);
}

static void only_trusted_peers_send_a_header(void **state)
{
    (void)state;
    struct server *server = server_start_prepared(1, NULL, trust_another_host);
    int fd = client_connect(server->port);
    check_echo(fd);
    close(fd);
    server_stop(&server);
    server = server_start_prepared(1, NULL, trust_this_host);
    fd = client_connect(server->port);
    client_send(fd, line, sizeof line - 1);
    check_echo(fd);
    close(fd);
    server_stop(&server);
}

/* --- limits ----------------------------------------------------------------------------------- */

static void three_newcomers(struct net_listener *listener)
{
    net_listener_set_limits(listener, &(struct net_accept_limits){-1, 3, PATIENCE_MS});
}

/* Frame 'A' admits the connection. */
static void newcomers_beyond_the_limit_are_closed_at_once(void **state)
{
    (void)state;
    int fd[4];
    uint8_t frame[5];
    struct server *server = server_start_prepared(2, NULL, three_newcomers);
    for (int i = 0; i < 3; i++)
        fd[i] = client_connect(server->port);
    wait_for(&server->accepted, 3);
    fd[3] = client_connect(server->port);
    client_expect_end(fd[3]);
    close(fd[3]);
    client_send(fd[0], frame, frame_make(frame, 'A', 1, 0)); /* it is not a newcomer any more */
    check_echo(fd[0]);
    fd[3] = client_connect(server->port);
    check_echo(fd[3]);
    for (int i = 0; i < 4; i++)
        close(fd[i]);
    wait_for(&server->ended, 4);
    for (int i = 0; i < 3; i++) {
        fd[i] = client_connect(server->port);
        check_echo(fd[i]);
    }
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    server_stop(&server);
}

static void three_behind_a_proxy(struct net_listener *listener)
{
    net_listener_expect_proxies(listener, NULL, 0);
    three_newcomers(listener);
}

static void newcomers_are_counted_by_the_address_that_a_proxy_passes_on(void **state)
{
    (void)state;
    enum { CLIENTS = 12 };
    int fd[CLIENTS + 1];
    char header[100];
    struct server *server = server_start_prepared(2, NULL, three_behind_a_proxy);
    for (int i = 0; i < CLIENTS; i++) {
        int n = snprintf(header, sizeof header, "PROXY TCP4 192.0.2.%d 192.0.2.99 1 2\r\n", i / 3);
        fd[i] = client_connect(server->port);
        client_send(fd[i], header, (size_t)n);
        check_echo(fd[i]);
    }
    fd[CLIENTS] = client_connect(server->port);
    client_send(fd[CLIENTS], header, strlen(header));
    client_is_ended(fd[CLIENTS]);
    for (int i = 0; i <= CLIENTS; i++)
        close(fd[i]);
    server_stop(&server);
}

static void two_connections(struct net_listener *listener)
{
    net_listener_set_limits(listener, &(struct net_accept_limits){2, -1, PATIENCE_MS});
}

static void a_connection_beyond_the_limit_waits_until_another_has_ended(void **state)
{
    (void)state;
    int fd[3];
    struct server *server = server_start_prepared(2, NULL, two_connections);
    for (int i = 0; i < 3; i++)
        fd[i] = client_connect(server->port);
    check_echo(fd[0]);
    check_echo(fd[1]);
    assert_int_equal(atomic_load(&server->accepted), 2);
    close(fd[0]);
    check_echo(fd[2]);
    close(fd[1]);
    close(fd[2]);
    server_stop(&server);
}

static void two_with_an_address(struct net_listener *listener)
{
    net_listener_set_limits(listener, &(struct net_accept_limits){.connections = -1,
                                                                  .newcomers_per_address = 2,
                                                                  .proxy_header_ms = PATIENCE_MS,
                                                                  .closes_half_open = true});
}

static void two_at_all(struct net_listener *listener)
{
    net_listener_set_limits(listener, &(struct net_accept_limits){.connections = 2,
                                                                  .newcomers_per_address = -1,
                                                                  .proxy_header_ms = PATIENCE_MS,
                                                                  .closes_half_open = true});
}

static void two_with_an_address_behind_a_proxy(struct net_listener *listener)
{
    net_listener_expect_proxies(listener, NULL, 0);
    two_with_an_address(listener);
}

/* Frame 'K' keeps the connection. */
static void the_oldest_half_open_connection_is_closed_for_a_new_one(void **state)
{
    (void)state;
    static void (*const limits[])(struct net_listener *) = {two_at_all, two_with_an_address};
    uint8_t frame[5];
    for (size_t i = 0; i < 2; i++) {
        struct server *server = server_start_prepared(1, NULL, limits[i]);
        int kept = client_connect(server->port);
        client_send(kept, frame, frame_make(frame, 'K', 1, 0));
        check_echo(kept);
        int before = client_connect(server->port);
        check_echo(before);
        for (int n = 0; n < 5; n++) {
            int next = client_connect(server->port);
            check_echo(next);
            client_is_ended(before);
            wait_for(&server->ended, (unsigned)n + 1);
            assert_int_equal(atomic_load(&server->last_error), ERR_CLOSED);
            close(before);
            before = next;
        }
        check_echo(kept);
        close(kept);
        close(before);
        wait_for(&server->ended, 7);
        server_stop(&server);
    }
}

/* None makes room for itself. Another address may share the counter, so there is but one. */
static void a_half_open_connection_is_known_by_the_address_that_a_proxy_passes_on(void **state)
{
    (void)state;
    enum { CLIENTS = 8 };
    int fd[CLIENTS];
    struct server *server = server_start_prepared(1, NULL, two_with_an_address_behind_a_proxy);
    for (int i = 0; i < CLIENTS; i++) {
        fd[i] = client_connect(server->port);
        client_send(fd[i], from_afar, sizeof from_afar - 1);
        check_echo(fd[i]);
    }
    for (int i = 0; i < CLIENTS - 2; i++)
        client_is_ended(fd[i]);
    check_echo(fd[CLIENTS - 1]);
    for (int i = 0; i < CLIENTS; i++)
        close(fd[i]);
    server_stop(&server);
}

static void a_peer_within_its_handshake_is_half_open(void **state)
{
    (void)state;
    struct server *server = server_start_prepared(1, record_layer, two_at_all);
    int silent[2] = {client_connect(server->port), client_connect(server->port)};
    int fd = client_connect(server->port);
    client_is_ended(silent[0]);
    record_client_hello(fd);
    wait_for(&server->accepted, 1);
    close(silent[0]);
    close(silent[1]);
    close(fd);
    server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_begins_right_behind_the_header),
        cmocka_unit_test(a_header_may_come_byte_by_byte),
        cmocka_unit_test(a_client_from_afar_is_not_on_this_host_although_its_proxy_is),
        cmocka_unit_test(a_layer_begins_behind_the_header),
        cmocka_unit_test(a_peer_without_a_header_is_closed),
        cmocka_unit_test(a_peer_whose_header_is_late_is_closed),
        cmocka_unit_test(arrivals_end_with_the_loops),
        cmocka_unit_test(only_trusted_peers_send_a_header),
        cmocka_unit_test(newcomers_beyond_the_limit_are_closed_at_once),
        cmocka_unit_test(newcomers_are_counted_by_the_address_that_a_proxy_passes_on),
        cmocka_unit_test(a_connection_beyond_the_limit_waits_until_another_has_ended),
        cmocka_unit_test(the_oldest_half_open_connection_is_closed_for_a_new_one),
        cmocka_unit_test(a_half_open_connection_is_known_by_the_address_that_a_proxy_passes_on),
        cmocka_unit_test(a_peer_within_its_handshake_is_half_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
