/* Queues and their consumers, without sessions, without a store, and without the rooms above: the
 * table of queue_ops.h is the test's own, and writes down what a queue gives up. One world at a
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
    /* What the queues have given up or turned away, in order: "expired a, maxlen b". */
    char given_up[WORLD_TEXT_MAX];
    bool sends_on;    /* what is given up is wanted with its body, as for dead letters */
    bool has_no_room; /* can_send_on() says no */
} world;

void world_start(void);
void world_stop(void);

/* --- queues ----------------------------------------------------------------------------------- */

/* Declares one. Arguments: what world_argument() has written; NULL: none. */
struct queue *world_queue(const char *name, const struct lv_buffer *arguments);
void world_argument(struct lv_buffer *arguments, const char *name, int64_t number);
void world_argument_text(struct lv_buffer *arguments, const char *name, const char *text);

/* How many messages are ready, and how many are unacked. */
size_t world_ready(const struct queue *q);
size_t world_unacked(const struct queue *q);

/* The bodies of the messages that are ready, in the order in which they would be delivered: "abc".
 * Good until the next call. */
const char *world_bodies(struct queue *q);

/* --- messages --------------------------------------------------------------------------------- */

/* What a message may have beside its body. */
struct world_message {
    const char *body;
    const char *expiration; /* NULL: none */
    const char *value;      /* of the header "v"; NULL: none */
    uint8_t priority;
};

/* Publishes on the queue's loop; the answer, when it has come. */
enum confirm_answer world_publish(struct queue *q, const struct world_message *m);

/* One message for each letter. */
void world_publish_all(struct queue *q, const char *bodies);

/* --- consumers -------------------------------------------------------------------------------- */

/* A session with one consumer: what it has got. */
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

/* The first `count` deliveries that it has not settled yet. */
void taker_settle(struct taker *taker, uint32_t count, enum settle_kind kind);

/* Cancels, gives back what is not settled, and lets go of the consumer. */
void taker_stop(struct taker *taker);

#endif
