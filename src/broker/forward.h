/* A message that is *unacked* in a queue goes on to an exchange, and is settled in its queue
 * when all who are to have it have it safely.
 *
 *   forward_start() -> waiting, in order of the calls
 *        |  end of turn: made, routed, published to each target with a confirm
 *        v
 *   under way --- every target has answered: taken ----------> done(FORWARD_TAKEN)
 *        |------- nobody to send it to, or a target refuses --> done(FORWARD_DROPPED)
 *        |                                    unless must_arrive:
 *        '------> kept, tried again (a target that has it is not asked again)
 *
 *   (1) What goes on is in its queue until done(): a crash may send it twice, and loses nothing.
 *   (2) Forwards of one queue start in the order in which they were asked for.
 *   (3) At most FORWARDS_MAX messages and FORWARD_BYTES_MAX bytes are under way or kept; what waits
 *       costs its struct alone. Whoever can wait asks forward_has_room() first.
 *   (4) Nothing is published from within the call that asks: a message that lands in the same
 *       queue, or pushes another one out of its queue, does not come back into the caller.
 *
 * One forwarder a queue, made when first needed, at the queue's home. It knows nothing of why
 * messages move: its user's rules do. */
#ifndef LEVERET_BROKER_FORWARD_H
#define LEVERET_BROKER_FORWARD_H

#include "queue/queue.h"
#include "queue/queue_ops.h"

enum {
    FORWARDS_MAX = 4096,
    FORWARD_BYTES_MAX = 16 * 1024 * 1024,
};

enum forward_end {
    FORWARD_TAKEN,     /* everybody who is to have it has it */
    FORWARD_DROPPED,   /* nobody was to have it, or somebody would not take it, or could not be made
                        */
    FORWARD_ABANDONED, /* the queue was deleted before */
};

/* Why something that must arrive is kept. */
enum forward_obstacle {
    FORWARD_NO_MEMORY,
    FORWARD_NO_EXCHANGE,
    FORWARD_NO_ROUTE,
    FORWARD_REFUSED, /* by a queue: it is full, or its store has failed */
};

struct forward {
    uint64_t position;
    struct message *message; /* in the queue at that position; a reference is taken */
    uint64_t reason;         /* the rules' own: why it is sent on */
    uint64_t when_ms;        /* the rules' own: wall clock */
    bool must_arrive;
    bool is_outside; /* it has no position: the queue would not have it */
};

struct forward_rules {
    /* Makes the message that goes on, under the exchange it goes to; the caller owns *ret. NULL in
     * *ret: it goes nowhere any more. False when it cannot be made now (no memory): it is kept.
     * Called anew for each try. NULL rule: the message as it is. */
    bool (*make)(struct queue *q, const struct forward *forward, struct message **ret);

    /* Its route from the exchange it names, by its routing key and its header CC, is the usual one
     * (NULL). Another rule fills *ret as route_find() does. */
    void (*route)(struct queue *q, const struct forward *forward, const struct message *made,
                  struct route *ret);

    /* It has been where it goes: it is published by queue_publish_again(). */
    bool goes_back;

    /* Whether this target is to have it. NULL: all are. */
    bool (*is_target)(struct queue *q, const struct forward *forward, const struct message *made,
                      struct queue *target);

    /* It must arrive and cannot: it is kept, as it is after each try that fails. `target`: the
     * queue that has refused it; NULL: another obstacle, or that queue is not known any more.
     * NULL rule: no matter. */
    void (*stuck)(struct queue *q, const struct forward *forward, enum forward_obstacle obstacle,
                  const struct queue *target);
    /* Of all that was stuck the last one has ended; `has_arrived`: where it was to go. With
     * `stuck`. */
    void (*unstuck)(struct queue *q, bool has_arrived);

    /* How it ended, once for each forward_start(), never within it. The queue may be deleted. */
    void (*done)(struct queue *q, const struct forward *forward, enum forward_end end);
};

/* Forwards a message of this queue by these rules, which live as long as the queue. Home. */
void forward_start(struct queue *q, const struct forward_rules *rules,
                   const struct forward *forward);

/* Whether less than may be under way is, waiting ones included. Home. */
bool forward_has_room(const struct queue *q);

/* Schedules the task, on the queue's home, once there is room again: once. Home. */
void forward_when_room(struct queue *q, struct loop_task *task);

/* The task is not scheduled any more by forward_when_room(). Home. */
void forward_not_when_room(struct queue *q, struct loop_task *task);

/* What is on its way out of the queue; due is what must arrive. queue_ops.in_transit; home. */
struct queue_transit forward_in_transit(const struct queue *q);

/* Whether the message at this position is kept since nobody can take it. Looks at all that are
 * kept. Home. */
bool forward_is_kept(const struct queue *q, uint64_t position);

/* The queue is deleted: what waits is sent now, what is kept ends with FORWARD_ABANDONED. Home; or
 * after the loops have stopped: then what waits ends so, too. */
void forward_stop(struct queue *q);

/* The queue is freed: nothing is on its way any more. */
void forward_free(struct queue *q);

/* The route of a message from this exchange, by its routing key, its header CC, and the keys in the
 * array `bcc`, which may be empty; *ret as route_find() has it. Any loop. */
void forward_find_route_from(struct loop *loop, struct exchange *exchange,
                             const struct message *message, struct slice bcc, struct route *ret);

/* The same from the exchange of this name in the vhost, by its routing key and its
 * header CC; *ret as route_find() has it. False when there is no such exchange. Any loop. */
bool forward_find_route(struct loop *loop, struct vhost *vhost, const struct message *message,
                        struct route *ret);

#endif
