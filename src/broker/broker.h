/* The broker: what all vhosts, exchanges and queues have in common.
 *
 * Topology (vhosts, exchanges, queues' names, bindings) is read lock-free by every loop (RCU) and
 * changed under one mutex. Every change that can alter where a message goes moves `generation`
 * after the change is visible; route caches compare it. Queues' contents belong to their home
 * loops alone (queue.h). */
#ifndef LEVERET_BROKER_BROKER_H
#define LEVERET_BROKER_BROKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/rcu.h"
#include "base/slice.h"
#include "loop/loop.h"

struct cluster_name;
struct definitions;
struct parameter_list;
struct queue_ops;
struct vhost;

/* Why something was refused, in no protocol's words: AMQP answers by the reply code beside it, other
 * front ends and the operator's side (manage/) map this. */
enum refusal {
    REFUSAL_NONE,
    REFUSAL_NOT_FOUND,       /* what was named does not exist */
    REFUSAL_EXISTS,          /* what was to be made is there already */
    REFUSAL_ACCESS,          /* the user has no permission */
    REFUSAL_RESERVED,        /* no user has: a reserved name, the default exchange, ... */
    REFUSAL_LOCKED,          /* another connection has it for itself */
    REFUSAL_IN_USE,          /* it has consumers or bindings */
    REFUSAL_NOT_EMPTY,       /* it has messages */
    REFUSAL_LIMIT,           /* there are as many as a limit allows */
    REFUSAL_PRECONDITION,    /* an argument is invalid, or differs from what was declared */
    REFUSAL_MALFORMED,       /* it cannot be read: no JSON */
    REFUSAL_BUSY,            /* the same is being done already */
    REFUSAL_NOT_IMPLEMENTED, /* by this broker */
    REFUSAL_INTERNAL,        /* the broker's own failure */
};

/* What RabbitMQ would answer. `code` is an AMQP reply code (0: no error); `text` comes without the
 * "NOT_FOUND - " in front, which the session adds. */
struct broker_error {
    uint16_t code;
    enum refusal refusal;
    bool closes_connection; /* else only the channel */
    char text[600];
};

/* Fills the error and returns false, so that `return broker_refuse(...)` reads well. The refusal is the
 * one that the code stands for: refusal_of_code(). */
bool broker_refuse(struct broker_error *error, uint16_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, where the code alone does not say why. */
bool broker_refuse_as(struct broker_error *error, enum refusal refusal, uint16_t code,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same for what closes the connection. */
bool broker_refuse_connection(struct broker_error *error, uint16_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The refusal that an AMQP reply code stands for where nothing more is known. */
enum refusal refusal_of_code(uint16_t code);

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

struct broker {
    struct loops *loops;             /* borrowed */
    struct definitions *definitions; /* borrowed; NULL in tests: then nothing is durable */
    const char *node_name;           /* as messages and listings show it; borrowed */
    const char *event_vhost; /* where the event exchange is; borrowed; before vhosts are made */
    pthread_mutex_t topology_lock;
    pthread_mutex_t policy_lock; /* held while policies change and are applied; taken first */
    _Atomic uint64_t generation;
    struct parameter_list *globals;    /* parameters.h; under the lock */
    struct cluster_name *_Atomic name; /* RCU; NULL: no global parameter says one */
    /* "classic", "quorum" or "stream": of queues in vhosts that say none. Borrowed for ever; NULL and
     * "classic" leave declarations as they are. */
    const char *_Atomic default_queue_type;
    struct lv_table *vhosts;       /* of struct vhost, by name */
    struct lv_table *reply_queues; /* of struct queue, by name (reply_queue.h) */
    const struct queue_ops *(*queue_ops_for)(struct slice name); /* queue/queue_ops.h */
    _Atomic uint64_t next_queue_home;                            /* spreads queues over loops */
    _Atomic uint64_t next_queue_id; /* above every id in the definitions and the segments ... */
    _Atomic bool is_restoring; /* ... and, unless it is still being read (journal.h), in the log */
    /* Values that exchanges and queues have seen and that are being stored (dedup.h). */
    _Atomic uint64_t values_on_their_way;
    /* Set while an alarm is on: publishers are held back (session/ asks). Bit set of BROKER_ALARM_... */
    _Atomic unsigned alarms;
    _Atomic unsigned event_state; /* events.c's */
    /* More memory is used than queues should be left with: they page out what they can. */
    _Atomic bool is_short_of_memory;
    /* Milliseconds for which a consumer may hold a delivery where it and its queue say nothing; 0: for
     * ever. */
    _Atomic uint64_t consumer_timeout_ms;
    /* A queue may be declared again under another type than it has. */
    _Atomic bool is_type_relaxed;
    /* What messages published to queues of each loop, by index, and still in its mail cost. */
    _Atomic uint64_t mailed_bytes[LOOPS_MAX];
};

enum {
    BROKER_ALARM_MEMORY = 1,
    BROKER_ALARM_DISK = 2,  /* less free than the limit */
    BROKER_ALARM_LOG = 4,   /* no room for the log's next file */
    BROKER_ALARM_STORE = 8, /* writing failed: nothing persistent is taken any more */
};

struct broker *broker_create(struct loops *loops, struct definitions *definitions);
/* After the loops have stopped. Clears the pointer. NULL is fine. */
void broker_free(struct broker **broker);

static inline void topology_lock(struct broker *b)
{
    pthread_mutex_lock(&b->topology_lock);
}

static inline void topology_unlock(struct broker *b)
{
    pthread_mutex_unlock(&b->topology_lock);
}

/* Called with the lock held, after the change is visible. */
static inline void topology_moved(struct broker *b)
{
    atomic_fetch_add_explicit(&b->generation, 1, memory_order_release);
}

static inline uint64_t topology_generation(struct broker *b)
{
    return atomic_load_explicit(&b->generation, memory_order_acquire);
}

#endif
