/* Queues and their consumers, without sessions, without a store, and without the rooms above: the
 * table of queue_ops.h is the test's own, and records what a queue gives up. One world at a
 * time. */
#ifndef LEVERET_TESTS_QUEUE_WORLD_H
#define LEVERET_TESTS_QUEUE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loop/sim/loop_sim.h"
#include "queue/queue_home.h"
#include "topology/vhost_private.h"

enum { WORLD_TEXT_MAX = 512 };

extern struct world {
    struct loops *loops;
    struct loop *here, *there; /* every queue is at home here */
    struct topology topology;
    struct vhost *vhost;
    /* The messages that the queues gave up or turned away, in order: "expired a, maxlen b". */
    char given_up[WORLD_TEXT_MAX];
    bool sends_on;    /* messages given up are needed with their bodies, as dead letters are */
    bool has_no_room; /* can_send_on() returns false */
} world;

void world_start(void);
void world_stop(void);

/* --- queues ----------------------------------------------------------------------------------- */

/* Declares a queue with the arguments written by world_argument(); NULL: none. */
struct queue *world_queue(const char *name, const struct lv_buffer *arguments);
void world_argument(struct lv_buffer *arguments, const char *name, int64_t number);
void world_argument_text(struct lv_buffer *arguments, const char *name, const char *text);

/* Return how many messages are ready, and how many are unacked. */
size_t world_ready(const struct queue *q);
size_t world_unacked(const struct queue *q);

/* Returns the bodies of the ready messages, in the order in which they would be delivered: "abc".
 * Valid until the next call. */
const char *world_bodies(struct queue *q);

/* --- messages --------------------------------------------------------------------------------- */

/* A message: its body and what else it may have. */
struct world_message {
    const char *body;
    const char *expiration; /* NULL: none */
    const char *value;      /* of the header "v"; NULL: none */
    uint8_t priority;
};

/* Publishes on the queue's loop, and returns the final answer. */
enum confirm_answer world_publish(struct queue *q, const struct world_message *m);

/* Publishes one message for each letter. */
void world_publish_all(struct queue *q, const char *bodies);

/* --- consumers -------------------------------------------------------------------------------- */

/* A session with one consumer, and the messages that it was given. */
struct taker {
    struct consumer *consumer;
    char got[WORLD_TEXT_MAX]; /* the bodies, in order: "ab" */
    uint64_t positions[WORLD_TEXT_MAX];
    size_t count, settled;
    bool is_cancelled;
};

struct taker_options {
    struct loop *loop; /* the session's; NULL: the queue's own */
    bool no_ack;
    uint32_t prefetch; /* 0: no limit */
    int64_t priority;
    struct shared_credit *shared;
};

void taker_start(struct taker *taker, struct queue *q, const struct taker_options *options);

/* Settles the first `count` deliveries that are not settled yet. */
void taker_settle(struct taker *taker, uint32_t count, enum settle_kind kind);

/* Cancels the consumer, requeues what is not settled, and releases the consumer. */
void taker_stop(struct taker *taker);

#endif
