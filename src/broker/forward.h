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
 *       forward that waits takes no memory but its struct. A caller that can wait asks
 *       forward_has_room() first.
 *   (4) Nothing is published from within forward_start(): a message that lands in the same queue,
 *       or pushes another one out of its queue, does not come back into the caller.
 *
 * A queue has one forwarder, made at first use, at its home. Only the caller's forward_ops know why
 * messages are forwarded. */
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
    FORWARD_ABANDONED, /* the queue it is in was deleted first */
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
    uint32_t life;           /* of the message (message/life.h); set by forward_start() */
    bool must_arrive;
    bool is_outside; /* it has no position: its queue did not take it */
};

struct forward_ops {
    bool reason_is_death; /* forward.reason is an enum death */

    /* Makes in *ret the message to publish; the exchange that it names is the one it is published
     * to. The caller owns *ret; NULL means that the message is no longer to be published. Returns
     * false if there is no memory now: the message is then kept. Called before each try. Optional:
     * without it, the message is published as it is. */
    bool (*make)(struct queue *q, const struct forward *forward, struct message **ret);

    /* Fills *ret as route_find() does. Optional: without it, the message is routed from the
     * exchange it names, by its routing key and its header CC. */
    void (*route)(struct queue *q, const struct forward *forward, const struct message *made,
                  struct route *ret);

    /* The targets have had the message before: it is published to them by queue_publish_again(). */
    bool goes_back;

    /* Returns whether the message is published to this queue of its route. Optional: without it,
     * the message is published to all of them. */
    bool (*is_target)(struct queue *q, const struct forward *forward, const struct message *made,
                      struct queue *target);

    /* Called after each try that fails: the message has not arrived and is kept. `target` is the
     * queue that refused it; it is NULL for another obstacle, or if only the id of that queue is
     * known. Optional. */
    void (*stuck)(struct queue *q, const struct forward *forward, enum forward_obstacle obstacle,
                  const struct queue *target);
    /* Called when the last of the stuck messages has ended; `has_arrived` says whether it ended as
     * FORWARD_TAKEN. Optional. */
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

/* Schedules the task once on the queue's home loop: now if there is room, else when there is room
 * again. Home. */
void forward_when_room(struct queue *q, struct loop_task *task);

/* Undoes forward_when_room() for this task, unless the task is scheduled already. Home. */
void forward_not_when_room(struct queue *q, struct loop_task *task);

/* Returns how many messages of the queue are being forwarded, and their bytes; its `due_` members
 * count those that must arrive. Serves as queue_ops.in_transit. Home. */
struct queue_transit forward_in_transit(const struct queue *q);

/* Returns whether the message at this position is kept. Walks the list of kept messages. Home. */
bool forward_is_kept(const struct queue *q, uint64_t position);

/* Stops forwarding, because the queue is deleted. Waiting messages are sent now; kept ones end as
 * FORWARD_ABANDONED. If the loops have stopped, waiting ones end so too. Home, or after the loops
 * have stopped. */
void forward_stop(struct queue *q);

/* Frees the queue's forwarder. Call only when none of its messages is waiting, in flight or kept.
 * Home, or after the loops have stopped. */
void forward_free(struct queue *q);

/* Finds the route of a message from this exchange, by its routing key, its header CC, and the keys
 * in the array `bcc`, which may be empty; *ret is valid as route_find() says. On `loop`'s
 * thread. */
void forward_find_route_from(struct loop *loop, struct exchange *exchange,
                             const struct message *message, struct slice bcc, struct route *ret);

#endif
