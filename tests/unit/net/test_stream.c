/* A connection whose stream is not the socket itself: see record_layer.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "record_layer.h"
#include "server.h"

/* Sends the bytes in pieces that end anywhere, also within a record. */
static void send_in_pieces(int fd, const uint8_t *p, size_t n, unsigned seed)
{
    while (n > 0) {
        seed = seed * 1664525u + 1013904223u;
        size_t piece = 1 + (seed >> 8) % 3000;
        piece = piece < n ? piece : n;
        client_send(fd, p, piece);
        p += piece;
        n -= piece;
    }
}

static void frames_arrive_whole_through_a_layer_of_records(void **state)
{
    (void)state;
    enum { FRAMES = 300 };
    struct server *server = server_start_layered(2, record_layer);
    uint8_t *frame = lv_malloc(20000), *encoded = lv_malloc(40000), *got = lv_malloc(20000);
    int fd = client_connect(server->port);
    record_client_hello(fd);
    for (unsigned i = 0; i < FRAMES; i++) {
        size_t n = frame_make(frame, 'E', 1 + i * 7919 % (i % 10 ? 300 : 15000), i);
        send_in_pieces(fd, encoded, record_encode(encoded, frame, n), i);
        record_client_receive(fd, got, n);
        assert_memory_equal(got, frame, n);
    }
    assert_true(atomic_load(&server->was_loopback));
    close(fd);
    wait_for(&server->ended, 1);
    assert_int_equal(atomic_load(&server->last_error), 0);
    server_stop(&server);
    free(frame);
    free(encoded);
    free(got);
}

/* Many records in one read of the socket: no poll reports the later ones, which are pending in the
 * layer. */
static void what_is_pending_in_a_layer_is_read_without_another_byte_from_the_peer(void **state)
{
    (void)state;
    enum { FRAMES = 120 };
    struct server *server = server_start_layered(1, record_layer);
    uint8_t frame[5], encoded[10], all[FRAMES * 6];
    size_t n = 0;
    int fd = client_connect(server->port);
    record_client_hello(fd);
    for (unsigned i = 0; i < FRAMES; i++) {
        size_t bytes = record_encode(encoded, frame, frame_make(frame, 'N', 1, i));
        memcpy(all + n, encoded, bytes);
        n += bytes;
    }
    client_send(fd, all, n);
    wait_for(&server->counted, FRAMES);
    close(fd);
    server_stop(&server);
}

static void a_paused_connection_keeps_what_is_pending_in_its_layer(void **state)
{
    (void)state;
    struct server *server = server_start_layered(1, record_layer);
    uint8_t frames[3 * 5], encoded[2 * sizeof frames];
    size_t n = frame_make(frames, 'N', 1, 0);
    n += frame_make(frames + n, 'P', 1, 0);
    n += frame_make(frames + n, 'N', 1, 0);
    size_t at = 0;
    for (size_t i = 0; i < n; i += 5) /* a record each */
        at += record_encode(encoded + at, frames + i, 5);
    int fd = client_connect(server->port);
    record_client_hello(fd);
    client_send(fd, encoded, at);
    wait_for(&server->counted, 2);
    close(fd);
    server_stop(&server);
}

static void a_long_stream_passes_a_layer_to_a_reader_that_is_slow(void **state)
{
    (void)state;
    struct server *server = server_start_layered(1, record_layer);
    uint8_t frame[5], encoded[10];
    uint8_t *got = lv_malloc(STREAM_BYTES);
    int fd = client_connect(server->port);
    record_client_hello(fd);
    client_send(fd, encoded, record_encode(encoded, frame, frame_make(frame, 'W', 1, 0)));
    wait_for(&server->held_back, 1);
    record_client_receive(fd, got, STREAM_BYTES);
    for (size_t i = 0; i < STREAM_BYTES; i++)
        if (got[i] != i % 251)
            fail_msg("byte %zu is %u", i, got[i]);
    close(fd);
    free(got);
    server_stop(&server);
}

static void the_last_bytes_pass_a_layer_before_the_end(void **state)
{
    (void)state;
    struct server *server = server_start_layered(1, record_layer);
    uint8_t frame[5], encoded[10], got[3];
    int fd = client_connect(server->port);
    record_client_hello(fd);
    client_send(fd, encoded, record_encode(encoded, frame, frame_make(frame, 'C', 1, 0)));
    record_client_receive(fd, got, 3);
    assert_memory_equal(got, "bye", 3);
    client_expect_end(fd);
    close(fd);
    wait_for(&server->ended, 1);
    assert_int_equal(atomic_load(&server->last_error), 0);
    server_stop(&server);
}

static void a_peer_that_does_not_speak_the_layers_protocol_is_closed(void **state)
{
    (void)state;
    log_set_level(LOG_NONE);
    struct server *server = server_start_layered(1, record_layer);
    int fd = client_connect(server->port);
    client_send(fd, "AMQP\0\0\11\1", 8);
    client_is_ended(fd);
    assert_int_equal(atomic_load(&server->accepted), 0);
    close(fd);
    server_stop(&server);
}

static void a_peer_that_hangs_up_in_a_handshake_never_has_an_owner(void **state)
{
    (void)state;
    struct server *server = server_start_layered(1, record_layer);
    int fd = client_connect(server->port);
    client_send(fd, "HEL", 3);
    shutdown(fd, SHUT_WR);
    client_is_ended(fd);
    assert_int_equal(atomic_load(&server->accepted), 0);
    close(fd);
    server_stop(&server);
}

static void a_peer_that_does_not_finish_the_handshake_in_time_is_closed(void **state)
{
    (void)state;
    struct server *server = server_start_layered(1, hasty_record_layer);
    int fd = client_connect(server->port);
    client_send(fd, "HEL", 3);
    assert_true(client_is_ended(fd));
    assert_int_equal(atomic_load(&server->accepted), 0);
    close(fd);
    server_stop(&server);
}

static void a_handshake_under_way_ends_with_the_loops(void **state)
{
    (void)state;
    struct server *server = server_start_layered(2, record_layer);
    char hello[5];
    int fd = client_connect(server->port);
    client_receive(fd, hello, sizeof hello); /* it has begun */
    server_stop(&server);
    assert_true(client_is_ended(fd));
    close(fd);
}

static void a_socket_whose_layer_fails_is_closed(void **state)
{
    (void)state;
    log_set_level(LOG_NONE);
    struct server *server = server_start_layered(1, refusing_layer);
    int fd = client_connect(server->port);
    client_expect_end(fd);
    assert_int_equal(atomic_load(&server->accepted), 0);
    close(fd);
    server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_arrive_whole_through_a_layer_of_records),
        cmocka_unit_test(what_is_pending_in_a_layer_is_read_without_another_byte_from_the_peer),
        cmocka_unit_test(a_paused_connection_keeps_what_is_pending_in_its_layer),
        cmocka_unit_test(a_long_stream_passes_a_layer_to_a_reader_that_is_slow),
        cmocka_unit_test(the_last_bytes_pass_a_layer_before_the_end),
        cmocka_unit_test(a_peer_that_does_not_speak_the_layers_protocol_is_closed),
        cmocka_unit_test(a_peer_that_hangs_up_in_a_handshake_never_has_an_owner),
        cmocka_unit_test(a_peer_that_does_not_finish_the_handshake_in_time_is_closed),
        cmocka_unit_test(a_handshake_under_way_ends_with_the_loops),
        cmocka_unit_test(a_socket_whose_layer_fails_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
