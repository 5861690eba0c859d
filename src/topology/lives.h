/* Traces of messages: for a bounded time, some messages that are published to one exchange, or that
 * are routed to one queue, are followed, and what happens to them is written down
 * (message/life.h).
 *
 * While no trace runs, a message costs nothing for them but vhost_is_watched(), and, in its queue,
 * a look at whether the queue holds a message that is followed (queue/queue_lives.h).
 *
 *     struct life_trace *t;
 *     lives_begin(topology, vhost, &settings, &t)      manage/, on any thread
 *     life = lives_publish(...)                        a loop: a message is published
 *     lives_record(topology, loop, life, &record)      loops: something happens to it
 *     lives_end(topology, t); lives_free(&t)           manage/ */
#ifndef LEVERET_TOPOLOGY_LIVES_H
#define LEVERET_TOPOLOGY_LIVES_H

#include "base/pattern.h"
#include "message/delivery.h"
#include "message/life.h"
#include "topology/route.h"
#include "topology/vhost.h"

struct life_trace_settings {
    struct slice name; /* of the exchange or the queue; copied */
    bool is_of_queue;
    struct pattern *pattern; /* of the routing key; taken; NULL: any */
    uint32_t one_in;         /* of the messages that fit, one in so many is followed; at least 1 */
    uint32_t messages_max;   /* so many are followed */
    uint32_t body_bytes;     /* so much of each body is kept */
    uint64_t seconds;
    size_t bytes_max;         /* of records: at least LIFE_CHUNK_BYTES */
    uint64_t (*now_us)(void); /* a clock that is never set */
};

struct life_trace {
    struct lv_rcu_refs refs;
    struct vhost *vhost; /* referenced */
    struct life_trace_settings settings;
    unsigned slot;
    uint32_t first_number;
    uint64_t begun_us, ends_us;
    _Atomic uint64_t ended_us; /* when it was ended before its time; 0: it was not */
    _Atomic uint64_t seen;     /* messages at the exchange or queue */
    _Atomic uint64_t fitting;  /* of these: those whose routing key fits */
    _Atomic uint64_t followed; /* of these: those that are followed */
    struct life_budget budget;
    struct life_ring rings[LOOPS_MAX]; /* each written by its loop */
};

/* Which traces run; part of the topology, made with it. */
struct lives {
    struct life_trace *_Atomic running[LIFE_TRACES_MAX]; /* referenced */
    _Atomic unsigned count;
    _Atomic uint32_t next_number;
    _Atomic uint64_t noted; /* messages that queues have noted: queue/queue_lives.h */
};

/* --- traces: any thread that is registered with RCU and online -------------------------------- */

/* Begins a trace. Takes settings->pattern in any case. Returns false if LIFE_TRACES_MAX run. The
 * caller owns a reference. */
bool lives_begin(struct topology *topology, struct vhost *vhost,
                 const struct life_trace_settings *settings, struct life_trace **ret);
/* Ends it, if it has not ended. What was written down stays readable. */
void lives_end(struct topology *topology, struct life_trace *trace);
/* Ends the trace, drops the caller's reference and clears the pointer. */
void lives_free(struct topology *topology, struct life_trace **trace);

/* Returns whether the trace has ended at this time of its clock. */
bool life_trace_is_over(const struct life_trace *trace, uint64_t now_us);

/* --- on a loop's thread, read side ------------------------------------------------------------ */

/* Whether any trace runs. */
static inline bool lives_are_traced(const struct topology *t)
{
    return atomic_load_explicit(&t->lives->count, memory_order_relaxed) > 0;
}

/* Who publishes. All zero: the broker itself. */
struct life_publisher {
    struct slice connection, user; /* names */
    uint64_t connection_id;
    uint16_t channel;
    bool is_mandatory;
};

/* Returns whether a trace that runs follows this life: others may have ended since. The caller is
 * on a loop. */
bool lives_follow(struct topology *topology, uint32_t life);

/* Called for each message that is published in a vhost with VHOST_WATCH_LIVES, once it is routed.
 * Returns its life: `life`, what it has already (a dead letter), unless those that followed it have
 * ended, and those traces that follow it from here on; 0: none. Writes down the publish, if they
 * do, and where it was routed, if it has a life. */
uint32_t lives_publish(struct loop *loop, struct vhost *vhost, const struct life_publisher *who,
                       const struct delivery *message, bool is_persistent,
                       const struct route *route, uint32_t life);

/* Returns the life of a message that the queue held before it was traced and that is now delivered:
 * 0, or that of the traces of this queue that follow it from here on. */
uint32_t lives_find_held(struct loop *loop, struct vhost *vhost, struct slice queue,
                         const struct delivery *message, bool is_persistent);

/* Writes the record down for the traces that follow this life. Sets its time and life. */
void lives_record(struct loop *loop, struct topology *topology, uint32_t life,
                  struct life_record *record);

#endif
