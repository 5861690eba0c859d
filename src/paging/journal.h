/* The log of this machine as the journal of lanes (lane_journal.h): what a loop stages in the log,
 * who waits for it to be safe, and which lanes keep old log files from being removed.
 *
 *   push  -> log_enqueue -> (end of turn) log_submit -> writer: write, sync -> mail: safe up to T
 *         -> everybody who waits for a ticket up to T is answered, in order
 *
 *   (1) A publisher is answered after the ticket of its persistent message is safe.
 *   (2) Everything about a lane is staged by its home, in the order in which it happened.
 *   (3) `dirty` lists the lanes that depend on log files, each with the file of its oldest record
 *       that counts, the oldest file first. A lane that needs an older file than the log wants to
 *       keep writes a snapshot; then it depends on the snapshot's file.
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
    uint64_t delivered_ahead; /* deliveries are recorded this many messages ahead */
    uint64_t files_kept;      /* old log files that stay before lanes are asked for snapshots */
};
extern const struct journal_limits journal_limits_default;

struct journal_wait; /* see journal_private.h */

struct journal_loop {
    struct loop *loop;
    struct journal *journal; /* NULL: the store is closed */
    struct log_stage *stage;
    struct journal_wait *waits; /* a ring, by ticket */
    size_t wait_first, wait_count, wait_capacity;
    uint64_t safe_ticket;        /* this ticket and all before it are safe */
    struct journal_wait *parked; /* their tickets are safe, their owners' definitions not yet */
    size_t parked_count, parked_capacity;
    struct lv_list retries; /* lanes whose segments wait for room on the disk */
    struct loop_timer retry_timer;
    struct lv_list dirty;      /* struct lane.dirty_link, oldest file first */
    struct loop_job next_turn; /* runs while more lanes must be asked for snapshots */
    struct lv_list snapshots;  /* lanes whose snapshot is not safe yet: they need their old file */
    /* After the start (journal_restore.c): */
    bool is_restoring; /* the owners of the last run have not been handed over yet */
    struct mail *held; /* mail that waits for those owners */
    size_t held_count, held_capacity;
    struct lane **to_relieve; /* referenced */
    size_t relieve_count, relieve_capacity;
    struct loop_timer relieve_timer;
};

/* Finds the owners that the log has records about, and applies the records to them. The journal
 * takes the restorer, and frees it when every loop has its owners. "The reading thread" is the one
 * that calls journal_restore_step(). */
struct journal_restorer {
    void *arg;
    const struct log_visitor *visitor; /* called on the reading thread, with `arg` */
    /* Lists the segment files that exist. Called before the loops start. Returns 0 or ERR_... */
    int (*list_segments)(void *arg, struct segments *segments);
    /* Called when the log has been read to its end. On the reading thread. */
    void (*end)(void *arg);
    /* Hands over the owners at home on this loop, which alone uses them from here on. With
     * `is_whole` they hold what the log says; otherwise they are empty, and the store is closed.
     * Home. */
    void (*hand_over)(void *arg, struct journal_loop *home, bool is_whole);
    /* Called when the mail that hands over the owners has been sent to every loop: mail sent from
     * now on arrives after it. On the reading thread. */
    void (*is_sent)(void *arg);
    void (*free)(void *arg); /* any thread */
};

/* Reasons why the disk is short of room: bits. */
enum { JOURNAL_NO_LOG_FILE = 1, JOURNAL_DISK_ALARM = 2 };

struct journal {
    struct journal_limits limits;
    const _Atomic bool *is_short_of_memory;
    uint64_t file_bytes;
    _Atomic uint64_t snapshot_bytes; /* of all lanes, in the log */
    _Atomic unsigned shortage;       /* JOURNAL_... */
    /* A segment could not be written: messages are refused, or the log would only grow. */
    _Atomic bool has_failed;
    struct log *log;
    struct segments *segments;
    void (*on_space)(void *arg, bool has_room);
    void *arg;
    void (*on_failure)(void *arg);
    void *failure_arg;
    struct journal_loop *loops[LOOPS_MAX];
    struct journal_restorer restorer;
    /* The mail that hands over is sent; the last loop that gets it frees the restorer. */
    bool is_handed_over;
};

struct journal_options {
    struct loops *loops; /* borrowed */
    struct journal_restorer restorer;
    /* While it is true, every lane pages out down to a small part of its memory limit. Borrowed for
     * as long as the loops run. */
    const _Atomic bool *is_short_of_memory;
    struct disk *disk;   /* borrowed */
    uint64_t file_bytes; /* of a log file */
    enum log_durability durability;
    unsigned interval_ms;
    unsigned segment_files_open_max; /* 0: the segments' own choice */
    bool is_stepped;
    const struct journal_limits *limits; /* borrowed for the call; NULL: the default ones */
    /* Called when the disk has no room for the log's next file, and when it has room again. On the
     * store's thread. */
    void (*on_space)(void *arg, bool has_room);
    void *arg;
    /* Called when writing has failed for good: no persistent message is taken any more. On a loop,
     * perhaps several times. */
    void (*on_failure)(void *failure_arg);
    void *failure_arg;
};

/* Opens the store on this disk: finds the end of the log, sets up every loop's part and starts the
 * store's threads (unless is_stepped: then the caller calls log_step(journal->log) and
 * segments_step(journal->segments)). From here on the restorer's owners are being restored: the
 * caller goes on with journal_restore_step(). Call before loops_start(). Returns ERR_FORMAT, ERR_IO
 * ... on failure; then nothing is left open, and the restorer is freed. */
int journal_open(const struct journal_options *options, struct journal **ret);

/* Reads one more file of the log. After the last one *ret_is_over is true, segment files that
 * nobody needs are removed, and the owners are on their way to their homes, by mail. Called by one
 * thread at a time, any thread, before loops_start() or while the loops run, and not again once
 * *ret_is_over is true. journal_close() may be called earlier, and then leaves the log as it was.
 * Returns ERR_IO if the log cannot be read, or ERR_NO_DESCRIPTORS; after an error it may be called
 * again. */
int journal_restore_step(struct journal *journal, bool *ret_is_over);
/* Returns how many bytes of the log are still to be read. Call on the thread that reads the log. */
uint64_t journal_unread_bytes(const struct journal *journal);

/* Writes and syncs what is staged, and ends the store's threads. Whoever still waits for a ticket
 * is answered by mail; from then on owners that need to store a message refuse it. Call after the
 * loops have stopped, before loops_free(). Clears the pointer; NULL is fine. */
void journal_close(struct journal **journal);

/* Sets how many bytes must stay free on the disk. `is_alarm`: fewer are free already; then no old
 * log file is kept that no lane needs. Otherwise on_low is called, on a thread of the store, when a
 * write leaves fewer free: once until the next call of this function. Call after journal_open().
 * Any thread. */
void journal_watch_room(struct journal *journal, uint64_t room_min, bool is_alarm,
                        void (*on_low)(void *arg), void *arg);

extern struct loop_slot journal_slot;

/* Returns this loop's part, or NULL if there is no store (tests) or it is closed. Any thread, after
 * journal_open(). */
static inline struct journal_loop *journal_of(const struct loop *loop)
{
    struct journal_loop *p = loop_slot(loop, &journal_slot);
    return p && p->journal ? p : NULL;
}

/* Asserts that the caller runs on this part's loop, or that no loop runs. */
static inline void journal_assert_home(const struct journal_loop *p)
{
    const struct loop *here = loop_current();
    lv_assert(!here || here == p->loop);
}

/* --- at the owner's home ---------------------------------------------------------------------- */

/* The log of this machine, as the journal of owners that are durable. */
extern const struct journal_ops journal_local;

/* Tells the log that messages of the lane have been freed without being settled, because they were
 * paged out: a message staged later may have the address of one of them. Home. */
void journal_paged_out(struct lane *l);
/* Answers the confirms that waited for the definition of an owner at home on this loop. Call when
 * the definition is OWNER_PENDING no more. */
void journal_owner_decided(struct loop *loop);
/* Calls fn(loop, arg, 0) when everything staged so far is safe, or fn(loop, arg, ERR_...) when it
 * cannot be stored. */
void journal_call(struct journal_loop *p, void (*fn)(struct loop *, void *, int), void *arg);

/* Arranges that pager_try_again() is called for the lane after a short time. Call only while the
 * store is open. */
void journal_try_again(struct lane *l);
/* Notes that a segment could not be written: no persistent message is taken any more. */
void journal_segments_failed(struct journal_loop *p);

/* Keeps a copy of the mail until the owners at home on this loop have been restored; then all kept
 * mail is delivered in the order in which it came. Call only while this loop's part is_restoring.
 * Home. */
void journal_hold(struct loop *home, const struct mail *mail);

/* --- recovery --------------------------------------------------------------------------------- */

/* Notes that the lane depends on this log file, whose number is 1 or higher. The lane is listed
 * before `others`, the first lane of its home's list that depends on a later file. Home. */
void journal_restore_dirty(struct lane *l, uint64_t file, struct lv_list *others);
/* Pages the lane out in a later turn, if it has more in memory than it should. Home. */
void journal_relieve_later(struct lane *l);

#endif
