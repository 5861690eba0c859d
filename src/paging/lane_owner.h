/* Who owns lanes: a queue has one lane, or one for each priority that was ever used.
 *
 * A lane knows its owner by this struct alone: what it reads of it stands here as plain members,
 * and what it tells it goes through `calls`, from the disk's answers only, never once for each
 * publish or delivery.
 *
 * Everything here belongs to the owner's home, but for `is_committed`. */
#ifndef LEVERET_PAGING_LANE_OWNER_H
#define LEVERET_PAGING_LANE_OWNER_H

#include <stdatomic.h>

#include "base/assert.h"
#include "base/slice.h"
#include "loop/loop.h"
#include "paging/lane.h"

struct journal_ops;
struct lane_owner;

/* What the owner is called in log lines, and how the log knows it again. Borrowed from the
 * owner. */
struct lane_label {
    struct slice vhost;
    struct slice name;
    struct slice arguments; /* a raw AMQP table */
    bool is_auto_delete;
};

/* All at the owner's home. None may free the owner before it returns. */
struct lane_owner_calls {
    struct lane_label (*label)(const struct lane_owner *owner);
    void (*ref)(struct lane_owner *owner);
    void (*unref)(struct lane_owner *owner);
    /* A delivery that had to wait may go on: messages have been read, or the log has been told
     * of them. */
    void (*ready)(struct lane_owner *owner);
    /* Messages that are fetched for their deadlines have been read; `is_deadline`: deadlines
     * that were not known before have. */
    void (*fetched)(struct lane_owner *owner, bool is_deadline);
    /* Recovery has found a message on disk. Called when owner->wants_found; the owner may take
     * the message, and settle it. The header is borrowed. */
    void (*found)(struct lane_owner *owner, uint64_t position, struct slice header,
                  uint64_t body_bytes, bool is_persistent);
};

struct lane_owner {
    const struct lane_owner_calls *calls;
    struct loop *home;
    uint64_t id;                       /* in the store, never used twice */
    const struct journal_ops *journal; /* lane_journal.h; NULL: nothing outlives the process */
    /* It was made while the log was being read, which may have records of an older owner with
     * its id. */
    bool is_early;
    bool wants_found;               /* see calls->found */
    bool is_ended;                  /* its lanes hold nothing any more */
    _Atomic bool is_committed;      /* its definition is safe, or it needs none. Any thread. */
    struct lane_counters *counters; /* the owner's */
    struct lane first;              /* priority 0: the only lane of most owners */
    struct lane **lanes; /* all, the highest priority first; NULL: there is `first` alone */
    unsigned lane_count;
};

/* The caller runs at the owner's home, or no loop runs: before the start, after the stop, or on
 * the thread that reads the log. Not for what is done with each message: it reads a thread's
 * variable. */
static inline void lane_owner_assert_home(const struct lane_owner *owner)
{
    const struct loop *here = loop_current();
    lv_assert(!here || here == owner->home);
}

static inline void lane_assert_home(const struct lane *lane)
{
    lane_owner_assert_home(lane->owner);
}

/* An owner with one empty lane and id 0; the caller sets the flags afterwards, before the first
 * message. Everything given is borrowed for the owner's life. */
void lane_owner_init(struct lane_owner *owner, const struct lane_owner_calls *calls,
                     struct loop *home, struct lane_counters *counters, bool wants_found);

/* The ids of its lanes come from this one. */
void lane_owner_set_id(struct lane_owner *owner, uint64_t id);

/* The owner is deleted: what its lanes hold in memory is freed, in slices where that is much;
 * the log and the segments are told. */
void lanes_end(struct lane_owner *owner);

/* Forgets what the lanes hold in memory, as if nothing had ever been in them; files stay. */
void lanes_clear(struct lane_owner *owner);

/* Frees the lanes, with what they hold in memory; files stay. */
void lanes_free(struct lane_owner *owner);

/* The lane of this priority, made when there is none. */
struct lane *lane_of(struct lane_owner *owner, unsigned priority);

/* The lane of this priority, or NULL. */
struct lane *lane_find(struct lane_owner *owner, unsigned priority);

/* The highest lane with a ready message, or NULL. */
struct lane *lane_first_ready(struct lane_owner *owner);

/* The i-th lane, the highest priority first. */
static inline struct lane *lane_at(const struct lane_owner *owner, unsigned i)
{
    return owner->lanes ? owner->lanes[i] : (struct lane *)&owner->first;
}

/* Holds and gives back the owner. */
struct lane *lane_ref(struct lane *lane);
void lane_unref(struct lane **lane);

/* How the owner calls itself. */
static inline struct lane_label lane_label(const struct lane *lane)
{
    return lane->owner->calls->label(lane->owner);
}

/* Deliveries may go on. */
static inline void lane_ready(struct lane *lane)
{
    lane->owner->calls->ready(lane->owner);
}

/* What all lanes of an owner hold together. */
struct lane_totals {
    uint64_t ready;
    uint64_t ready_bytes;
    uint64_t unacked;
    uint64_t unacked_bytes;
    uint64_t disk_ready;       /* of `ready`: on disk alone */
    uint64_t disk_bytes;       /* of `ready_bytes` */
    uint64_t persistent;       /* ready or unacked, as the store would have them ... */
    uint64_t persistent_bytes; /* ... and their bodies */
};
struct lane_totals lanes_count(const struct lane_owner *owner);

#endif
