/* The pager moves a lane's messages between memory and the lane's segments.
 *
 * A backlog above limits.memory_high bytes leaves memory from its middle on: whole chunks are
 * appended to a segment, and read back in large pieces ahead of the consumers. A segment in
 * which nothing is live is removed; one in which little is live is emptied at the next snapshot.
 *
 * A snapshot makes the old records of the lane in the log needless. Live messages that no
 * segment has are written into the snapshot itself if they are few, else into a segment; the
 * segments are synced; then the snapshot is staged.
 *
 * Segments hold transient messages too. Only persistent ones count after a restart.
 *
 *   (1) Segments are in order, and their sequence numbers do not overlap.
 *   (2) Every message of the lane that is on disk alone is in a segment, behind its load offset.
 *   (3) The log is told that a segment is gone before its file is removed. */
#ifndef LEVERET_PAGING_PAGER_H
#define LEVERET_PAGING_PAGER_H

#include "paging/lane_owner.h"
#include "store/log.h"

struct pager;

/* All in bytes, except ahead_chunks. Of one lane, unless its owner has several, which share. */
struct pager_limits {
    size_t memory_high;   /* from here on it pages out ... */
    size_t memory_low;    /* ... down to here */
    size_t ahead_bytes;   /* below it it reads ahead ... */
    size_t ahead_chunks;  /* ... until this many chunks are ready in memory */
    size_t segment_bytes; /* a segment of this size is not appended to */
    size_t block_bytes;   /* of one block, about, at most */
    size_t write_bytes;
    size_t read_bytes;
    size_t flight_bytes; /* may be written and not yet taken by the file system */
    size_t carry_bytes;  /* a snapshot itself holds at most this much; more is put into a segment */
};

#define PAGER_LIMITS_DEFAULT                                                                       \
    {                                                                                              \
        .memory_high = 3 * 1024 * 1024, .memory_low = 2 * 1024 * 1024,                             \
        .ahead_bytes = 6 * 1024 * 1024, .ahead_chunks = 128, .segment_bytes = 16 * 1024 * 1024,    \
        .block_bytes = 1024 * 1024, .write_bytes = 256 * 1024, .read_bytes = 512 * 1024,           \
        .flight_bytes = 16 * 1024 * 1024, .carry_bytes = 64 * 1024,                                \
    }

/* All of these at the owner's home; they do nothing where nothing is stored. */

/* Memory may have grown: pages out what is above the limit. */
void pager_relieve(struct lane *l);

/* The next message is on disk: asks for it. True: something has come at once, look again. Else
 * the owner is told when it is there (calls->ready). */
bool pager_want(struct lane *l);
/* After a message was delivered: reads ahead when little is left in memory. */
static inline void pager_read_ahead(struct lane *l);
/* pager_read_ahead() of a lane with something on disk. */
void pager_read_on(struct lane *l);

/* The message with this number, which is on disk alone and has a deadline: the caller owns *ret.
 * NULL in it: it is being read, and calls->fetched() is called when there is something new.
 * False: it cannot be read. What is due up to `until_ms` of the same chunk is kept, too, until
 * it is delivered (below) or others need its room. */
bool pager_fetch(struct lane *l, uint64_t sequence, uint64_t until_ms, struct message **ret);
/* Reads messages that are due soon before pager_fetch() asks for them. To be called from time to
 * time, and at the latest PAGER_FETCH_AHEAD_MS before something is due. */
void pager_fetch_ahead(struct lane *l, uint64_t now_ms);
enum { PAGER_FETCH_AHEAD_MS = 100 };
/* The message with this number, which is on disk alone and has a deadline, becomes unacked. */
void pager_deliver_on_disk(struct lane *l, uint64_t sequence);
/* The same for any message that is on disk alone; it has been read, and is borrowed. */
void pager_deliver_any_on_disk(struct lane *l, uint64_t sequence, const struct message *message);
/* Like pager_deliver_any_on_disk(), for a caller that knows size and persistence without
 * reading. Returns false if no ready message with this number is on disk alone. */
bool pager_deliver_known_on_disk(struct lane *l, uint64_t sequence, uint64_t body_bytes,
                                 bool is_persistent);
/* Whether a message with this number may be on disk alone, ready or unacked. */
bool pager_may_have(const struct lane *l, uint64_t sequence);
/* Whether a ready message with this number may be on disk alone. */
bool pager_may_deliver(const struct lane *l, uint64_t sequence);
/* Recovery: calls->found() for messages that the log had and that wait in memory for their
 * chunks. */
void pager_find_log_only(struct lane *l);
/* An unacked message, in memory or on disk, is ready again as if nobody had ever had it. Returns
 * false if there is no such message. */
bool pager_undeliver(struct lane *l, uint64_t sequence);

/* --- reading without taking (pager_browse.c) -------------------------------------------------- */

/* Looks at what is on disk alone, front to back, and changes nothing. One reader serves all
 * lanes of an owner, with one read at a time; it holds one piece of a segment. */
struct pager_reader;

/* Where it is in a lane: {0} at first. */
struct pager_reader_cursor {
    uint64_t number; /* of the segment's file; 0: none yet */
    uint64_t offset; /* of the next block */
    uint64_t from;   /* when this was asked for last ... */
    uint64_t passed; /* ... segments that end below this had nothing for it */
};

/* A message as it stands on disk. `parts` borrows from the reader, until the next call to it. */
struct pager_found {
    uint64_t sequence;
    bool redelivered;
    bool is_unacked;
    uint64_t deadline_ms;     /* 0: none */
    struct message *log_only; /* borrowed: in memory after all; NULL: see parts */
    struct log_message parts;
};

/* `wake(arg)` is called at home, when what was waited for may be there. */
struct pager_reader *pager_reader_create(struct loop *home, void (*wake)(void *arg), void *arg);
/* Nobody is woken any more. Clears the pointer; NULL is fine. Home, or after the loops have
 * stopped. */
void pager_reader_free(struct pager_reader **reader);
/* Frees the piece of a segment that it holds. */
void pager_reader_rest(struct pager_reader *reader);

/* Returns a sequence number below which nothing is on disk alone. */
uint64_t pager_disk_from(const struct lane *l);

enum pager_reader_result { READER_FOUND, READER_WAIT, READER_END };

/* The first message on disk alone, at or behind `from`, that is ready (or unacked, with
 * `with_unacked`). READER_WAIT: it is being read, wake() follows. READER_END: there is none.
 * What cannot be read is passed over: who reads it for good says so. */
enum pager_reader_result pager_reader_find(struct pager_reader *reader, struct lane *l,
                                           struct pager_reader_cursor *cursor, uint64_t from,
                                           bool with_unacked, struct pager_found *ret);

/* Whether recovered segments hold deadlines that have not been read. */
bool pager_must_scan(const struct lane *l);

/* Reads them, piece by piece; calls->fetched() is called as they come. */
void pager_scan(struct lane *l);

/* A message has left that a segment has, or that was only in the log since the last start. */
void pager_left(struct lane *l, const struct backlog_left *left);

/* Drops everything that is on disk alone (purge). */
void pager_purge(struct lane *l);

/* Begins a snapshot; journal->snapshot() is called when it can be staged. */
void pager_snapshot(struct lane *l);
/* The snapshot is safe (error 0), or has failed: segments that it made needless are removed. */
void pager_snapshot_is_safe(struct lane *l, int error);

/* What could not be written, for want of room or of descriptors, is written again; what could
 * not be read is asked for again when somebody wants it. */
void pager_try_again(struct lane *l);

bool pager_has_segments(const struct lane *l);

/* The owner has ended: the lane's files are removed once the log knows. */
void pager_delete(struct lane *l);

/* Frees memory; files stay. */
void pager_free(struct pager **pager);

/* --- recovery, before the loops start --------------------------------------------------------- */

/* The lane is what the snapshot says, and nothing else. */
void pager_restore_snapshot(struct lane *l, const struct log_snapshot *snapshot);
/* A message of the log. */
void pager_restore_message(struct lane *l, const struct log_carried *message);
/* How often a message has come back. */
void pager_restore_count(struct lane *l, struct log_count count);
void pager_restore_settle(struct lane *l, uint64_t from, uint64_t count);
void pager_restore_gone(struct lane *l, uint64_t number);
/* A segment file is there. False when the queue does not need it. */
bool pager_restore_file(struct lane *l, uint64_t number, uint64_t bytes);
/* After all of that: segments whose files are missing are given up, with a log line, and what may
 * have been delivered is marked. */
void pager_restore_end(struct lane *l);

/* --- inline ----------------------------------------------------------------------------------- */

static inline void pager_read_ahead(struct lane *l)
{
    if (backlog_has_disk(&l->backlog))
        pager_read_on(l);
}

#endif
