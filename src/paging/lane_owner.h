/* What owns lanes: a queue has one lane, or one for each priority that was ever used.
 *
 * A lane knows its owner by this struct alone. What it reads are plain members; what it tells the
 * owner are `calls`, which are made when the disk has answered, never for each publish or delivery.
 *
 * Everything here is used at the owner's home, except `definition`. */
#ifndef LEVERET_PAGING_LANE_OWNER_H
#define LEVERET_PAGING_LANE_OWNER_H

#include <stdatomic.h>

#include "base/assert.h"
#include "base/slice.h"
#include "loop/loop.h"
#include "paging/lane.h"

struct journal_ops;
struct lane_owner;

/* The owner's name, for log lines and for the log's record of it. Borrowed from the owner. */
struct lane_label {
    struct slice vhost;
    struct slice name;
    struct slice arguments; /* a raw AMQP table */
    bool is_auto_delete;
};

/* Called at the owner's home. None may free the owner before it returns. */
struct lane_owner_calls {
    struct lane_label (*label)(const struct lane_owner *owner);
    void (*ref)(struct lane_owner *owner);
    void (*unref)(struct lane_owner *owner);
    /* Deliveries that had to wait may be possible now: messages have been read, or the record that
     * messages may have been delivered is safe. */
    void (*ready)(struct lane_owner *owner);
    /* Messages have been read because their deadlines have come or come soon; `is_deadline`: or
     * deadlines have been read that were not known before. */
    void (*fetched)(struct lane_owner *owner, bool is_deadline);
    /* Recovery has found a message on disk. Called only if owner->wants_found; the owner may settle
     * the message. The header is borrowed. */
    void (*found)(struct lane_owner *owner, uint64_t position, struct slice header,
                  uint64_t body_bytes, bool is_persistent);
};

/* Whether an owner would be there after a crash, which a confirmed message needs. */
enum owner_definition {
    OWNER_PENDING, /* its definition is being stored */
    OWNER_STORED,  /* it has been stored, or need not be */
    OWNER_FAILED,  /* it could not be stored: messages are refused */
};

struct lane_owner {
    const struct lane_owner_calls *calls;
    struct loop *home;
    uint64_t id;                       /* in the store, never used twice */
    const struct journal_ops *journal; /* lane_journal.h; NULL: nothing outlives the process */
    /* The owner was made while the log was being read, in which an older owner with the same id may
     * have records (journal_restore.c). */
    bool is_early;
    bool wants_found;                         /* see calls->found */
    bool is_ended;                            /* lanes_end() was called: the lanes hold nothing */
    _Atomic enum owner_definition definition; /* any thread */
    struct lane_counters *counters;           /* the owner's */
    struct lane first;                        /* priority 0: the only lane of most owners */
    struct lane **lanes; /* all, the highest priority first; NULL: only `first` */
    unsigned lane_count;
};

/* Asserts that the caller runs at the owner's home, or on no loop: before the start, after the
 * stop, or on the thread that reads the log. Not to be called for each message: it reads a
 * thread-local variable. */
static inline void lane_owner_assert_home(const struct lane_owner *owner)
{
    const struct loop *here = loop_current();
    lv_assert(!here || here == owner->home);
}

static inline void lane_assert_home(const struct lane *lane)
{
    lane_owner_assert_home(lane->owner);
}

/* Sets up an owner with one empty lane and id 0. The caller sets flags and journal afterwards,
 * before the first message. Pointers given are borrowed for the owner's life. */
void lane_owner_init(struct lane_owner *owner, const struct lane_owner_calls *calls,
                     struct loop *home, struct lane_counters *counters, bool wants_found);

/* Sets the owner's id, from which the ids of its lanes follow. Call only before the first
 * message. */
void lane_owner_set_id(struct lane_owner *owner, uint64_t id);

/* Ends the owner's lanes: their messages in memory are freed, in slices of a turn if there are
 * many; the journal forgets the lanes, and their segment files are removed. Call once. Home. */
void lanes_end(struct lane_owner *owner);

/* Frees what the lanes hold in memory; they are empty then, as new ones are. Files stay. */
void lanes_clear(struct lane_owner *owner);

/* Frees the lanes and what they hold in memory; files stay. */
void lanes_free(struct lane_owner *owner);

/* Returns the lane of this priority; makes it if there is none. */
struct lane *lane_of(struct lane_owner *owner, unsigned priority);

/* Returns the lane of this priority, or NULL. */
struct lane *lane_find(struct lane_owner *owner, unsigned priority);

/* Returns the lane of the highest priority that has a ready message, or NULL. */
struct lane *lane_first_ready(struct lane_owner *owner);

/* Returns the i-th lane, the highest priority first. */
static inline struct lane *lane_at(const struct lane_owner *owner, unsigned i)
{
    return owner->lanes ? owner->lanes[i] : (struct lane *)&owner->first;
}

/* Takes a reference of the owner; returns the lane. */
struct lane *lane_ref(struct lane *lane);
/* Drops a reference of the owner. Clears the pointer. */
void lane_unref(struct lane **lane);

/* Returns the owner's name. */
static inline struct lane_label lane_label(const struct lane *lane)
{
    return lane->owner->calls->label(lane->owner);
}

/* Tells the owner that deliveries may go on. */
static inline void lane_ready(struct lane *lane)
{
    lane->owner->calls->ready(lane->owner);
}

/* What all lanes of an owner hold. */
struct lane_totals {
    uint64_t ready;
    uint64_t ready_bytes;
    uint64_t unacked;
    uint64_t unacked_bytes;
    uint64_t disk_ready;       /* of `ready`: only on disk */
    uint64_t disk_bytes;       /* of `ready_bytes` */
    uint64_t persistent;       /* ready or unacked, and kept across a restart if the queue is ... */
    uint64_t persistent_bytes; /* ... and their bodies */
};
struct lane_totals lanes_count(const struct lane_owner *owner);

#endif
