/* The life of a message: what happens to it from the publish to the end, written down while
 * somebody traces (topology/lives.h).
 *
 * A message whose life is followed has a *life*: a word of 32 bits. Its upper eight bits say which
 * of the running traces follow it, the others are its number. A dead letter has the life of the
 * message that died. 0: nobody follows it.
 *
 * Each trace has a ring of records for each loop. A loop appends to its ring, and any thread reads
 * it, without a lock. */
#ifndef LEVERET_MESSAGE_LIFE_H
#define LEVERET_MESSAGE_LIFE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { LIFE_TRACES_MAX = 8, LIFE_NUMBER_BITS = 24 };

static inline uint32_t life_number(uint32_t life)
{
    return life & ((1u << LIFE_NUMBER_BITS) - 1);
}

static inline uint32_t life_of(unsigned traces, uint32_t number)
{
    return (uint32_t)traces << LIFE_NUMBER_BITS | number;
}

/* Returns which traces follow it: a bit for each. */
static inline unsigned life_traces(uint32_t life)
{
    return life >> LIFE_NUMBER_BITS;
}

/* --- records ---------------------------------------------------------------------------------- */

/* What happened, with its name in the API. The comments say which texts and numbers a record has;
 * who did it (connection, channel) is there if a client did. */
#define LIFE_EVENTS(E)                                                                             \
    E(PUBLISHED, "published")         /* exchange, routing key, connection, user, header, body */  \
    E(ROUTED, "routed")               /* queue */                                                  \
    E(UNROUTABLE, "unroutable")       /* no queue got it; IS_RETURNED: the publisher got it */     \
    E(QUEUED, "queued")               /* queue; position */                                        \
    E(REFUSED, "refused")             /* queue */                                                  \
    E(DUPLICATE, "duplicate")         /* queue: dropped there */                                   \
    E(ROLLED_BACK, "rolled-back")     /* its transaction ended without a commit */                 \
    E(CONFIRMED, "confirmed")         /* value: the delivery tag */                                \
    E(NACKED, "nacked")               /* value: the delivery tag: the publisher got basic.nack */  \
    E(DELIVERED, "delivered")         /* queue, tag, connection, user; IS_REDELIVERED, NO_ACK */   \
    E(GOT, "got")                     /* the same, by basic.get */                                 \
    E(ACKED, "acked")                 /* queue, tag */                                             \
    E(REQUEUED, "requeued")           /* queue, tag */                                             \
    E(REJECTED, "rejected")           /* queue, tag */                                             \
    E(DEAD_LETTERED, "dead-lettered") /* queue, exchange, routing key; reason */                   \
    E(FORWARDED, "forwarded")         /* queue, exchange, routing key: after a delay, or moved */  \
    E(DROPPED, "dropped")             /* queue; reason */                                          \
    E(LEFT, "left")                   /* queue: it has arrived elsewhere, or was replaced */       \
    E(PURGED, "purged")               /* queue */                                                  \
    E(QUEUE_DELETED, "queue-deleted") /* queue */

enum life_event {
#define LIFE_EVENT_ENUM(name, word) LIFE_##name,
    LIFE_EVENTS(LIFE_EVENT_ENUM)
#undef LIFE_EVENT_ENUM
        LIFE_EVENT_COUNT
};

/* Returns the event's name in the API: "published" ... */
const char *life_event_word(enum life_event event);

enum life_flag {
    LIFE_IS_REDELIVERED = 1,
    LIFE_IS_NO_ACK = 2,
    LIFE_IS_RETURNED = 4,
    LIFE_IS_PERSISTENT = 8,
    LIFE_IS_MANDATORY = 16,
    LIFE_WAS_THERE = 32,  /* published: it was in the queue before the trace began */
    LIFE_HAS_REASON = 64, /* `reason` is an enum death */
    LIFE_IS_CUT = 128,    /* a text is cut */
};

enum {
    LIFE_TEXTS = 6,
    LIFE_TEXT_BYTES_MAX = 4096, /* a longer text is cut */
};

/* The position of what has none, in events of queues. */
#define LIFE_NO_POSITION UINT64_MAX

struct life_record {
    uint64_t at_us; /* of the clock of the trace */
    uint32_t life;
    uint8_t event; /* enum life_event */
    uint8_t reason;
    uint8_t flags; /* enum life_flag */
    uint16_t channel;
    uint64_t connection;            /* its id; 0: none */
    uint64_t position;              /* in the queue: lane.h */
    uint64_t value;                 /* published: the body's size */
    struct slice texts[LIFE_TEXTS]; /* borrowed */
};

/* --- rings ------------------------------------------------------------------------------------ */

/* Records are kept in chunks. All rings of a trace share one budget of bytes: when it is used up, a
 * ring frees its oldest chunks for a new one. But each ring may have two, even if that is more than
 * the budget, so that a busy loop does not silence the others. */
enum { LIFE_CHUNK_BYTES = 64 * 1024 };

struct life_budget {
    size_t bytes_max;
    _Atomic size_t bytes;         /* of all chunks */
    _Atomic uint64_t written;     /* records */
    _Atomic uint64_t overwritten; /* records that are gone with their chunks */
};

struct life_chunk;
struct life_ring {
    struct life_chunk *_Atomic oldest;
    struct life_chunk *newest; /* the writer's */
};

/* Appends a record, and copies its texts. Call on one thread for each ring, which is registered
 * with RCU. */
void life_ring_put(struct life_ring *ring, struct life_budget *budget,
                   const struct life_record *record);

/* Calls visit() for each record that is there, oldest first; its texts are valid until the caller's
 * next quiescent state. Any thread that is registered with RCU and online; `visit` must not
 * wait. */
void life_ring_each(struct life_ring *ring,
                    void (*visit)(void *arg, const struct life_record *record), void *arg);

/* Frees the chunks. Call when nobody writes or reads. */
void life_ring_free(struct life_ring *ring);

#endif
