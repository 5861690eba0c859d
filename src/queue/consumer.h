/* A consumer connects a queue and a session. It has two halves, on two loops that may be the same:
 * the queue's home decides which consumer gets the next message, the session's loop sends it.
 *
 *   session loop                              home loop
 *   consumer_create
 *   queue_consume ------------------------->  attached
 *   deliver()  <----------------------------  one call, or one mail, for each message
 *   consumer_settle ----------------------->  settled, requeued or rejected; credit comes back
 *   queue_cancel -------------------------->  detached
 *   done       <----------------------------
 *   consumer_release (the last hold) ------>
 *   freed      <----------------------------
 *
 * Mail between two loops keeps its order, so no delivery arrives after the answer to the cancel, no
 * settle after the release, and nothing at all after the last answer. */
#ifndef LEVERET_QUEUE_CONSUMER_H
#define LEVERET_QUEUE_CONSUMER_H

#include <stdatomic.h>

#include "base/list.h"
#include "base/rcu.h"
#include "base/slice.h"
#include "loop/loop.h"
#include "message/delivery.h"
#include "queue/credit.h"
#include "queue/shared_credit.h"

struct queue;
struct consumer;

/* The arguments of a browser (browser.h): x-browse, x-browse-offset, x-browse-end. */
struct browser_arguments {
    bool is_wanted;
    uint64_t skip; /* how many ready messages it skips ... */
    bool is_last;  /* ... or: all but the last one ... */
    bool is_next;  /* ... or: all that are there now */
    bool ends;     /* it is cancelled when it has seen everything */
};

enum { CONSUMER_MAGIC = 0xc0245e4 };

struct consumer_calls {
    /* Sends the delivery. Returns false if the connection has enough to write for now: nothing more
     * is delivered until consumer_resume(). Session loop. */
    bool (*deliver)(struct consumer *consumer, const struct delivery *delivery);
    /* The consumer was detached by the queue: the queue was deleted, or a browser with x-browse-end
     * has seen everything. Session loop. */
    void (*cancelled)(struct consumer *consumer);
    /* The consumer's timeout has changed. Session loop. */
    void (*timeout_changed)(struct consumer *consumer);
};

/* As in RabbitMQ's listings. Consumers of a queue without single active consumer are up; otherwise
 * one is active, and the others wait. */
enum consumer_activity { CONSUMER_UP, CONSUMER_SINGLE_ACTIVE, CONSUMER_WAITING };

/* No timeout is set for the consumer or its queue: the broker's default applies. */
enum { CONSUMER_TIMEOUT_UNSET = -1 };

struct consumer {
    unsigned magic;
    /* Never changes. */
    struct queue *queue; /* holds a reference */
    struct loop *loop;   /* the session's */
    const struct consumer_calls *calls;
    uint64_t connection_id; /* the session's, for listings */
    uint16_t channel;
    bool no_ack;
    bool exclusive;
    bool is_getter; /* holds the messages of a channel's basic.get; gets no turns */
    int64_t priority;
    bool is_browser; /* gets copies and takes nothing (browser.h) */
    struct browser_arguments browsing;
    struct slice tag;       /* owned */
    struct slice arguments; /* owned, raw table */

    /* Changed at home; any loop may read them. */
    _Atomic int activity; /* enum consumer_activity */
    /* How long a delivery may be outstanding, in milliseconds; 0: for ever; or
     * CONSUMER_TIMEOUT_UNSET. */
    _Atomic int64_t timeout_ms;

    /* Used at home only. */
    struct lv_list link;       /* in queue->consumers while attached */
    struct lv_list ready_link; /* in queue->ready_consumers while it can take a message */
    bool is_attached;
    bool is_stalled;   /* the session can take no more now, or the window is used up */
    bool is_unlimited; /* no_ack, and no limit of credit: it takes every message */
    uint32_t unacked;
    size_t mailed_bytes;     /* the window: sent by mail and not yet reported as arrived */
    struct browser *browser; /* browser.h: while it is attached */
    struct credit credit;

    /* Used on the session's loop only. */
    void *session;
    struct lv_list session_link;
    struct lv_table_node by_tag; /* the session's; the key is the tag */
    struct lv_list touched_link; /* in a list of the session's choice */
    uint32_t holds;              /* one while it is open, one for each delivery not settled */
    bool is_closed;              /* messages that still arrive are requeued */
    bool is_full;         /* deliver() returned false; the session resumes it when there is room */
    size_t arrived_bytes; /* by mail, and not yet reported to the home */
    /* What the session has counted. Of a getter: what was got to be acknowledged, the rest in the
     * last two. */
    uint64_t delivered, redelivered, acked;
    uint64_t got_no_ack, got_empty;
};

/* Makes a consumer with one hold, with copies of tag and arguments; takes a reference of the queue.
 * Session loop. */
struct consumer *consumer_create(struct queue *queue, struct loop *loop,
                                 const struct consumer_calls *calls, void *session,
                                 struct slice tag, struct slice arguments);

/* Makes the consumer need shared credit besides its own from now on; what it holds already counts
 * as used. Takes a reference. Called at most once. Session loop. */
void consumer_share_credit(struct consumer *consumer, struct shared_credit *shared);

/* Changes the prefetch (0: no limit), also while the consumer runs. Session loop. */
void consumer_set_prefetch(struct consumer *consumer, uint32_t prefetch);

/* Stops deliveries to a consumer that is about to be detached. If its queue is at home on another
 * loop, deliveries may still arrive. Session loop. */
void consumer_stall(struct consumer *consumer);

/* Adds a hold. Session loop. */
static inline void consumer_hold(struct consumer *c)
{
    c->holds++;
}

/* Returns how many deliveries the consumer holds that are not settled; one more while it is being
 * settled with. Session loop. */
static inline uint32_t consumer_held(const struct consumer *c)
{
    return c->holds - !c->is_closed;
}

/* Drops a hold and clears the pointer. With the last one the consumer, which must be detached, is
 * freed in a later turn, and `session` is not used any more. Session loop. */
void consumer_release(struct consumer **consumer);

/* Like consumer_release() of the last hold, once the loops have stopped. */
void consumer_abandon(struct consumer **consumer);

enum settle_kind { SETTLE_ACK, SETTLE_REQUEUE, SETTLE_REJECT };

/* Settles `count` deliveries, more than 0, with consecutive positions from `position` on: at once
 * if home is this loop, otherwise by mail. Session loop. */
void consumer_settle(struct consumer *consumer, uint64_t position, uint32_t count,
                     enum settle_kind kind);

/* Begin and end requeueing deliveries in more than one consumer_settle(): meanwhile the queue
 * delivers nothing, so that the messages keep their order. done(arg), unless it is NULL, is called
 * by mail when all of them are back. Session loop. */
void consumer_begin_returns(struct consumer *consumer);
void consumer_end_returns(struct consumer *consumer, void (*done)(void *arg), void *arg);

/* Resumes deliveries after deliver() returned false: the session can take more. Session loop. */
void consumer_resume(struct consumer *consumer);

/* --- the home's half, for this room ----------------------------------------------------------- */

/* Returns whether the consumer's session and its own credit allow one more delivery. */
static inline bool consumer_has_room(const struct consumer *c)
{
    return c->is_attached && !c->is_stalled && credit_has_room(&c->credit);
}

/* Takes shared credit for a delivery, if the consumer shares any. Returns false if there is none:
 * the consumer waits in the line, and its queue delivers to it when credit is handed to it. */
static inline bool consumer_take_credit(struct consumer *c)
{
    return !c->credit.shared || shared_credit_take(c);
}

/* Gives back what consumer_take_credit() has taken, because no delivery follows. */
static inline void consumer_untake_credit(struct consumer *c)
{
    if (c->credit.shared)
        shared_credit_give(c, 1);
}

/* Counts a message that is given to the consumer. */
static inline void consumer_spend_credit(struct consumer *c)
{
    c->unacked += !c->no_ack;
    credit_spend(&c->credit);
}

/* Gives back the credit of `count` settled deliveries. */
static inline void consumer_return_credit(struct consumer *c, uint32_t count)
{
    lv_assert(c->unacked >= count);
    c->unacked -= count;
    credit_return(&c->credit, count);
    if (c->credit.shared)
        shared_credit_give(c, count);
}

/* Hands a delivery to the session: directly, or by mail (then delivery->message must be set, and a
 * reference is taken). Returns false if the consumer can take no more for now. */
bool consumer_deliver(struct consumer *consumer, const struct delivery *delivery);

/* Sets timeout_ms; if that changes it, the session is told. */
void consumer_set_timeout(struct consumer *consumer, int64_t timeout_ms);

/* Tells the session, by calls->cancelled(), that the queue has detached the consumer. */
void consumer_tell_cancelled(struct consumer *consumer);

#endif
