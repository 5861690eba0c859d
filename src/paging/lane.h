/* A lane: messages of a queue that wait in one line, in memory and on disk. A queue without
 * priorities has one; a queue with priorities has one for each that was ever used, and gives what
 * stands in a higher one first.
 *
 * To the store each lane is a queue of its own, under an id of its own. A message's *place* in its
 * queue is one number: the lane's priority above LANE_SHIFT, the sequence number below.
 *
 * Everything here belongs to the queue's home. */
#ifndef LEVERET_PAGING_LANE_H
#define LEVERET_PAGING_LANE_H

#include "base/list.h"
#include "paging/backlog.h"

struct queue;

enum { LANES_MAX = 256, LANE_SHIFT = 56, LANE_ID_SHIFT = 48 };

struct lane {
    struct queue *queue; /* whose it is */
    uint8_t priority;
    uint64_t id; /* in the store */
    struct backlog backlog;
    struct pager *pager;       /* what is on disk; NULL: nothing ever was */
    struct lv_list dirty_link; /* journal.h: in journal_loop.dirty or .snapshots */
    struct lv_list retry_link; /* in journal_loop.retries */
    bool is_named;             /* the log says, in that file or a later one, which queue this is */
    uint64_t dirty_file;
    uint64_t over_ticket;    /* when it is safe, the log says nothing that counts; 0: unknown */
    uint64_t snapshot_bytes; /* of its snapshot in the log */
    uint64_t
        delivered_staged;    /* the log has been told that what is below may have been delivered */
    uint64_t delivered_safe; /* ... and that is safe */
};

/* The lane of priority 0, in a new queue. */
void lane_init(struct lane *lane, struct queue *queue);

/* The queue gets its id: those of its lanes come from it. */
void lane_set_id(struct lane *lane, uint64_t queue_id);

/* Frees what the lanes hold in memory, and all lanes but the queue's own first one. */
void lanes_free(struct queue *q);

/* The queue is deleted: what the lane holds in memory is freed, in slices where that is much. */
void lane_end(struct lane *lane);

/* The lane of this priority, made when there is none. */
struct lane *lane_of(struct queue *q, unsigned priority);

/* The lane of this priority, or NULL. */
struct lane *lane_find(struct queue *q, unsigned priority);

/* The highest lane with a ready message, or NULL. */
struct lane *lane_first_ready(struct queue *q);

/* Holds and gives back the queue. */
struct lane *lane_ref(struct lane *lane);
void lane_unref(struct lane **lane);

/* What all lanes of a queue hold together. */
struct lane_totals {
    uint64_t ready;
    uint64_t ready_bytes;
    uint64_t taken;
    uint64_t taken_bytes;
    uint64_t disk_ready;       /* of `ready`: on disk alone */
    uint64_t disk_bytes;       /* of `ready_bytes` */
    uint64_t persistent;       /* ready or taken, as the store would have them ... */
    uint64_t persistent_bytes; /* ... and their bodies */
};
struct lane_totals lanes_count(const struct queue *q);

/* --- places, and ids in the store ------------------------------------------------------- */

static inline uint64_t lane_place(const struct lane *lane, uint64_t sequence)
{
    return (uint64_t)lane->priority << LANE_SHIFT | sequence;
}

static inline unsigned place_priority(uint64_t place)
{
    return (unsigned)(place >> LANE_SHIFT);
}

static inline uint64_t place_sequence(uint64_t place)
{
    return place & ((UINT64_C(1) << LANE_SHIFT) - 1);
}

static inline uint64_t lane_id(uint64_t queue_id, unsigned priority)
{
    return (uint64_t)priority << LANE_ID_SHIFT | queue_id;
}

static inline unsigned lane_id_priority(uint64_t id)
{
    return (unsigned)(id >> LANE_ID_SHIFT);
}

static inline uint64_t lane_id_queue(uint64_t id)
{
    return id & ((UINT64_C(1) << LANE_ID_SHIFT) - 1);
}

#endif
