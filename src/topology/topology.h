/* The topology: what all vhosts, exchanges and queues share.
 *
 * Every loop reads vhosts, exchanges, bindings and the names of queues without a lock, under RCU.
 * They are changed under one mutex, topology_lock(). A change that can alter where a message goes
 * is first made visible and then announced by topology_moved(), which increments `generation`:
 * route caches compare it. The contents of a queue belong to its home loop alone (queue/queue.h).
 *
 * The broker has one topology, in struct broker (broker/broker.h). */
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
#include "topology/node_limits.h"
#include "topology/refusal.h"

struct definitions;
struct exchange_hooks;
struct lives;
struct queue_ops;
struct vhost;

/* Called once, on the definitions' own thread, when a durable change has been committed (error 0)
 * or has failed (ERR_...). `fn` is NULL if the caller need not know. */
struct durable_done {
    void (*fn)(void *arg, int error);
    void *arg;
};

/* How a change of the topology ended. */
enum change_result {
    CHANGE_REFUSED, /* nothing has changed; the error says why */
    CHANGE_DONE,    /* in effect; durable_done is not called */
    CHANGE_PENDING, /* in effect in memory; durable_done is called after the commit */
};

struct topology {
    struct loops *loops;             /* borrowed */
    struct definitions *definitions; /* borrowed; NULL in tests: then nothing is stored */
    const char *node_name;           /* for log messages and listings; borrowed */
    struct events events;            /* message/events.h */
    const char
        *event_vhost;      /* the vhost of the event exchange; borrowed; set before vhosts exist */
    const char *log_vhost; /* the same for the log's exchange; NULL: there is none */
    pthread_mutex_t lock;  /* topology_lock() */
    _Atomic uint64_t generation;
    const struct exchange_hooks *exchange_hooks; /* exchange.h; NULL in tests */
    struct lv_table *vhosts;                     /* of struct vhost, by name */
    struct lv_table *reply_queues; /* of struct queue_entry, by name: direct reply-to */
    struct lv_table *queue_users;  /* of struct queue_user, by name */

    /* Returns the operations that a new queue of this name gets (queue/queue_ops.h). */
    const struct queue_ops *(*queue_ops_for)(struct slice name);
    /* "classic", "quorum" or "stream": the type of new queues, unless the declaration or the vhost
     * names one. The string is never freed. NULL and "classic" leave declarations as they are. */
    const char *_Atomic default_queue_type;
    _Atomic uint64_t next_queue_home; /* spreads new queues over the loops */
    /* The id of the next queue: above the id of every queue in the definitions and the segments,
     * and, once the log has been read, in the log. `is_restoring`: the log is still being read
     * (journal.h). */
    _Atomic uint64_t next_queue_id;
    _Atomic bool is_restoring;
    /* A queue that exists may be declared again with another queue type, which is then ignored. */
    _Atomic bool is_type_relaxed;
    /* How long a consumer may leave a delivery unacknowledged, in milliseconds, unless it or its
     * queue has its own limit; 0: forever. */
    _Atomic uint64_t consumer_timeout_ms;

    struct lives *lives; /* owned; lives.h */

    struct node_limits limits;
    uint64_t ended_published; /* messages published to exchanges that are deleted; under the lock */
    /* How many deduplication values are being stored (dedup.h). */
    _Atomic uint64_t values_being_stored;
    /* For each loop, by loop_index(): how many bytes of messages published to its queues are in its
     * mail. */
    _Atomic uint64_t mailed_bytes[LOOPS_MAX];
};

/* Sets up the topology and the loops' route caches. `definitions` may be NULL. Call it before the
 * loops start. */
void topology_init(struct topology *t, struct loops *loops, struct definitions *definitions);
/* Frees what topology_init() has made. Call it after the loops have stopped, when no vhost is left,
 * on a thread that is registered with RCU. */
void topology_end(struct topology *t);

/* Locks the topology for a change. Call it on any thread that does not hold the lock yet: the lock
 * is not recursive. */
void topology_lock(struct topology *t);
void topology_unlock(struct topology *t);

/* Returns whether the calling thread holds the lock. */
bool topology_is_locked(const struct topology *t);

/* Announces a change that is already visible: routes cached before it are void. The caller holds
 * the lock. */
void topology_moved(struct topology *t);

static inline uint64_t topology_generation(struct topology *t)
{
    return atomic_load_explicit(&t->generation, memory_order_acquire);
}

#endif
