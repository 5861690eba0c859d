/* Forwarding: a message that is unacknowledged in a queue is published to an exchange, and settled
 * in its queue when the queues it was routed to have it safely.
 *
 *   forward_start() -> waiting, in the order of the calls
 *        |  end of turn: made, routed, published to each target with a confirm
 *        v
 *   in flight --- every target has answered, and one has it --> done(FORWARD_TAKEN)
 *        |------- no target has it ---------------------------> done(FORWARD_DROPPED)
 *        |        unless must_arrive, which needs every target:
 *        '------> kept, and tried again (a target that has it is not asked again)
 *
 *   (1) The message is in its queue until done(): a crash may send it twice, and loses nothing.
 *   (2) Forwards of one queue start in the order in which they were asked for.
 *   (3) At most FORWARDS_MAX messages and about FORWARD_BYTES_MAX bytes are in flight or kept; a
 *       forward that waits costs its struct alone. A caller that can wait asks forward_has_room()
 *       first.
 *   (4) Nothing is published from within forward_start(): a message that lands in the same queue,
 *       or pushes another one out of its queue, does not come back into the caller.
 *
 * A queue has one forwarder, made at first use, at its home. Why messages are forwarded is known
 * to the caller's forward_ops alone. */
#ifndef LEVERET_BROKER_FORWARD_H
#define LEVERET_BROKER_FORWARD_H

#include "queue/queue.h"
#include "queue/queue_ops.h"

enum {
    FORWARDS_MAX = 4096,
    FORWARD_BYTES_MAX = 16 * 1024 * 1024,
};

enum forward_end {
    FORWARD_TAKEN,     /* a target has it; if it must arrive, every target has it */
    FORWARD_DROPPED,   /* no target has it, or ops->make() made nothing */
    FORWARD_ABANDONED, /* its queue was deleted first */
};

/* Why a message is kept. */
enum forward_obstacle {
    FORWARD_NO_MEMORY,
    FORWARD_NO_EXCHANGE,
    FORWARD_NO_ROUTE,
    FORWARD_REFUSED, /* by a queue: it is full, or its store has failed */
};

struct forward {
    uint64_t position;
    struct message *message; /* in the queue at that position; a reference is taken */
    uint64_t reason;         /* for the ops alone: why it is forwarded */
    uint64_t when_ms;        /* for the ops alone: wall clock */
    bool must_arrive;
    bool is_outside; /* it has no position: its queue did not take it */
};

struct forward_ops {
    /* Makes the message that is published, under the exchange it is published to; the caller owns
     * *ret. NULL in *ret: it is not to be published any longer. Returns false if there is no memory
     * for it now: then it is kept. Called for each try. NULL: the message is published as it is. */
    bool (*make)(struct queue *q, const struct forward *forward, struct message **ret);

    /* Fills *ret as route_find() does. NULL: the message is routed from the exchange it names, by
     * its routing key and its header CC. */
    void (*route)(struct queue *q, const struct forward *forward, const struct message *made,
                  struct route *ret);

    /* The target has had the message before: it is published by queue_publish_again(). */
    bool goes_back;

    /* Returns whether the message is published to this queue of its route. NULL: to all. */
    bool (*is_target)(struct queue *q, const struct forward *forward, const struct message *made,
                      struct queue *target);

    /* The message has not arrived and is kept; called after each try that fails. `target` is the
     * queue that refused it, or NULL for another obstacle, or if that queue is no longer known.
     * Optional. */
    void (*stuck)(struct queue *q, const struct forward *forward, enum forward_obstacle obstacle,
                  const struct queue *target);
    /* The last message that was stuck has ended; `has_arrived`: as FORWARD_TAKEN. Comes with
     * `stuck`. */
    void (*unstuck)(struct queue *q, bool has_arrived);

    /* Says how the forward ended: once for each forward_start(), never from within it. The queue
     * may be deleted by then. */
    void (*done)(struct queue *q, const struct forward *forward, enum forward_end end);
};

/* Forwards a message of this queue. `ops` must live as long as the queue. Home. */
void forward_start(struct queue *q, const struct forward_ops *ops, const struct forward *forward);

/* Returns whether fewer messages of the queue are being forwarded than the limits allow, waiting
 * ones included. Home. */
bool forward_has_room(const struct queue *q);

/* Schedules the task once, on the queue's home loop, when there is room again; now if there is
 * room. On the home loop. */
void forward_when_room(struct queue *q, struct loop_task *task);

/* Undoes forward_when_room() for this task, unless the task is scheduled already. Home. */
void forward_not_when_room(struct queue *q, struct loop_task *task);

/* Returns what is being forwarded; its `due` members count what must arrive.
 * queue_ops.in_transit; home. */
struct queue_transit forward_in_transit(const struct queue *q);

/* Returns whether the message at this position is kept. Looks at every message that is. Home. */
bool forward_is_kept(const struct queue *q, uint64_t position);

/* The queue is deleted: what waits is sent now, what is kept ends as FORWARD_ABANDONED. After the
 * loops have stopped, what waits ends so too. Home. */
void forward_stop(struct queue *q);

/* Frees the queue's forwarder, of which nothing is waiting, in flight or kept. Home, or after the
 * loops have stopped. */
void forward_free(struct queue *q);

/* Finds the route of a message from this exchange, by its routing key, its header CC, and the keys
 * in the array `bcc`, which may be empty; *ret is as route_find() has it. On `loop`'s thread. */
void forward_find_route_from(struct loop *loop, struct exchange *exchange,
                             const struct message *message, struct slice bcc, struct route *ret);

#endif
