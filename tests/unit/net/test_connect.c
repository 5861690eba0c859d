#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "record_layer.h"
#include "server.h"

enum { GREETING_BYTES = 10 };

/* A connection that a loop of the server's opens to a port: sends an 'E' frame and waits for its
 * echo. */
struct outward {
    struct server *server;
    struct net_connect_options options;
    bool is_to_cancel;
    struct net_connect *connect;
    struct net_conn *conn;
    uint8_t frame[GREETING_BYTES + 4];
    char reason[256];
    int error;
    uint16_t peer_port;
    atomic_uint told;   /* calls of `connected` */
    atomic_uint echoed; /* frames that came back */
    atomic_uint ended;
    atomic_uint cancelled;
};

static size_t take_echo(void *owner, uint8_t *p, size_t n)
{
    struct outward *o = owner;
    if (n < sizeof o->frame)
        return 0;
    if (n == sizeof o->frame && memcmp(p, o->frame, n) == 0)
        atomic_fetch_add(&o->echoed, 1);
    return n;
}

static void is_drained(void *owner)
{
    (void)owner;
}

static void is_ended(void *owner, int error)
{
    struct outward *o = owner;
    (void)error;
    atomic_fetch_add(&o->ended, 1);
}

static const struct net_owner calls = {take_echo, is_drained, is_ended};

static void is_connected(struct loop *loop, void *arg, int error, struct net_conn *conn,
                         const struct net_peer *peer)
{
    struct outward *o = arg;
    o->error = error;
    o->connect = NULL;
    if (error < 0) {
        snprintf(o->reason, sizeof o->reason, "%s", lv_error_reason(error));
    } else {
        o->conn = conn;
        o->peer_port = peer->peer.port;
        net_attach(conn, &calls, o);
        outbuf_add(net_out(conn), o->frame, frame_make(o->frame, 'E', GREETING_BYTES, 3));
        net_dirty(conn);
    }
    if (loop != loop_current())
        o->error = 1;
    atomic_fetch_add(&o->told, 1);
}

static void connect_mail(struct loop *at, struct mail *mail)
{
    struct outward *o = mail->a;
    o->connect = net_connect(at, &o->options, is_connected, o);
    if (atomic_load(&o->told) > 0)
        o->error = 2; /* called from within */
    if (o->is_to_cancel) {
        net_connect_cancel(&o->connect);
        atomic_fetch_add(&o->cancelled, 1);
    }
}

static void connect_begin(struct outward *o)
{
    struct mail mail = {.deliver = connect_mail, .a = o};
    loop_mail_from_outside(loops_at(o->server->loops, 0), &mail);
}

static void connect_and_wait(struct outward *o)
{
    connect_begin(o);
    wait_for(&o->told, 1);
}

/* A port of 127.0.0.1 at which nobody listens: taken, and not listened on. */
static int port_without_listener(uint16_t *ret)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    *ret = ntohs(at.sin_port);
    return fd;
}

static void check_echo(const char *host, net_layer_fn *layer)
{
    struct server *server = server_start_layered(2, layer);
    struct outward o = {
        .server = server,
        .options = {.host = host, .port = server->port, .timeout_ms = PATIENCE_MS, .layer = layer}};
    connect_and_wait(&o);
    assert_int_equal(o.error, 0);
    assert_int_equal(o.peer_port, server->port);
    wait_for(&o.echoed, 1);
    server_stop(&server);
    assert_int_equal(atomic_load(&o.ended), 1);
}

static void a_connection_is_opened_outwards_and_carries_bytes_both_ways(void **state)
{
    (void)state;
    check_echo("127.0.0.1", NULL);
}

static void a_name_is_looked_up_and_its_addresses_are_tried_until_one_answers(void **state)
{
    (void)state;
    check_echo("localhost", NULL); /* often ::1 first, where the server does not listen */
}

static void a_connection_opened_outwards_may_have_a_layer(void **state)
{
    (void)state;
    check_echo("127.0.0.1", record_layer);
}

static void a_port_on_which_nobody_listens_refuses(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    struct outward o = {.server = server,
                        .options = {.host = "127.0.0.1", .timeout_ms = PATIENCE_MS}};
    int fd = port_without_listener(&o.options.port);
    connect_and_wait(&o);
    assert_int_equal(o.error, ERR_REFUSED);
    assert_non_null(strstr(o.reason, "127.0.0.1 port "));
    assert_non_null(strstr(o.reason, "Connection refused"));
    close(fd);
    server_stop(&server);
}

static void an_unknown_name_is_not_found(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    struct outward o = {
        .server = server,
        .options = {.host = "no name at all", .port = 1, .timeout_ms = PATIENCE_MS}};
    connect_and_wait(&o);
    assert_int_equal(o.error, ERR_NOT_FOUND);
    assert_non_null(strstr(o.reason, "no name at all port 1: "));
    server_stop(&server);
}

/* A listener that accepts nobody, with its queue full: the kernel drops new peers. */
static int port_that_does_not_answer(uint16_t *ret, int waiting[static 8])
{
    int fd = port_without_listener(ret);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(*ret)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(listen(fd, 0), 0);
    for (int i = 0; i < 8; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(waiting[i], (struct sockaddr *)&at, sizeof at);
    }
    return fd;
}

static void an_attempt_without_an_answer_times_out(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    struct outward o = {.server = server, .options = {.host = "127.0.0.1", .timeout_ms = 20}};
    int waiting[8];
    int fd = port_that_does_not_answer(&o.options.port, waiting);
    connect_and_wait(&o);
    assert_int_equal(o.error, ERR_TIMED_OUT);
    assert_non_null(strstr(o.reason, "no answer in time"));
    server_stop(&server);
    for (int i = 0; i < 8; i++)
        close(waiting[i]);
    close(fd);
}

static void an_attempt_under_way_ends_with_the_loops(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    struct outward o = {.server = server,
                        .options = {.host = "127.0.0.1", .timeout_ms = PATIENCE_MS}};
    struct outward last = o;
    int waiting[8];
    int fd = port_that_does_not_answer(&o.options.port, waiting);
    last.options.port = server->port;
    connect_begin(&o);
    connect_and_wait(&last); /* so the first has begun */
    server_stop(&server);
    assert_int_equal(atomic_load(&o.told), 1);
    assert_int_equal(o.error, ERR_CLOSED);
    for (int i = 0; i < 8; i++)
        close(waiting[i]);
    close(fd);
}

static void a_cancelled_attempt_calls_nobody(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    struct outward o = {.server = server,
                        .options = {.host = "127.0.0.1", .port = server->port, .timeout_ms = 10},
                        .is_to_cancel = true};
    struct outward named = o, later = o;
    named.options.host = "localhost";
    later.is_to_cancel = false;
    later.options.timeout_ms = PATIENCE_MS;
    connect_begin(&o);
    connect_begin(&named);
    connect_and_wait(&later);
    server_stop(&server);
    assert_int_equal(atomic_load(&o.told), 0);
    assert_int_equal(atomic_load(&named.told), 0);
    assert_int_equal(atomic_load(&o.cancelled), 1);
}

static void a_layer_that_fails_fails_the_attempt(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    struct outward o = {.server = server,
                        .options = {.host = "127.0.0.1",
                                    .port = server->port,
                                    .timeout_ms = PATIENCE_MS,
                                    .layer = refusing_layer}};
    connect_and_wait(&o);
    assert_int_equal(o.error, ERR_INVALID);
    assert_string_equal(o.reason, "no such layer");
    wait_for(&server->ended, 1);
    server_stop(&server);
}

static void a_peer_that_does_not_shake_hands_in_time_fails_the_attempt(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    struct outward o = {
        .server = server,
        .options = {
            .host = "127.0.0.1", .port = server->port, .timeout_ms = 20, .layer = record_layer}};
    connect_and_wait(&o);
    assert_int_equal(o.error, ERR_TIMED_OUT);
    wait_for(&server->ended, 1);
    server_stop(&server);
}

static void an_attempt_that_shakes_hands_ends_with_the_loops(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    struct outward o = {.server = server,
                        .options = {.host = "127.0.0.1",
                                    .port = server->port,
                                    .timeout_ms = PATIENCE_MS,
                                    .layer = record_layer}};
    connect_begin(&o);
    wait_for(&server->accepted, 1);
    server_stop(&server);
    assert_int_equal(atomic_load(&o.told), 1);
    assert_int_equal(o.error, ERR_CLOSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_opened_outwards_and_carries_bytes_both_ways),
        cmocka_unit_test(a_name_is_looked_up_and_its_addresses_are_tried_until_one_answers),
        cmocka_unit_test(a_connection_opened_outwards_may_have_a_layer),
        cmocka_unit_test(a_port_on_which_nobody_listens_refuses),
        cmocka_unit_test(an_unknown_name_is_not_found),
        cmocka_unit_test(an_attempt_without_an_answer_times_out),
        cmocka_unit_test(an_attempt_under_way_ends_with_the_loops),
        cmocka_unit_test(a_cancelled_attempt_calls_nobody),
        cmocka_unit_test(a_layer_that_fails_fails_the_attempt),
        cmocka_unit_test(a_peer_that_does_not_shake_hands_in_time_fails_the_attempt),
        cmocka_unit_test(an_attempt_that_shakes_hands_ends_with_the_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
