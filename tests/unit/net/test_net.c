#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "server.h"

/* Three connections on one loop send frames in pieces that end anywhere, turn by turn, so that each
 * has part of a frame waiting while the others are read. */
static void frames_arrive_whole_however_they_are_cut(void **state)
{
    (void)state;
    enum { CONNS = 3, BYTES = 400000 };
    struct server *server = server_start(1);
    uint8_t *sent[CONNS];
    uint8_t *got = lv_malloc(BYTES);
    size_t n[CONNS] = {0};
    size_t at[CONNS] = {0};
    int fd[CONNS];
    uint32_t random = 3;
    for (unsigned i = 0; i < CONNS; i++) {
        sent[i] = lv_malloc(BYTES);
        while (n[i] < BYTES - 30000) {
            random = random * 1664525u + 1013904223u;
            size_t size = 1 + (random >> 8) % ((random >> 4) % 8 == 0 ? 25000 : 60);
            n[i] += frame_make(sent[i] + n[i], 'E', size, random);
        }
        fd[i] = client_connect(server->port);
    }
    for (unsigned left = CONNS; left > 0;) {
        left = 0;
        for (unsigned i = 0; i < CONNS; i++) {
            random = random * 1664525u + 1013904223u;
            size_t piece = 1 + (random >> 8) % 9000;
            if (piece > n[i] - at[i])
                piece = n[i] - at[i];
            client_send(fd[i], sent[i] + at[i], piece);
            at[i] += piece;
            left += at[i] < n[i];
        }
    }
    for (unsigned i = 0; i < CONNS; i++) {
        client_receive(fd[i], got, n[i]);
        assert_memory_equal(got, sent[i], n[i]);
        close(fd[i]);
        free(sent[i]);
    }
    free(got);
    wait_for(&server->ended, CONNS);
    assert_int_equal(atomic_load(&server->last_error), 0);
    assert_true(atomic_load(&server->was_loopback));
    server_stop(&server);
}

static void a_frame_larger_than_the_read_buffer_arrives(void **state)
{
    (void)state;
    enum { BYTES = 900000 };
    struct server *server = server_start(1);
    int fd = client_connect(server->port);
    uint8_t *sent = lv_malloc(BYTES + 4);
    uint8_t *got = lv_malloc(BYTES + 4);
    for (unsigned i = 0; i < 3; i++) {
        size_t n = frame_make(sent, 'E', BYTES, i);
        client_send(fd, sent, n);
        client_receive(fd, got, n);
        assert_memory_equal(got, sent, n);
    }
    close(fd);
    free(sent);
    free(got);
    server_stop(&server);
}

static void a_connection_paused_twice_presents_nothing_until_it_is_resumed_twice(void **state)
{
    (void)state;
    enum { FRAMES = 300, SIZE = 300 };
    struct server *server = server_start(1);
    int fd = client_connect(server->port);
    int other = client_connect(server->port);
    uint8_t *sent = lv_malloc(FRAMES * (SIZE + 4 + 5));
    uint8_t got[SIZE + 4];
    size_t n = 0;
    for (unsigned i = 0; i < FRAMES; i++) {
        n += frame_make(sent + n, 'E', SIZE, i);
        if (i % 100 == 50) /* on_bytes asserts that it is not called while paused */
            n += frame_make(sent + n, 'P', 1, 0);
    }
    client_send(fd, sent, n);
    for (unsigned i = 0; i < FRAMES; i++) {
        uint8_t expected[SIZE + 4];
        frame_make(expected, 'E', SIZE, i);
        client_receive(fd, got, sizeof got);
        assert_memory_equal(got, expected, sizeof got);
        client_send_frame(other, 'E', SIZE); /* takes the read buffer meanwhile */
        client_receive(other, got, sizeof got);
    }
    free(sent);
    close(fd);
    close(other);
    wait_for(&server->ended, 2);
    server_stop(&server);
}

static void what_a_peer_sent_in_time_is_read_before_its_deadline_fires(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    int judged = client_connect(server->port);
    int other = client_connect(server->port);
    wait_for(&server->accepted, 2);
    client_send_frame(judged, 'J', 1);
    wait_for(&server->stopped, 1);
    client_send_frame(other, 'N', 1);
    client_send_frame(judged, 'N', 1);
    atomic_store(&server->is_released, true);
    wait_for(&server->judged, 1);
    assert_int_equal(atomic_load(&server->counted_when_judged), 2);
    close(judged);
    close(other);
    server_stop(&server);
}

static void a_slow_reader_holds_the_writer_back_at_the_watermark(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    int fd = client_connect(server->port);
    client_send_frame(fd, 'W', 1);
    wait_for(&server->held_back, 1);
    uint8_t *got = lv_malloc(STREAM_BYTES);
    client_receive(fd, got, STREAM_BYTES);
    for (size_t i = 0; i < STREAM_BYTES; i++) {
        if (got[i] != i % 251)
            fail_msg("byte %zu is wrong", i);
    }
    free(got);
    /* Reading continues as well. */
    uint8_t frame[14];
    client_send_frame(fd, 'E', 10);
    client_receive(fd, frame, sizeof frame);
    close(fd);
    server_stop(&server);
}

static void a_peer_that_takes_nothing_times_out(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    atomic_store(&server->send_timeout_ms, 300);
    int fd = client_connect(server->port);
    client_send_frame(fd, 'W', 1);
    wait_for(&server->ended, 1);
    assert_int_equal(atomic_load(&server->last_error), ERR_TIMED_OUT);
    close(fd);
    server_stop(&server);
}

/* A peer that has taken all output does not time out, however long it is silent. */
static void a_peer_that_has_taken_all_output_does_not_time_out(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    atomic_store(&server->send_timeout_ms, 1);
    int silent = client_connect(server->port);
    uint8_t frame[14];
    client_send_frame(silent, 'E', 10);
    client_receive(silent, frame, sizeof frame);
    int stuck = client_connect(server->port);
    client_send_frame(stuck, 'W', 1);
    wait_for(&server->ended, 1);
    client_send_frame(silent, 'E', 10);
    client_receive(silent, frame, sizeof frame);
    close(silent);
    close(stuck);
    server_stop(&server);
}

/* The peer is in the middle of sending when we close: it must still see our last bytes. */
static void the_last_bytes_reach_a_peer_that_is_still_sending(void **state)
{
    (void)state;
    enum { AFTER = 3000000 };
    struct server *server = server_start(2);
    int fd = client_connect(server->port);
    uint8_t *after = lv_calloc(1, AFTER);
    uint8_t got[104];
    client_send_frame(fd, 'E', 100);
    client_send_frame(fd, 'C', 1);
    client_send(fd, after, AFTER); /* read and dropped */
    client_receive(fd, got, 104);
    client_receive(fd, got, 3);
    assert_memory_equal(got, "bye", 3);
    client_expect_end(fd);
    assert_int_equal(atomic_load(&server->ended), 0); /* it waits for our end */
    close(fd);
    wait_for(&server->ended, 1);
    assert_int_equal(atomic_load(&server->last_error), 0);
    free(after);
    server_stop(&server);
}

static void a_peer_that_never_closes_is_waited_for_one_second(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    int fd = client_connect(server->port);
    char bye[3];
    client_send_frame(fd, 'C', 1);
    client_receive(fd, bye, 3);
    client_expect_end(fd);
    wait_for(&server->ended, 1);
    close(fd);
    server_stop(&server);
}

static void closing_without_a_flush_ends_at_once(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    int fd = client_connect(server->port);
    client_send_frame(fd, 'X', 1);
    client_expect_end(fd);
    wait_for(&server->ended, 1);
    close(fd);
    server_stop(&server);
}

/* The client closes with an answer of ours unread: its kernel resets the connection, and our writes
 * fail. What it had sent before must be read all the same. */
static void what_a_peer_sent_before_it_reset_the_connection_is_read(void **state)
{
    (void)state;
    enum { FRAMES = 2000 };
    struct server *server = server_start(1);
    for (unsigned round = 1; round <= 5; round++) {
        int fd = client_connect(server->port);
        client_send_frame(fd, 'E', 5000);
        client_wait_for_bytes(fd);
        uint8_t *frames = lv_malloc(FRAMES * 64);
        size_t n = 0;
        for (unsigned i = 0; i < FRAMES; i++)
            n += frame_make(frames + n, i % 100 == 0 ? 'E' : 'N', 20, i);
        client_send(fd, frames, n);
        close(fd);
        free(frames);
        wait_for(&server->ended, round);
        assert_int_equal(atomic_load(&server->counted), round * (FRAMES - FRAMES / 100));
    }
    server_stop(&server);
}

static void connections_are_spread_over_the_loops_in_turn(void **state)
{
    (void)state;
    struct server *server = server_start(3);
    int fd[9];
    for (unsigned i = 0; i < 9; i++)
        fd[i] = client_connect(server->port);
    wait_for(&server->accepted, 9);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(atomic_load(&server->accepted_on[i]), 3);
    for (unsigned i = 0; i < 9; i++) {
        uint8_t got[14];
        client_send_frame(fd[i], 'E', 10);
        client_receive(fd[i], got, sizeof got);
    }
    /* Stopping ends those that are open. */
    loops_stop(server->loops);
    wait_for(&server->ended, 9);
    assert_int_equal(atomic_load(&server->last_error), ERR_CLOSED);
    for (unsigned i = 0; i < 9; i++) {
        client_expect_end(fd[i]);
        close(fd[i]);
    }
    server_stop(&server);
}

static void nobody(struct loop *loop, void *arg, struct net_conn *conn, const struct net_peer *peer)
{
    (void)loop;
    (void)arg;
    (void)peer;
    net_close(conn, false);
}

static void a_port_in_use_and_a_wrong_address_are_reported(void **state)
{
    (void)state;
    struct server *server = server_start(1);
    struct loops *loops = loops_create(1);
    struct net_listener *l = NULL;
    net_init(loops);
    assert_int_equal(net_listen(loops, "127.0.0.1", server->port, nobody, NULL, &l), ERR_BUSY);
    assert_int_equal(net_listen(loops, "localhost.", 0, nobody, NULL, &l), ERR_INVALID);
    assert_int_equal(net_listen(loops, "192.0.2.1", 0, nobody, NULL, &l), ERR_INVALID);
    assert_null(l);
    assert_int_equal(net_listen(loops, "127.0.0.1", 0, nobody, NULL, &l), 0);
    assert_true(net_listener_port(l) > 0);
    net_listener_close(&l);
    assert_null(l);
    net_listener_close(&l);
    loops_free(&loops);
    server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_arrive_whole_however_they_are_cut),
        cmocka_unit_test(a_frame_larger_than_the_read_buffer_arrives),
        cmocka_unit_test(a_connection_paused_twice_presents_nothing_until_it_is_resumed_twice),
        cmocka_unit_test(what_a_peer_sent_in_time_is_read_before_its_deadline_fires),
        cmocka_unit_test(a_slow_reader_holds_the_writer_back_at_the_watermark),
        cmocka_unit_test(a_peer_that_takes_nothing_times_out),
        cmocka_unit_test(a_peer_that_has_taken_all_output_does_not_time_out),
        cmocka_unit_test(the_last_bytes_reach_a_peer_that_is_still_sending),
        cmocka_unit_test(a_peer_that_never_closes_is_waited_for_one_second),
        cmocka_unit_test(closing_without_a_flush_ends_at_once),
        cmocka_unit_test(what_a_peer_sent_before_it_reset_the_connection_is_read),
        cmocka_unit_test(connections_are_spread_over_the_loops_in_turn),
        cmocka_unit_test(a_port_in_use_and_a_wrong_address_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
