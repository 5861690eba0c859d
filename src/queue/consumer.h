/* A consumer stands between a queue and a session. It has two halves, which live on two loops that
 * may be the same: the queue's home decides who gets the next message, the session's loop sends it.
 *
 *   session loop                              home loop
 *   consumer_create
 *   queue_consume ------------------------->  attached
 *   deliver()  <----------------------------  one call, or one mail, a message
 *   consumer_settle ----------------------->  settled, requeued or rejected; credit comes back
 *   queue_cancel -------------------------->  detached
 *   done       <----------------------------
 *   consumer_release (the last hold) ------>
 *   freed      <----------------------------
 *
 * Mail between two loops keeps its order, so no delivery comes after the answer to the cancel, no
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

/* What a browser asks for (browser.h): x-browse, x-browse-offset, x-browse-end. */
struct browser_arguments {
    bool is_wanted;
    uint64_t skip; /* how many ready messages it passes over ... */
    bool is_last;  /* ... or all but the last one ... */
    bool is_next;  /* ... or all that are there */
    bool ends;     /* it is cancelled when it has seen everything */
};

enum { CONSUMER_MAGIC = 0xc0245e4 };

struct consumer_calls {
    /* Sends it. False when the connection has enough to write for now: nothing more comes until
     * consumer_resume(). Session loop. */
    bool (*deliver)(struct consumer *consumer, const struct delivery *delivery);
    /* The queue is gone; the consumer is detached already. Session loop. */
    void (*cancelled)(struct consumer *consumer);
    /* Its timeout has changed. Session loop. */
    void (*timeout_changed)(struct consumer *consumer);
};

/* As RabbitMQ's listings say it. Consumers of a queue without single active consumer are up; else
 * one is active, and the others wait. */
enum consumer_activity { CONSUMER_UP, CONSUMER_SINGLE_ACTIVE, CONSUMER_WAITING };

/* No timeout is set for the consumer or its queue: the broker's default applies. */
enum { CONSUMER_TIMEOUT_UNSET = -1 };

struct consumer {
    unsigned magic;
    /* Fixed from the beginning. */
    struct queue *queue; /* holds a reference */
    struct loop *loop;   /* the session's */
    const struct consumer_calls *calls;
    uint64_t connection_id; /* the session's, for listings */
    uint16_t channel;
    bool no_ack;
    bool exclusive;
    bool is_getter; /* holds what a channel's basic.get has got; takes no turns */
    int64_t priority;
    bool is_browser; /* looks and takes nothing (browser.h) */
    struct browser_arguments browsing;
    struct slice tag;       /* owned */
    struct slice arguments; /* owned, raw table */

    /* Home's; any loop may read it. */
    _Atomic int activity; /* enum consumer_activity */
    /* How long a delivery may be outstanding, in milliseconds; 0: for ever; or
     * CONSUMER_TIMEOUT_UNSET. */
    _Atomic int64_t timeout_ms;

    /* Home's. */
    struct lv_list link;       /* in queue->consumers while attached */
    struct lv_list ready_link; /* in queue->ready_consumers while it can take a message */
    bool is_attached;
    bool is_stalled;   /* the session said "enough" or its window is used up */
    bool is_unlimited; /* no_ack, and credit without end: it takes whatever comes */
    uint32_t unacked;
    size_t mailed_bytes;     /* sent by mail, and the session has not said yet that they arrived */
    struct browser *browser; /* browser.h: while it is attached */
    struct credit credit;

    /* The session's. */
    void *session;
    struct lv_list session_link;
    struct lv_table_node by_tag; /* the session's; the key is the tag */
    struct lv_list touched_link; /* in a list of the session's choice */
    uint32_t holds;              /* one while it is open, one for each delivery not settled */
    bool is_closed;              /* it wants nothing more: what still arrives is requeued */
    bool is_full;         /* deliver() returned false; the session resumes it when there is room */
    size_t arrived_bytes; /* by mail, and the home has not been told yet */
};

/* Makes a consumer with one hold; takes a reference of the queue. Session loop. */
struct consumer *consumer_create(struct queue *queue, struct loop *loop,
                                 const struct consumer_calls *calls, void *session,
                                 struct slice tag, struct slice arguments);

/* The consumer needs shared credit besides its own from here on; what it holds already counts in
 * it. A reference is taken. Session loop. */
void consumer_share_credit(struct consumer *consumer, struct shared_credit *shared);

/* Changes the prefetch (0: no limit), also while the consumer runs. Session loop. */
void consumer_set_prefetch(struct consumer *consumer, uint32_t prefetch);

/* Stops deliveries to it for good: it is about to be detached. Does nothing if its queue is at home
 * on another loop. Session loop. */
void consumer_stall(struct consumer *consumer);

/* Adds a hold. Session loop. */
static inline void consumer_hold(struct consumer *c)
{
    c->holds++;
}

/* Drops a hold and clears the pointer. After the last one `session` is not used any more, and the
 * consumer is freed; it must not be attached. Session loop. */
void consumer_release(struct consumer **consumer);

enum settle_kind { SETTLE_ACK, SETTLE_REQUEUE, SETTLE_REJECT };

/* Settles `count` deliveries with consecutive positions from `position` on. It takes effect at
 * home: at once if that is this loop, else by mail. Session loop. */
void consumer_settle(struct consumer *consumer, uint64_t position, uint32_t count,
                     enum settle_kind kind);

/* Deliveries are about to come back in more than one consumer_settle(): the queue delivers nothing
 * until consumer_end_returns(), so that their order is kept. done(arg), unless it is NULL, is
 * called by mail when all of them are back. Session loop. */
void consumer_begin_returns(struct consumer *consumer);
void consumer_end_returns(struct consumer *consumer, void (*done)(void *arg), void *arg);

/* The session can take more again, after deliver() returned false. Session loop. */
void consumer_resume(struct consumer *consumer);

/* --- home's half, for queue.c ----------------------------------------------------------------- */

/* Whether the consumer can be given a message as far as its session and its own credit go. */
static inline bool consumer_has_room(const struct consumer *c)
{
    return c->is_attached && !c->is_stalled && credit_has_room(&c->credit);
}

/* Takes what a delivery needs of the credit that the consumer shares, if it shares any. False when
 * there is none: the queue delivers when it is this consumer's turn. */
static inline bool consumer_take_credit(struct consumer *c)
{
    return !c->credit.shared || shared_credit_take(c);
}

/* Gives back what consumer_take_credit() has taken: there is no delivery. */
static inline void consumer_untake_credit(struct consumer *c)
{
    if (c->credit.shared)
        shared_credit_give(c, 1);
}

/* The consumer is given one message. */
static inline void consumer_spend_credit(struct consumer *c)
{
    c->unacked += !c->no_ack;
    credit_spend(&c->credit);
}

/* `count` messages that the consumer held are settled. */
static inline void consumer_return_credit(struct consumer *c, uint32_t count)
{
    lv_assert(c->unacked >= count);
    c->unacked -= count;
    credit_return(&c->credit, count);
    if (c->credit.shared)
        shared_credit_give(c, count);
}

/* Hands one message over: directly, or by mail (`message` then must be set, and a reference is
 * taken). Returns false if the consumer can take no more for now. */
bool consumer_deliver(struct consumer *consumer, const struct delivery *delivery);

/* Sets timeout_ms; the session hears of it when it was another. */
void consumer_set_timeout(struct consumer *consumer, int64_t timeout_ms);

/* Tells the session that its queue is gone. */
void consumer_tell_cancelled(struct consumer *consumer);

#endif
