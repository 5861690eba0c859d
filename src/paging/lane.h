/* A lane: messages that wait in one line, in memory and on disk. Its owner (lane_owner.h), a
 * queue, has one, or one for each priority that was ever used.
 *
 * To the store each lane is a queue of its own, under an id of its own. A message's *position*
 * in its queue is one number: the lane's priority above LANE_SHIFT, the sequence number below.
 *
 * Everything here belongs to the owner's home. */
#ifndef LEVERET_PAGING_LANE_H
#define LEVERET_PAGING_LANE_H

#include "base/list.h"
#include "paging/backlog.h"

struct lane_owner;

enum { LANES_MAX = 256, LANE_SHIFT = 56, LANE_ID_SHIFT = 48 };

/* Counted at home since the owner was made, for all its lanes. */
struct lane_counters {
    uint64_t lost;   /* messages that could not be read back from the disk */
    uint64_t writes; /* messages written to the log, or to a segment */
    uint64_t reads;  /* messages read back from a segment */
};

struct lane {
    struct lane_owner *owner;
    struct lane_counters *counters; /* the owner's */
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
    /* The log has been told that messages below may have been delivered ... */
    uint64_t delivered_staged;
    uint64_t delivered_safe; /* ... and up to here that is safe */
};

/* --- positions, and ids in the store ---------------------------------------------------------- */

static inline uint64_t lane_position(const struct lane *lane, uint64_t sequence)
{
    return (uint64_t)lane->priority << LANE_SHIFT | sequence;
}

static inline unsigned position_priority(uint64_t position)
{
    return (unsigned)(position >> LANE_SHIFT);
}

static inline uint64_t position_sequence(uint64_t position)
{
    return position & ((UINT64_C(1) << LANE_SHIFT) - 1);
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
