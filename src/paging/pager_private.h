/* What the pager's files share. Private to them.
 *
 *   pager.c            the list of segments, how they are removed, purge
 *   pager_out.c        writes chunks from memory to disk
 *   pager_in.c         reads them back, in order
 *   pager_ask.c        asks the segments' thread to read or sync, for the others
 *   pager_fetch.c      reads single messages that are due (pager_fetch_private.h) ...
 *   pager_prefetch.c   ... before they are due ...
 *   pager_fetched.c    ... and keeps them
 *   pager_scan.c       reads deadlines that only the disk has after a start
 *   pager_unacked.c    messages that become unacked while they are on disk
 *   pager_browse.c     reads for a browse, and changes nothing
 *   pager_snapshot.c   snapshots for the log
 *   pager_restore.c    recovery */
#ifndef LEVERET_PAGING_PAGER_PRIVATE_H
#define LEVERET_PAGING_PAGER_PRIVATE_H

#include "paging/journal.h"
#include "paging/pager.h"

/* A run of sequence numbers, [from, to). */
struct range {
    uint64_t from;
    uint64_t to;
};

/* A block of a segment. */
struct block_start {
    uint64_t chunk;
    uint64_t offset;
};

struct segment {
    uint64_t number;
    uint64_t first_sequence;
    uint64_t end_sequence;
    uint64_t bytes; /* written or about to be */
    uint64_t synced_bytes;
    uint64_t load_offset; /* everything before it is in memory, or has left */
    uint64_t entries;     /* ever written */
    uint64_t live;        /* messages not settled; in a recovered segment only persistent ones */
    uint64_t persistent_live;
    uint64_t persistent_bytes;
    /* How many bytes of bodies a recovered segment has that have not been read. This is an
     * estimate, and so is persistent_bytes while is_estimated, until the segment has been read to
     * its end. */
    uint64_t unread_bytes;
    bool is_estimated;
    bool is_recovered;    /* from an earlier run: no transient message in it counts ... */
    struct range *ranges; /* ... and of the others only those in these ranges */
    size_t range_count, range_capacity;
    /* Recovery: ranges that the log says are settled. They are collected here, and then taken out
     * of `ranges` all at once. */
    struct range *settled;
    size_t settled_count, settled_capacity;
    bool is_there; /* recovery has found its file */
    /* Where its blocks begin, in order: needed to read single messages. Kept if there are
     * deadlines. */
    struct block_start *blocks;
    size_t block_count, block_capacity;
    uint64_t indexed_bytes; /* blocks that begin before this offset are in the list */
    /* A log line has said that a block could not be read for a single message. */
    bool is_damage_told;
};

enum snapshot_state { SNAPSHOT_NONE, SNAPSHOT_SYNCING, SNAPSHOT_STAGED };

/* After recovery: a message of a chunk on disk that is in the log but in no segment. It is kept in
 * memory here until its chunk is read. */
struct log_only {
    uint64_t sequence;
    bool redelivered;
    struct message *message; /* owned; NULL: settled meanwhile */
};

/* A piece of a segment, of whole blocks, that is being written or waits to be written again. */
struct piece {
    struct lane *lane; /* referenced while it is being written */
    struct loop *home;
    uint64_t number;
    uint64_t offset;
    size_t n; /* how many bytes, also while the store's thread has them */
    int error;
    struct lv_buffer bytes;
};

struct fetches;

struct pager {
    struct segment **segments; /* in order */
    size_t count, capacity;
    struct segment *writing;  /* the one that is appended to, or NULL */
    struct lv_buffer pending; /* its last bytes, not handed over for writing yet */
    uint64_t next_number;
    uint64_t flight_bytes;
    /* How often messages were paged out of which a segment had copies: a reader may have passed
     * those copies while the messages were in memory. */
    uint64_t copies_paged;
    bool is_reading;
    size_t read_bytes;     /* of the next read, if a block is larger than the limit */
    uint64_t loaded_below; /* all of chunk disk_begin below this number has been loaded */
    enum snapshot_state snapshot;
    /* Another snapshot is taken after the one under way, or when one is possible. */
    bool wants_snapshot;
    size_t syncs;    /* under way, for the snapshot */
    unsigned rounds; /* of copying messages and syncing them, for the snapshot */
    int snapshot_error;
    uint64_t *needless; /* files that are removed when the snapshot is safe */
    size_t needless_count, needless_capacity;
    struct log_only *log_only; /* in order */
    size_t log_only_first, log_only_count, log_only_capacity;
    uint64_t recovered_below; /* messages below it may have been delivered before the last start */
    struct piece **kept;      /* pieces that could not be written, in order */
    size_t kept_count, kept_capacity;
    /* How many writes have failed; a read asked for before the last of them is void. */
    uint64_t failures;
    bool is_failed;          /* writing failed for good: nothing more is paged out */
    bool has_lost;           /* messages could not be read, and are still live in the log */
    struct fetches *fetches; /* single messages (pager_fetch_private.h); NULL: none were read */
    bool is_scanning;
    bool is_scan_waiting; /* a read failed, and is tried again later */
    unsigned holds;       /* while this is not 0, no segment is removed */
    bool is_holding_back; /* a segment is empty, and is kept only because of a hold */
    unsigned scan_failures;
    uint64_t scan_bytes; /* of the next read of the scan, if a block is larger than usual */
    /* Messages in recovered segments may have deadlines, or values that calls->found() reports,
     * that have not been read. */
    bool has_unknown_deadlines;
};

/* --- pager.c ---------------------------------------------------------------------------------- */

/* Returns the lane's pager; makes it if there is none. Home, or recovery. */
struct pager *pager_of(struct lane *l);

/* Returns the segment files of the broker, or NULL if there is no store or it is closed. */
struct segments *pager_files(const struct lane *l);

/* Returns the limits of all lanes. Call only while the store is open. */
const struct pager_limits *pager_limits_of(const struct lane *l);

/* Frees the piece with its bytes. */
void pager_piece_free(struct piece *piece);

/* Frees a piece that has been written, or whose segment has been removed: its bytes are no longer
 * in flight. */
void pager_piece_end(struct pager *p, struct piece *piece);

/* Keeps a piece to write it again, in the order of files and offsets. */
void pager_piece_keep(struct pager *p, struct piece *piece);

/* Returns the first kept piece of this segment that ends after this offset, or NULL. */
struct piece *pager_kept_piece(const struct pager *p, uint64_t number, uint64_t offset);

/* Returns the index of the first log-only message with this sequence number or a higher one. */
size_t pager_log_only_from(const struct pager *p, uint64_t sequence);

/* Returns the log-only message with this sequence number, or NULL if there is none or it was
 * settled. */
struct log_only *pager_log_only(const struct pager *p, uint64_t sequence);

/* Frees the struct; the segment's file stays. */
void pager_segment_free(struct segment *s);

/* Returns the index of the first segment that ends after this sequence number. */
size_t pager_segment_index(const struct pager *p, uint64_t sequence);

/* Returns the segment whose range has this sequence number, or NULL. */
struct segment *pager_segment_of(const struct pager *p, uint64_t sequence);

/* Adds a new, empty segment to the list, in order. The pager owns it. */
struct segment *pager_segment_add(struct pager *p, uint64_t first_sequence, uint64_t number);

/* Takes a segment out of the list; the caller owns it then. */
void pager_segment_unlist(struct pager *p, const struct segment *s);

/* Takes this many bytes of bodies off the segment's estimate of unread bytes: their size is known
 * now, and the lane's counts are corrected if the estimate was too low. */
void pager_count_read(struct lane *l, struct segment *s, uint64_t bytes);

/* Takes what is left of the segment's estimate off the lane's counts. Call when nothing more of the
 * segment will be read. */
void pager_count_read_all(struct lane *l, struct segment *s);

/* If no ready message is left on disk, the remaining size estimates are void: clears them. */
void pager_count_if_none_left(struct lane *l);

/* Removes a segment's file as soon as the record that it is gone is safe in the log; at once if the
 * owner has no journal. */
void pager_remove_file(struct lane *l, uint64_t number);

/* Removes the segments in which nothing is live. */
void pager_end_empty_segments(struct lane *l);

/* While a lane's segments are held, none is removed. Code that goes through a segment holds them:
 * calls->found() may settle messages, and a segment is removed with the last of its messages. */
void pager_hold_segments(struct lane *l);
void pager_release_segments(struct lane *l);

/* --- pager_out.c ------------------------------------------------------------------------------ */

/* Returns whether an access that failed with this error may succeed later. */
bool pager_may_pass(int error);

/* Returns the segment with this file number, or NULL. */
struct segment *pager_segment_numbered(const struct pager *p, uint64_t number);

/* Writing a segment has failed for good: nothing more is paged out and no snapshot is taken, so the
 * log keeps the lane's persistent messages. Logged once. */
void pager_fail_writing(struct lane *l, int error);

/* Hands over the pending bytes of the segment that is appended to, for writing. */
void pager_flush(struct lane *l);

/* Returns the message in the form in which the store takes it; borrowed from the message. */
struct log_message pager_message_parts(const struct lane *l, const struct message *m);

/* Returns the slots of a chunk whose messages are only in memory and may be written out. One whose
 * number is inside the range of an existing segment may not: segments do not overlap. */
uint64_t pager_storable(struct lane *l, uint64_t c, const struct backlog_chunk *chunk);

/* Appends these messages of a chunk to segments, in blocks of bounded size. `is_copy`: they stay
 * in memory. */
void pager_store_slots(struct lane *l, uint64_t c, struct backlog_chunk *chunk, uint64_t slots,
                       bool is_copy);

/* --- pager_ask.c ------------------------------------------------------------------------------ */

struct pager_ask;

/* Takes the answer to a request. Called exactly once, at home. `segment` is NULL if it was removed
 * meanwhile or the store is closed; then lane->pager may be NULL. */
typedef void pager_ask_done(struct lane *lane, struct segment *segment, struct pager_ask *ask);

/* A request to the segments' thread. */
struct pager_ask {
    /* Filled in by the functions below: */
    struct lane *lane; /* referenced */
    struct loop *home;
    uint64_t number; /* of the segment's file */
    /* pager.failures at the time of the request: if it has grown since, what was read is void. */
    uint64_t failures;
    /* Set by the caller: */
    /* A read begins here; a sync covers this many bytes from the start of the file. */
    uint64_t offset;
    uint64_t bytes_asked; /* at most */
    uint64_t first_chunk, last_chunk;
    struct pager_reader *reader;
    pager_ask_done *done;
    /* The answer: */
    int error;
    /* What was read: less than bytes_asked at the end of the file; done() may take it. */
    struct lv_buffer bytes;
};

/* Reads bytes of a segment. *what has the members that the caller sets; what->done gets a copy of
 * it with the answer. */
void pager_read_segment(struct lane *l, struct segment *s, const struct pager_ask *what);

/* Syncs what has been written of a segment so far: ask->offset bytes. */
void pager_sync_segment(struct lane *l, const struct segment *s, pager_ask_done *done);

/* --- pager_fetched.c -------------------------------------------------------------------------- */

/* Frees what was fetched of a chunk that has now been read into the backlog. */
void pager_fetch_forget(struct pager *p, uint64_t chunk);

/* Frees the fetched copy of a message that has been delivered, in whatever way. */
void pager_fetch_delivered(struct pager *p, uint64_t sequence);

/* Frees all prefetched messages of a lane that has no messages on disk any longer. */
void pager_fetch_drop(struct pager *p);

/* Frees all that was fetched, with the struct. */
void pager_fetch_free(struct pager *p);

/* --- pager_scan.c ----------------------------------------------------------------------------- */

/* Adds a block that was just written or read to the segment's list of blocks, unless blocks before
 * it are missing in the list. */
void pager_index_block(struct segment *s, uint64_t chunk, uint64_t offset, uint64_t bytes);

/* --- pager_unacked.c -------------------------------------------------------------------------- */

/* Returns whether a message with this number, if there is one, is only on disk: its chunk is on
 * disk, and it has not been loaded. */
bool pager_is_on_disk_alone(const struct lane *l, uint64_t sequence);

/* Returns whether the message with this number became unacked on disk. */
bool pager_is_unacked_on_disk(const struct lane *l, uint64_t sequence);

/* --- pager_in.c ------------------------------------------------------------------------------- */

/* Logs what is wrong with a segment at this offset. */
void pager_damage(const struct lane *l, const struct segment *s, uint64_t offset, const char *what);

/* Returns the index of the first of a recovered segment's ranges that ends after this sequence
 * number, or range_count. */
size_t pager_range_from(const struct segment *s, uint64_t sequence);

/* Returns whether the sequence number was live in a recovered segment at the start. */
bool pager_is_live(const struct segment *s, uint64_t sequence);

/* Counts again what is live in a segment of which nothing is left to read: only messages that are
 * in memory. */
void pager_recount(struct lane *l, struct segment *s);

#endif
