/* A server for the tests of net: loops on threads of their own, and a protocol of frames that are a
 * length (4 bytes, big-endian) and a payload, whose first byte says what the server does:
 *
 *   'E'  sends the frame back
 *   'N'  counts it
 *   'P'  pauses reading twice, and resumes twice after 20 ms
 *   'W'  writes STREAM_BYTES of pattern, as far as the watermarks allow
 *   'A'  admits the connection: it is not a newcomer any more
 *   'K'  keeps the connection: it is not half-open any more
 *   'C'  answers "bye" and closes the connection with a flush
 *   'X'  closes the connection at once
 *   'J'  stops the loop until `is_released`, and past the deadline of a patient timer, which then
 *        notes in `counted_when_judged` how many frames 'N' there were */
#ifndef LEVERET_TESTS_NET_SERVER_H
#define LEVERET_TESTS_NET_SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/net.h"

enum { STREAM_BYTES = 8 * 1024 * 1024, PATIENCE_MS = 20000 };

struct server {
    struct loops *loops;
    struct net_listener *listener;
    uint16_t port;
    pthread_t thread;
    atomic_uint accepted;
    atomic_uint accepted_on[LOOPS_MAX];
    atomic_uint ended;
    atomic_int last_error;
    atomic_uint counted;   /* 'N' frames */
    atomic_uint held_back; /* times the stream stopped above the high watermark */
    atomic_bool was_loopback;
    atomic_uint stopped;
    atomic_bool is_released;
    atomic_uint judged;
    atomic_uint counted_when_judged;
    atomic_uint send_timeout_ms; /* of connections to come; 0: none */
};

/* Starts a server on a free port of 127.0.0.1. */
struct server *server_start(unsigned loops);
/* Starts one with this layer on every accepted socket. */
struct server *server_start_layered(unsigned loops, net_layer_fn *layer);
/* Starts one whose listener was passed to `prepare`. The layer may be NULL. */
struct server *server_start_prepared(unsigned loops, net_layer_fn *layer,
                                     void (*prepare)(struct net_listener *listener));
/* Stops the loops and frees everything. */
void server_stop(struct server **server);

/* Asserts that *value reaches `wanted` in time. */
void wait_for(atomic_uint *value, unsigned wanted);

/* --- the client's side: blocking, with a deadline --------------------------------------------- */

int client_connect(uint16_t port);
void client_send(int fd, const void *p, size_t n);
/* A frame whose payload is `kind` and then n - 1 bytes of pattern that `seed` decides. */
size_t frame_make(uint8_t *to, char kind, size_t n, unsigned seed);
void client_send_frame(int fd, char kind, size_t n);
/* Reads exactly n bytes. */
void client_receive(int fd, void *p, size_t n);
/* Waits until there is something to read. */
void client_wait_for_bytes(int fd);
/* Asserts that the stream ends here, without a reset. */
void client_expect_end(int fd);
/* Reads to the end of the stream. Returns true if it ends without a reset. */
bool client_is_ended(int fd);

#endif
