/* Between queues and the store: what a loop stages in the log, who waits for it to be safe, and
 * which queues keep old log files from being given back.
 *
 *   push  -> log_enqueue -> (end of turn) log_submit -> writer: write, sync -> mail: safe up to T
 *         -> everybody who waits for a ticket up to T is answered, in order
 *
 *   (1) A publisher hears of a persistent message in a durable queue after its ticket is safe.
 *   (2) Everything about a queue is staged by its home, in the order in which it happened.
 *   (3) `dirty` holds, oldest first, the queues that depend on log files; each stands there with the
 *       file of its oldest record that counts. A queue whose file is older than the log wants to
 *       keep writes a snapshot and goes to the end.
 *
 * One persist_loop per loop (LOOP_SLOT_STORE), used on that loop alone. */
#ifndef LEVERET_BROKER_PERSIST_H
#define LEVERET_BROKER_PERSIST_H

#include "broker/queue.h"
#include "store/log.h"
#include "store/segments.h"

/* Old log files that may be kept before queues that need them are asked for snapshots. */
enum { PERSIST_FILES_KEPT = 2 };

/* Somebody who waits for a ticket. */
struct persist_wait {
    uint64_t ticket;
    /* A confirm for `count` publishes from `number` on ... */
    struct confirm_sink *sink;
    uint64_t number;
    uint64_t count;
    /* ... or a call. */
    void (*fn)(struct loop *loop, void *arg, int error);
    void *arg;
};

struct persist_loop {
    struct loop *loop;
    struct persist *persist;
    struct log_stage *stage;
    struct persist_wait *waits; /* a ring, by ticket */
    size_t wait_first, wait_count, wait_capacity;
    struct lv_list dirty;     /* struct queue.dirty_link, oldest file first */
    struct lv_list snapshots; /* queues whose snapshot is on its way: they count as before */
    bool is_submitted; /* nothing new is staged since the last submit */
};

struct persist {
    struct broker *broker;
    struct log *log;
    struct segments *segments;
    struct persist_loop *loops[LOOPS_MAX];
};

/* Sets up every loop's part. The log and segments are borrowed; log_open() must have been given
 * persist_on_safe as on_safe and the returned struct as its arg. Before loops_start(). */
struct persist *persist_create(struct broker *broker);
void persist_attach(struct persist *persist, struct log *log, struct segments *segments);
/* After the loops have stopped. */
void persist_free(struct persist **persist);

/* For struct log_options. */
void persist_on_safe(void *arg, unsigned stage, uint64_t ticket, int error);

/* This loop's part; NULL when nothing is stored (tests). */
static inline struct persist_loop *persist_of(const struct loop *loop)
{
    return loop_slot(loop, LOOP_SLOT_STORE);
}

/* --- home of the queue ------------------------------------------------------------------------------ */

/* How a publish of this message to the queue is answered: QUEUE_LATER when it must be safe first,
 * QUEUE_REFUSED when it would have to be and nothing can be stored any more. */
enum queue_answer persist_answer(const struct queue *q, const struct message *message);
/* The message has been put into the queue. */
void persist_enqueue(struct queue *q, const struct message *message, uint64_t sequence,
                     bool delivered);
/* A persistent message of the queue is settled. */
void persist_settle(struct queue *q, uint64_t sequence);
/* Whether a message of this sequence number may be delivered: the log knows that it may have been.
 * If not, deliveries of the queue are scheduled when it does. */
bool persist_may_deliver(struct queue *q, uint64_t sequence);
/* The queue is deleted: it depends on nothing any more. */
void persist_forget(struct queue *q);

/* A publish in what is staged now is answered when that is safe. */
void persist_confirm(struct persist_loop *p, struct confirm_sink *sink, uint64_t number);
/* A call when what is staged now is safe. */
void persist_call(struct persist_loop *p, void (*fn)(struct loop *, void *, int), void *arg);

/* The queue has something in the log from here on that counts. */
void persist_mark_dirty(struct queue *q);
/* Stages the snapshot, which makes older records of the queue needless once it is safe. */
void persist_snapshot(struct queue *q, const struct log_snapshot *snapshot);

/* --- recovery ---------------------------------------------------------------------------------------- */

/* The queue depends on this file. */
void persist_restore_dirty(struct queue *q, uint64_t file);

#endif
