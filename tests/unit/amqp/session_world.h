/* A broker without definitions and store on simulated loops, and peers on simulated sockets, each
 * with one connection: what they say and hear is text, so that a test reads like a transcript. */
#ifndef LEVERET_TESTS_SESSION_WORLD_H
#define LEVERET_TESTS_SESSION_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp/amqp.h"
#include "base/memory.h"
#include "loop/sim/loop_sim.h"
#include "net/sim/net_sim.h"
#include "topology/vhost.h"
#include "wire/methods.h"

enum { PEERS_MAX = 4, HANDSHAKE_MS = 10000 };

struct peer {
    struct net_sim_peer net;
    struct lv_buffer heard; /* text, since the last look; see peer_hears() */
    bool is_connected;
};

struct world {
    struct loops *loops;
    struct broker *broker;
    struct session_server server;
    struct peer peers[PEERS_MAX];
};

/* Loops whose order of events comes from the seed. */
void world_start(struct world *w, unsigned loops, uint64_t seed);
/* The same, with a peer logged in on loop 0 and another one on the last loop. */
void world_start_with_two(struct world *w, unsigned loops, uint64_t seed, struct peer **ret_first,
                          struct peer **ret_second);
/* Every peer hangs up; asserts that nothing of them is left, and frees all. */
void world_stop(struct world *w);

/* Connects peer number `i` on that loop, without a word said. */
struct peer *world_connect(struct world *w, unsigned i, unsigned loop);
/* The same, with channel 1 open. */
struct peer *world_login(struct world *w, unsigned i, unsigned loop, uint16_t heartbeat_s);
/* The same with these client properties. */
struct peer *world_login_as(struct world *w, unsigned i, unsigned loop, uint16_t heartbeat_s,
                            struct slice client_properties);

/* Turns until nothing is left to do, then takes down what peers have heard. */
void world_settle(struct world *w);
/* Time passes. */
void world_wait(struct world *w, uint64_t ms);

/* The peer declares a queue, and hears that it is there. */
void peer_declares(struct world *w, struct peer *peer, const char *queue);
/* The peer reads again what the broker writes, all of it. */
void peer_reads_on(struct world *w, struct peer *peer);

/* Says a method: PEER_SAYS(peer, 1, queue_declare, .queue = slice_str("q")). */
#define PEER_SAYS(peer, channel, method, ...)                                                      \
    do {                                                                                           \
        const struct amqp_##method m_ = {__VA_ARGS__};                                             \
        size_t n_ = amqp_##method##_size(&m_);                                                     \
        uint8_t *p_ = lv_malloc(n_);                                                               \
        amqp_##method##_put(p_, (channel), &m_);                                                   \
        net_sim_send(&(peer)->net, slice_of(p_, n_));                                              \
        free(p_);                                                                                  \
    } while (0)

/* The frames of a message on channel 1, of `body_bytes` bytes of `fill`. */
void put_publish(struct lv_buffer *bytes, const struct amqp_basic_publish *m, char fill,
                 size_t body_bytes);
/* The frames of a message of so many bytes of `fill`, on channel 1, to a queue by its name. */
void put_message(struct lv_buffer *bytes, const char *queue, char fill, size_t body_bytes);
void peer_publishes(struct peer *peer, const char *queue, char fill, size_t body_bytes);

/* A frame without a payload. */
void peer_beats(struct peer *peer);

/* Asserts what the peer has heard since the last look, one line for each frame:
 * `1 queue.declare_ok`, `1 basic.deliver 1 redelivered`, `1 content 5 aaaaa` (a content of up to
 * ten bytes is shown), `1 basic.ack 7*` (multiple), `0 heartbeat`. */
#define PEER_HEARS(peer, text)                                                                     \
    do {                                                                                           \
        lv_buffer_add(&(peer)->heard, "", 1);                                                      \
        assert_string_equal((const char *)(peer)->heard.p, (text));                                \
        (peer)->heard.n = 0;                                                                       \
    } while (0)

/* How many contents the peer has heard since the last look, which this is. */
size_t peer_contents(struct peer *peer);

#endif
