/* Between lanes and the store: what a loop stages in the log, who waits for it to be safe, and
 * which lanes keep old log files from being removed.
 *
 *   push  -> log_enqueue -> (end of turn) log_submit -> writer: write, sync -> mail: safe up to T
 *         -> everybody who waits for a ticket up to T is answered, in order
 *
 *   (1) A publisher is answered after the ticket of its persistent message is safe.
 *   (2) Everything about a lane is staged by its home, in the order in which it happened.
 *   (3) `dirty` lists the lanes that depend on log files, each with the file of its oldest record
 *       that counts, the oldest first. A lane whose file is older than the log wants to keep writes
 *       a snapshot, and is put at the end.
 *
 * One journal_loop per loop (journal_slot), used on that loop alone. */
#ifndef LEVERET_PAGING_JOURNAL_H
#define LEVERET_PAGING_JOURNAL_H

#include "paging/lane_journal.h"
#include "paging/pager.h"
#include "store/log.h"
#include "store/segments.h"

struct journal_limits {
    struct pager_limits pager;
    uint64_t delivered_ahead; /* the log is told of deliveries this many messages ahead */
    uint64_t files_kept; /* old log files, before queues that need them are asked for snapshots */
};
extern const struct journal_limits journal_limits_default;

/* Somebody who waits for a ticket. */
struct journal_wait {
    uint64_t ticket;
    /* A confirm for `count` publishes from `number` on ... */
    struct confirm_sink *sink;
    uint64_t number;
    uint64_t count;
    /* ... which waits for the definition of this owner, too (referenced); NULL: it is safe ... */
    struct lane_owner *uncommitted;
    /* ... or a call. */
    void (*fn)(struct loop *loop, void *arg, int error);
    void *arg;
};

struct journal_loop {
    struct loop *loop;
    struct journal *journal; /* NULL: the store is closed */
    struct log_stage *stage;
    struct journal_wait *waits; /* a ring, by ticket */
    size_t wait_first, wait_count, wait_capacity;
    uint64_t safe_ticket;        /* all up to this one are safe */
    struct journal_wait *parked; /* their tickets are safe, their queues' definitions not yet */
    size_t parked_count, parked_capacity;
    struct lv_list retries; /* lanes whose segments wait for room on the disk */
    struct loop_timer retry_timer;
    struct lv_list dirty;      /* struct lane.dirty_link, oldest file first */
    struct loop_job next_turn; /* while more queues must be asked for snapshots */
    struct lv_list snapshots;  /* lanes whose snapshot is on its way: they count as before */
    /* After the start (journal_restore.c): */
    bool is_restoring; /* the queues of the last life are not there yet */
    struct mail *held; /* what waits for them */
    size_t held_count, held_capacity;
    struct lane **to_relieve; /* referenced */
    size_t relieve_count, relieve_capacity;
    struct loop_timer relieve_timer;
};

/* Who knows the owners of which the log speaks, and gives them what it says. The journal takes
 * it over, and frees it when every loop has had its part. */
struct journal_restorer {
    void *arg;
    const struct log_visitor *visitor; /* on the reading thread, with `arg` */
    /* The segment files that are there. Before the loops start. ERR_... */
    int (*list_segments)(void *arg, struct segments *segments);
    /* The log has been read to its end. The reading thread. */
    void (*end)(void *arg);
    /* The owners at home on this loop are its own from here on: with `is_whole` they are what
     * the log has said, else empty, and nothing is stored any more. Home. */
    void (*hand_over)(void *arg, struct journal_loop *home, bool is_whole);
    /* All loops have the mail by which they get their part: mail sent from now on comes behind
     * it. */
    void (*is_sent)(void *arg);
    void (*free)(void *arg); /* any thread */
};

/* Why the disk is short of room. */
enum { JOURNAL_NO_LOG_FILE = 1, JOURNAL_DISK_ALARM = 2 };

struct journal {
    struct journal_limits limits;
    const _Atomic bool *is_short_of_memory;
    uint64_t file_bytes;
    _Atomic uint64_t snapshot_bytes; /* of all queues, in the log */
    _Atomic unsigned shortage;       /* JOURNAL_... */
    _Atomic bool has_failed;         /* a segment: the log cannot be relieved of anything more */
    struct log *log;
    struct segments *segments;
    void (*on_space)(void *arg, bool has_room);
    void *arg;
    void (*on_failure)(void *arg);
    void *failure_arg;
    struct journal_loop *loops[LOOPS_MAX];
    struct journal_restorer restorer;
    bool is_handed_over; /* the restorer is on its way to the loops, which free it */
};

/* Opens the store on this disk: finds the end of the log, sets up every loop's part and starts
 * the store's threads (unless is_stepped: then the caller steps log_step(journal->log) and
 * segments_step(journal->segments)). The restorer's owners are being restored from here on: the
 * caller sees to that with journal_restore_step(). Before loops_start(). ERR_FORMAT, ERR_IO ...;
 * then nothing is left open, and the restorer is freed. */
struct journal_options {
    struct loops *loops; /* borrowed */
    struct journal_restorer restorer;
    /* While it is set every lane makes do with little memory. Borrowed for as long as the loops
     * run. */
    const _Atomic bool *is_short_of_memory;
    struct disk *disk;   /* borrowed */
    uint64_t file_bytes; /* of a log file */
    enum log_durability durability;
    unsigned interval_ms;
    unsigned segment_files_open_max; /* 0: the segments' own choice */
    bool is_stepped;
    const struct journal_limits *limits; /* borrowed for the call; NULL: the default ones */
    /* The disk has no room for the log's next file, or has again. On the store's thread. */
    void (*on_space)(void *arg, bool has_room);
    void *arg;
    /* Writing has failed for good: nothing persistent is taken any more. On a loop, perhaps
     * several times. */
    void (*on_failure)(void *failure_arg);
    void *failure_arg;
};
int journal_open(const struct journal_options *options, struct journal **ret);

/* Reads one more file of the log; after the last one, *ret_is_over, segment files that nobody
 * needs are removed and the queues are on their way to their homes, by mail. From one thread at
 * a time, any: also before loops_start() and while the loops run; until it is over, or to
 * journal_close(), which leaves the log as it was. ERR_IO: the log cannot be read;
 * ERR_NO_DESCRIPTORS. After an error it may be called again. */
int journal_restore_step(struct journal *journal, bool *ret_is_over);
/* What is to be read before it is over. The same thread. */
uint64_t journal_unread_bytes(const struct journal *journal);

/* After the loops have stopped: writes and syncs what is staged, ends the threads. From then on
 * queues are as if nothing were stored; who still waits hears by mail. Before loops_free().
 * Clears the pointer; NULL is fine. */
void journal_close(struct journal **journal);

/* The disk is to keep so much room; `is_alarm`: it has less. From then on nothing is kept that
 * is not needed, and on_low is called, on a thread of the store, when what has just been written
 * leaves less: once until the next call of this. After journal_open(). Any thread. */
void journal_watch_room(struct journal *journal, uint64_t room_min, bool is_alarm,
                        void (*on_low)(void *arg), void *arg);

extern struct loop_slot journal_slot;

/* This loop's part; NULL when nothing is stored (tests), or not any more. */
static inline struct journal_loop *journal_of(const struct loop *loop)
{
    struct journal_loop *p = loop_slot(loop, &journal_slot);
    return p && p->journal ? p : NULL;
}

/* The caller runs on this part's loop, or no loop runs. */
static inline void journal_assert_home(const struct journal_loop *p)
{
    const struct loop *here = loop_current();
    lv_assert(!here || here == p->loop);
}

/* --- at the owner's home ---------------------------------------------------------------------- */

/* The log of this machine, as the journal of owners that are durable. */
extern const struct journal_ops journal_local;

/* Messages of the lane are freed and not settled: paged out. */
void journal_paged_out(struct lane *l);
/* The definition of some owner at home here is safe (or could not be stored). */
void journal_owner_committed(struct loop *loop, bool is_stored);
/* A call when what is staged now is safe. */
void journal_call(struct journal_loop *p, void (*fn)(struct loop *, void *, int), void *arg);

/* pager_try_again() is called for the queue in a while. */
void journal_try_again(struct lane *l);
/* Nothing persistent is taken any more. */
void journal_segments_failed(struct journal_loop *p);

/* Keeps a copy of the mail, which is delivered when the owners at home on this loop have been
 * restored: all of it in the order in which it came. While p->is_restoring. Home. */
void journal_hold(struct loop *home, const struct mail *mail);

/* --- recovery --------------------------------------------------------------------------------- */

/* The queue depends on this file: it goes before `others`, in the list of its home, where those
 * are that depend on later ones. */
void journal_restore_dirty(struct lane *l, uint64_t file, struct lv_list *others);
/* It may have more in memory than it should: it pages out in a turn to come. */
void journal_relieve_later(struct lane *l);

/* --- journal_restore.c: for journal.c --------------------------------------------------------- */

/* The store is closed: queues that were not read stay empty, and what is held for them is
 * answered. */
void journal_restore_give_up(struct journal *journal);
void journal_restore_begin_loop(struct journal_loop *p);
void journal_restore_end_loop(struct journal_loop *p);

#endif
