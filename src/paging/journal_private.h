/* What the journal's files share. Private to them. Everything runs on the loop of the journal_loop
 * (or of the lane) that is given, unless the comment says otherwise.
 *
 *   journal.c          opens and closes the store; a loop's part and the end of its turn
 *   journal_waits.c    who waits for a ticket to be safe
 *   journal_local.c    what lanes ask of this journal, message by message
 *   journal_files.c    which log files lanes depend on, and snapshots that end that
 *   journal_restore.c  the start: the log is read, and each loop gets its owners */
#ifndef LEVERET_PAGING_JOURNAL_PRIVATE_H
#define LEVERET_PAGING_JOURNAL_PRIVATE_H

#include "paging/journal.h"

/* Somebody who waits for a ticket. */
struct journal_wait {
    uint64_t ticket;
    /* A confirm for `count` publishes from `number` on ... */
    struct confirm_sink *sink;
    uint64_t number;
    uint64_t count;
    /* ... which also waits for the definition of this owner (referenced); NULL: it is safe ... */
    struct lane_owner *undefined;
    /* ... or a call. */
    void (*fn)(struct loop *loop, void *arg, int error);
    void *arg;
};

/* Returns the journal's part of the lane's home loop, or NULL if there is no store or it is
 * closed. */
static inline struct journal_loop *journal_of_lane(const struct lane *l)
{
    return journal_of(l->owner->home);
}

/* --- journal_waits.c -------------------------------------------------------------------------- */

/* Answers the sink when everything staged so far is safe, and so is the owner's definition. */
void journal_wait_confirm(struct lane_owner *owner, struct confirm_sink *sink, uint64_t number);

/* Mails a stage's loop that everything up to this ticket is safe (error 0), or cannot be stored
 * (ERR_...). On the log's thread; `journal` is a struct journal. */
void journal_on_safe(void *journal, unsigned stage, uint64_t ticket, int error);

/* Frees the arrays of a part for which nobody waits any longer. */
void journal_waits_free(struct journal_loop *p);

/* --- journal_files.c -------------------------------------------------------------------------- */

void journal_files_begin_loop(struct journal_loop *p);

/* Asks lanes that hold old log files for snapshots, and tells the log which files this loop still
 * needs. Once at the end of each turn; submits the loop's stage. */
void journal_files_turn_end(struct journal_loop *p);

/* Notes that the lane depends on the log file that is being written, unless it depends on an older
 * one already. Call before anything is staged about the lane. */
void journal_mark_dirty(struct lane *l, struct journal_loop *p);

/* Sets how many bytes of the log the lane's snapshot takes; 0: it has none that counts. */
void journal_count_snapshot(struct lane *l, struct journal_loop *p, uint64_t bytes);

/* The ops snapshot() and forget() of journal_local. */
void journal_stage_snapshot(struct lane *l, const struct log_snapshot *snapshot);
void journal_forget_lane(struct lane *l);

/* --- journal_restore.c ------------------------------------------------------------------------ */

/* Gives up the restoring when the store is closed: owners whose messages were not read become
 * empty, and mail that is held for them is answered. Does nothing if the owners have been handed
 * over. Call after the loops have stopped. */
void journal_restore_give_up(struct journal *journal);

void journal_restore_begin_loop(struct journal_loop *p);
void journal_restore_end_loop(struct journal_loop *p);

#endif
