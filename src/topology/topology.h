/* The topology: what all vhosts, exchanges and queues have in common.
 *
 * Vhosts, exchanges, queues' names and bindings are read without a lock by every loop (RCU) and
 * changed under one mutex. Every change that can alter where a message goes moves `generation`
 * after the change is visible; route caches compare it. Queues' contents belong to their home loops
 * alone (queue.h).
 *
 * struct broker (broker/broker.h) contains the one there is, and what upper rooms add to it. */
#ifndef LEVERET_TOPOLOGY_TOPOLOGY_H
#define LEVERET_TOPOLOGY_TOPOLOGY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/rcu.h"
#include "base/slice.h"
#include "loop/loop.h"
#include "message/events.h"
#include "topology/refusal.h"

struct definitions;
struct exchange_hooks;
struct queue_ops;
struct vhost;

/* Who is told, on the definitions' own thread, when a durable change has been committed (0) or has
 * failed (ERR_...). NULL fn: nobody. */
struct durable_done {
    void (*fn)(void *arg, int error);
    void *arg;
};

/* How a change of the topology ended. */
enum change_result {
    CHANGE_REFUSED, /* see the error */
    CHANGE_DONE,    /* in effect; durable_done will not be called */
    CHANGE_PENDING, /* in effect in memory; durable_done follows after the commit */
};

struct topology {
    struct loops *loops;             /* borrowed */
    struct definitions *definitions; /* borrowed; NULL in tests: then nothing is durable */
    const char *node_name;           /* as messages and listings show it; borrowed */
    struct events events;            /* message/events.h */
    const char *event_vhost; /* where the event exchange is; borrowed; before vhosts are made */
    pthread_mutex_t lock;    /* topology_lock() */
    _Atomic uint64_t generation;
    const struct exchange_hooks *exchange_hooks; /* exchange.h; NULL in tests: there are none */
    struct lv_table *vhosts;                     /* of struct vhost, by name */
    struct lv_table *reply_queues; /* of struct queue_entry, by name: direct reply-to */

    /* What a new queue is given. */
    const struct queue_ops *(*queue_ops_for)(struct slice name); /* queue/queue_ops.h */
    /* "classic", "quorum" or "stream": of queues in vhosts that say none. Borrowed for ever; NULL
     * and "classic" leave declarations as they are. */
    const char *_Atomic default_queue_type;
    _Atomic uint64_t next_queue_home; /* spreads queues over loops */
    _Atomic uint64_t next_queue_id;   /* above every id in the definitions and the segments ... */
    _Atomic bool is_restoring; /* ... and, unless it is still being read (journal.h), in the log */
    /* A queue may be declared again under another type than it has. */
    _Atomic bool is_type_relaxed;
    /* Milliseconds for which a consumer may hold a delivery where it and its queue say nothing; 0:
     * for ever. */
    _Atomic uint64_t consumer_timeout_ms;

    /* Values that exchanges and queues have seen and that are being stored (dedup.h). */
    _Atomic uint64_t values_on_their_way;
    /* What messages published to queues of each loop, by index, and still in its mail cost. */
    _Atomic uint64_t mailed_bytes[LOOPS_MAX];
};

/* Before the loops start. `definitions` may be NULL. Sets up the loops' route caches. */
void topology_init(struct topology *t, struct loops *loops, struct definitions *definitions);
/* After the loops have stopped, with no vhost left, on a thread that is registered with RCU. */
void topology_end(struct topology *t);

static inline void topology_lock(struct topology *t)
{
    pthread_mutex_lock(&t->lock);
}

static inline void topology_unlock(struct topology *t)
{
    pthread_mutex_unlock(&t->lock);
}

/* Called with the lock held, after the change is visible. */
static inline void topology_moved(struct topology *t)
{
    atomic_fetch_add_explicit(&t->generation, 1, memory_order_release);
}

static inline uint64_t topology_generation(struct topology *t)
{
    return atomic_load_explicit(&t->generation, memory_order_acquire);
}

#endif
