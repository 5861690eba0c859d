/* The objects that statistics are kept of: found by a key, each with a history once it has
 * moved. */
#ifndef LEVERET_MANAGE_STATISTICS_OBJECTS_H
#define LEVERET_MANAGE_STATISTICS_OBJECTS_H

#include "base/slice.h"
#include "manage/statistics.h"
#include "queue/queue.h"

enum object_kind {
    OBJECT_QUEUE,
    OBJECT_EXCHANGE,
    OBJECT_CONNECTION,
    OBJECT_CHANNEL,
    OBJECT_DELIVERY, /* of a channel from a queue: only with RATES_DETAILED, like the next */
    OBJECT_PUBLISH,  /* of a channel to an exchange */
    OBJECT_VHOST,
    OBJECT_NODE,
    OBJECT_LOOP,
    OBJECT_KINDS,
};

enum { OBJECT_FIGURES_MAX = 32 };
/* How many lengths come first among the figures of queues, vhosts and the node. */
enum { OBJECT_LENGTHS = 3 };
/* Where messages_lost is among the figures of queues. */
enum { OBJECT_QUEUE_LOST = 16 };
_Static_assert((int)OBJECT_FIGURES_MAX <= (int)HISTORY_FIGURES_MAX, "they have histories");

/* Which statistics objects of a kind have, in the order of their figures. */
struct object_figures {
    unsigned count;
    uint8_t statistics[OBJECT_FIGURES_MAX]; /* enum statistic */
};
extern const struct object_figures object_figures[OBJECT_KINDS];

struct object {
    uint64_t key;
    struct history *history; /* NULL: every figure has always been 0 */
    uint64_t noted_ms;
    uint64_t begun_ms;    /* when it was noted first */
    uint64_t moved_ms;    /* when a figure was last seen to change, or all of them first */
    uint32_t interval_ms; /* since the figures before those; 0: there were none */
    uint32_t seen;        /* the round that has found it last */
    size_t at;            /* in object_set.all */
    struct queue *queue;  /* OBJECT_QUEUE: a reference */
    bool was_restoring; /* OBJECT_QUEUE: its first figures are not new: they are of the last run */
    struct object *vhost; /* OBJECT_QUEUE */
    struct slice name;    /* OBJECT_VHOST, OBJECT_EXCHANGE; owned */
    /* OBJECT_VHOST, OBJECT_DELIVERY, OBJECT_PUBLISH: of a round. OBJECT_QUEUE: its first lengths,
     * if it was_restoring. Owned */
    uint64_t *sums;
};

/* Objects of one kind, by key. All zero is an empty set. */
struct object_set {
    struct object **all; /* owned, in no order */
    size_t count, capacity;
    struct object **slots; /* a hash table with open addressing */
    size_t slot_count;     /* a power of 2, or 0 */
};

/* Return the key of a vhost, and of an exchange, a channel, or what a channel does with a queue or
 * an exchange of this name. */
uint64_t vhost_key(struct slice vhost);
uint64_t exchange_key(struct slice vhost, struct slice exchange);
uint64_t channel_key(uint64_t connection, uint16_t number);
uint64_t traffic_key(uint64_t connection, uint16_t number, struct slice name);

/* Returns the object with this key, or NULL. */
struct object *object_find(const struct object_set *set, uint64_t key);
/* Adds an object with a key that the set does not have. The set owns it. */
struct object *object_add(struct object_set *set, uint64_t key);
/* Removes and frees the object. */
void object_remove(struct object_set *set, struct object *object);
/* Frees all objects. */
void object_set_free(struct object_set *set);

/* Notes figures that were read in the round that began at now_ms; the one before it began at
 * before_ms (0: there was none). */
void object_note(struct object *o, enum object_kind kind, const struct retention *retention,
                 uint64_t now_ms, uint64_t before_ms, const uint64_t *figures);

/* Returns a figure of the object, and how fast it changes in a second. */
uint64_t object_figure(const struct object *o, unsigned i);
double object_rate(const struct object *o, unsigned i);

#endif
