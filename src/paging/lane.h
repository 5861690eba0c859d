/* A lane: one line of messages, in memory and on disk. Its owner (lane_owner.h), a queue, has one
 * lane, or one for each priority that was ever used.
 *
 * In the store each lane is a queue with an id of its own. A message's *position* in its queue is
 * one number: the lane's priority in the bits from LANE_SHIFT up, the sequence number below them.
 *
 * Everything here is used at the owner's home only. */
#ifndef LEVERET_PAGING_LANE_H
#define LEVERET_PAGING_LANE_H

#include "base/counters.h"
#include "base/list.h"
#include "paging/backlog.h"

struct lane_owner;

enum { LANES_MAX = 256, LANE_SHIFT = 56, LANE_ID_SHIFT = 48 };

/* Counted at home for all lanes of an owner, since it was made. */
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
    struct pager *pager;       /* its segments; NULL: it never had any */
    struct lv_list dirty_link; /* in journal_loop.dirty or .snapshots (journal_files.c) */
    struct lv_list retry_link; /* in journal_loop.retries */
    uint64_t dirty_file;       /* the oldest log file that the lane depends on; 0: none yet */
    bool is_named;             /* the owner's name is in the log, in dirty_file or a later file */
    uint64_t over_ticket;      /* once this is safe, no record of the lane counts; 0: not known */
    uint64_t snapshot_bytes;   /* of its snapshot in the log */
    /* A record that messages below this number may have been delivered is staged ... */
    uint64_t delivered_staged;
    /* ... and safe for those below this number. UINT64_MAX: writing the log has failed, and
     * deliveries no longer wait for such records. */
    uint64_t delivered_safe;
};

/* --- counting: at home ------------------------------------------------------------------------ */

static inline void lane_count_read(struct lane *lane)
{
    lane->counters->reads++;
    COUNT(messages_read);
}

static inline void lane_count_written(struct lane *lane)
{
    lane->counters->writes++;
    COUNT(messages_written);
}

static inline void lane_count_lost(struct lane *lane, uint64_t n)
{
    lane->counters->lost += n;
    COUNT_MANY(messages_lost, n);
}

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
