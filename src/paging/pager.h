/* The pager moves a lane's messages between memory and the lane's segments.
 *
 * A backlog of more than limits.memory_high bytes is paged out from its middle on: whole chunks are
 * appended to a segment, and read back in large pieces ahead of the consumers. A segment in which
 * nothing is live is removed. One in which little is live, all of it in memory, is given up at the
 * next snapshot.
 *
 * After a snapshot the older records of the lane in the log are not needed. Live messages that no
 * segment has are written into the snapshot itself if they are few, otherwise into a segment; the
 * segments are synced; then the snapshot is staged.
 *
 * Segments hold transient messages too. Only persistent ones count after a restart.
 *
 *   (1) Segments are in order, and their sequence numbers do not overlap.
 *   (2) Every message of the lane that is only on disk is in a segment, after its load offset; or,
 *       since the last start, in the log and in the pager's memory (struct log_only).
 *   (3) A segment's file is removed only after a record that it is gone is safe in the log. */
#ifndef LEVERET_PAGING_PAGER_H
#define LEVERET_PAGING_PAGER_H

#include "paging/lane_owner.h"
#include "store/log.h"

struct pager;

/* In bytes, except ahead_chunks. For one lane; several lanes of one owner get a part of memory_high
 * and memory_low each. */
struct pager_limits {
    size_t memory_high;   /* above it the lane pages out ... */
    size_t memory_low;    /* ... down to this */
    size_t ahead_bytes;   /* below it the lane reads ahead ... */
    size_t ahead_chunks;  /* ... until this many chunks are ready in memory */
    size_t segment_bytes; /* a segment of this size is not appended to */
    size_t block_bytes;   /* of one block, at most, about */
    size_t write_bytes;   /* of one write to a segment, about */
    size_t read_bytes;    /* of one read, unless a block is larger */
    size_t flight_bytes;  /* nothing is paged out while this much is being written */
    size_t
        carry_bytes; /* a snapshot itself carries at most this much; more is put into a segment */
};

#define PAGER_LIMITS_DEFAULT                                                                       \
    {                                                                                              \
        .memory_high = 3 * 1024 * 1024, .memory_low = 2 * 1024 * 1024,                             \
        .ahead_bytes = 6 * 1024 * 1024, .ahead_chunks = 128, .segment_bytes = 16 * 1024 * 1024,    \
        .block_bytes = 1024 * 1024, .write_bytes = 256 * 1024, .read_bytes = 512 * 1024,           \
        .flight_bytes = 16 * 1024 * 1024, .carry_bytes = 64 * 1024,                                \
    }

/* All functions down to the recovery section are called at the owner's home, unless they say
 * otherwise; most do nothing if there is no store or it is closed. */

/* Pages out messages if the lane has too much in memory. Call after that may have grown. */
void pager_relieve(struct lane *l);

/* Has the next messages, which are on disk, read. Returns true if something was taken in at once:
 * the caller looks again. Otherwise calls->ready tells the owner when to look again. */
bool pager_want(struct lane *l);
/* Reads ahead if little is left in memory. Call after a message was delivered. */
static inline void pager_read_ahead(struct lane *l);
/* Like pager_read_ahead(), for a lane that has something on disk. */
void pager_read_on(struct lane *l);

/* Fetches the message with this number, which is only on disk and has a deadline. Returns false if
 * it cannot be read. Otherwise *ret is the message, which the caller owns; or NULL while it is
 * being read: calls->fetched() tells the owner when something has been read. Other messages of its
 * chunk that are due up to `until_ms` are kept in memory as well, until they are delivered with
 * pager_deliver_on_disk() or their room is needed. */
bool pager_fetch(struct lane *l, uint64_t sequence, uint64_t until_ms, struct message **ret);
/* Reads messages that are due soon, before pager_fetch() asks for them. The caller calls it from
 * time to time, at the latest PAGER_FETCH_AHEAD_MS before something is due. */
void pager_fetch_ahead(struct lane *l, uint64_t now_ms);
enum { PAGER_FETCH_AHEAD_MS = 100 };
/* Makes the message with this number, which is ready, only on disk, and has a deadline, unacked. */
void pager_deliver_on_disk(struct lane *l, uint64_t sequence);
/* Makes the message with this number, which is ready and only on disk, unacked, whether or not it
 * has a deadline. The caller has read the message; it is borrowed. */
void pager_deliver_any_on_disk(struct lane *l, uint64_t sequence, const struct message *message);
/* Like pager_deliver_any_on_disk(), for a caller that knows size and persistence without
 * reading. Returns false if no ready message with this number is only on disk. */
bool pager_deliver_known_on_disk(struct lane *l, uint64_t sequence, uint64_t body_bytes,
                                 bool is_persistent);
/* Returns whether a message with this number may be only on disk, ready or unacked. */
bool pager_may_have(const struct lane *l, uint64_t sequence);
/* Returns whether a ready message with this number may be only on disk. */
bool pager_may_deliver(const struct lane *l, uint64_t sequence);
/* Recovery: calls calls->found() for the messages that only the log has, and that stay in the
 * pager's memory until their chunks are read (struct log_only). */
void pager_find_log_only(struct lane *l);
/* Makes an unacked message, in memory or on disk, ready again as if it had never been delivered.
 * Returns false if there is no such message. */
bool pager_undeliver(struct lane *l, uint64_t sequence);

/* --- reading without taking (pager_browse.c) -------------------------------------------------- */

/* Reads what is only on disk, front to back, and changes nothing. One reader serves all lanes of an
 * owner, with one read at a time; it holds one piece of a segment. */
struct pager_reader;

/* A reader's position in a lane. Begin with {0}. */
struct pager_reader_cursor {
    uint64_t number; /* of the file that is being read; 0: none yet */
    uint64_t offset; /* of the next block */
    uint64_t from;   /* the sequence number that was asked for last */
    uint64_t passed; /* segments that end at or below this have nothing from `from` on */
    /* The block of the message that was found last: the blocks before it have nothing from `from`
     * on, whatever is paged out later. */
    uint64_t found_number; /* 0: none was found yet */
    uint64_t found_offset;
    uint64_t copies_paged; /* pager.copies_paged, when the position was right */
};

/* A message on disk. `parts` borrows from the reader, until its next call. */
struct pager_found {
    uint64_t sequence;
    bool redelivered;
    bool is_unacked;
    uint64_t deadline_ms;     /* 0: none */
    struct message *log_only; /* borrowed; it is in the pager's memory; NULL: see parts */
    struct log_message parts;
};

/* Makes a reader; the caller owns it. After pager_reader_find() has returned READER_WAIT, wake(arg)
 * is called, at home, when it is worth calling again. */
struct pager_reader *pager_reader_create(struct loop *home, void (*wake)(void *arg), void *arg);
/* Frees the reader; wake() is not called afterwards. Clears the pointer; NULL is fine. Call at
 * home, or after the loops have stopped. */
void pager_reader_free(struct pager_reader **reader);
/* Frees the piece of a segment that the reader holds. */
void pager_reader_rest(struct pager_reader *reader);

/* Returns a sequence number below which nothing is only on disk. */
uint64_t pager_disk_from(const struct lane *l);

enum pager_reader_result { READER_FOUND, READER_WAIT, READER_END };

/* Finds the first message with a sequence number of at least `from` that is only on disk and ready
 * (or, with `with_unacked`, unacked). READER_WAIT: the disk is being read, wake() follows.
 * READER_END: there is none. What cannot be read is skipped; it is logged when the lane itself
 * reads it. */
enum pager_reader_result pager_reader_find(struct pager_reader *reader, struct lane *l,
                                           struct pager_reader_cursor *cursor, uint64_t from,
                                           bool with_unacked, struct pager_found *ret);

/* Returns whether recovered segments may hold deadlines, or values that calls->found() reports,
 * that have not been read. */
bool pager_must_scan(const struct lane *l);

/* Reads those deadlines and values, piece by piece; calls->fetched() is called after each piece. */
void pager_scan(struct lane *l);

/* Counts off a message that has left the backlog. Call if left->is_stored or left->is_log_only. */
void pager_left(struct lane *l, const struct backlog_left *left);

/* Drops everything that is only on disk (purge). */
void pager_purge(struct lane *l);

/* Begins a snapshot; journal->snapshot() is called when it can be staged. Call only if the owner
 * has a journal. */
void pager_snapshot(struct lane *l);
/* Ends a snapshot. Call when it is safe (error 0), or could not be stored (ERR_...). Once it is
 * safe, segments that nothing needs are removed. */
void pager_snapshot_is_safe(struct lane *l, int error);

/* Writes again what could not be written for want of room or descriptors, and tells the owner that
 * deliveries may go on: what could not be read is read again when the owner asks for it. */
void pager_try_again(struct lane *l);

bool pager_has_segments(const struct lane *l);

/* Removes the lane's files as soon as the records that they are gone are safe in the log; at once
 * if the owner has no journal. Call only for an owner that has ended, after journal->forget(). */
void pager_delete(struct lane *l);

/* Frees the pager's memory; files stay. Clears the pointer; NULL is fine. */
void pager_free(struct pager **pager);

/* --- recovery: on the thread that reads the log ----------------------------------------------- */

/* Replaces what is known of the lane by a snapshot, which is borrowed for the call. */
void pager_restore_snapshot(struct lane *l, const struct log_snapshot *snapshot);
/* Adds a message that the log has. */
void pager_restore_message(struct lane *l, const struct log_carried *message);
/* Sets how often a message was returned, if the lane has that message. */
void pager_restore_count(struct lane *l, struct log_count count);
/* Removes messages that are settled: those with `count` sequence numbers from `from` on. */
void pager_restore_settle(struct lane *l, uint64_t from, uint64_t count);
/* Forgets a segment: its file is gone, or may be removed. */
void pager_restore_gone(struct lane *l, uint64_t number);
/* Notes that a segment file exists. Returns false if the lane does not need it. */
bool pager_restore_file(struct lane *l, uint64_t number, uint64_t bytes);
/* Ends the recovery of a lane: gives up segments whose files are missing, with a log line, and
 * marks messages that may have been delivered. */
void pager_restore_end(struct lane *l);

/* --- inline ----------------------------------------------------------------------------------- */

static inline void pager_read_ahead(struct lane *l)
{
    if (backlog_has_disk(&l->backlog))
        pager_read_on(l);
}

#endif
