/* What the pager's files share. Private to them.
 *
 *   pager.c            segments and their list, those that go, purge
 *   pager_out.c        from memory to disk
 *   pager_in.c         and back
 *   pager_ask.c        asks the segments' thread, for all of these
 *   pager_fetch.c      single messages whose time has come
 *   pager_scan.c       deadlines that only the disk knows
 *   pager_unacked.c    messages that become unacked while they are on disk
 *   pager_browse.c     and to be looked at only
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
    uint64_t load_offset; /* everything before it is in memory, or gone */
    uint64_t entries;     /* ever written */
    uint64_t live;        /* not settled; after recovery the persistent ones alone */
    uint64_t persistent_live;
    uint64_t persistent_bytes;
    uint64_t unread_bytes; /* of a recovered one: an estimate, until it has been read to its end */
    bool is_estimated;     /* ... and so is persistent_bytes */
    bool is_recovered;     /* from an earlier life: transient messages in it do not count ... */
    struct range *ranges;  /* ... and only these sequence numbers do */
    size_t range_count, range_capacity;
    /* Recovery: what the log says is settled, to be taken out of the ranges many at a time. */
    struct range *settled;
    size_t settled_count, settled_capacity;
    bool is_there; /* recovery saw its file */
    /* Where its blocks begin, in order: for single messages. Kept where there are deadlines. */
    struct block_start *blocks;
    size_t block_count, block_capacity;
    uint64_t indexed_bytes; /* the blocks that begin before are in the list */
    bool is_damage_told;    /* a block for single messages could not be read, and the log says so */
};

enum snapshot_state { SNAPSHOT_NONE, SNAPSHOT_SYNCING, SNAPSHOT_STAGED };

/* After recovery: a message of a chunk on disk that no segment has, only the log. It is in
 * memory, here, and waits for its chunk to be read. */
struct log_only {
    uint64_t sequence;
    bool redelivered;
    struct message *message; /* owned */
};

/* A piece of a segment on its way to the file, or waiting to be sent again. Whole blocks. */
struct piece {
    struct lane *lane; /* referenced while it is on its way */
    struct loop *home;
    uint64_t number;
    uint64_t offset;
    size_t n; /* of the bytes, also while others have them */
    int error;
    struct lv_buffer bytes;
};

struct fetches;

struct pager {
    struct segment **segments; /* in order */
    size_t count, capacity;
    struct segment *writing;  /* the one that is appended to, or NULL */
    struct lv_buffer pending; /* the end of it, not handed over yet */
    uint64_t next_number;
    uint64_t flight_bytes;
    bool is_reading;
    size_t read_bytes; /* of the next read, when that is more than the limit: for a large block */
    uint64_t loaded_below; /* of chunk disk_begin everything below has been loaded */
    enum snapshot_state snapshot;
    bool wants_snapshot; /* another one, after the one under way */
    size_t syncs;        /* of the snapshot, under way */
    int snapshot_error;
    uint64_t *needless; /* files that go when the snapshot is safe */
    size_t needless_count, needless_capacity;
    struct log_only *log_only; /* in order */
    size_t log_only_first, log_only_count, log_only_capacity;
    uint64_t recovered_below; /* after recovery: sequence numbers below may have been delivered */
    struct piece **kept;      /* what could not be written, in order */
    size_t kept_count, kept_capacity;
    uint64_t failures;       /* of writes: what was read meanwhile counts for nothing */
    bool is_failed;          /* writing failed: nothing more is paged out */
    bool has_lost;           /* messages could not be read: to the log they are still there */
    struct fetches *fetches; /* blocks read for the sake of single messages; NULL: none were */
    bool is_scanning;
    bool is_scan_waiting; /* a read failed: it is tried again later */
    unsigned holds;       /* somebody takes a segment apart: none is removed ... */
    bool is_holding_back; /* ... and one would have been */
    unsigned scan_failures;
    uint64_t scan_bytes; /* of the next piece, when that is more than usual: for a large block */
    /* Messages in recovered segments have deadlines, or values, that nobody has read yet. */
    bool has_unknown_deadlines;
};

/* --- pager.c ---------------------------------------------------------------------------------- */

/* The lane's pager, made when there is none. Home. */
struct pager *pager_of(struct lane *l);

/* The store's files; NULL when nothing is stored, or not any more. */
struct segments *pager_files(const struct lane *l);

/* Where the store is open. */
const struct pager_limits *pager_limits_of(const struct lane *l);

/* Frees it with its bytes. */
void pager_piece_free(struct piece *piece);

/* The piece has been written, or its segment has gone: it is freed. */
void pager_piece_end(struct pager *p, struct piece *piece);

/* Puts a piece that could not be written among the kept ones, in the order of the files. */
void pager_piece_keep(struct pager *p, struct piece *piece);

/* The first kept piece of this segment that ends behind this offset, or NULL. */
struct piece *pager_kept_piece(const struct pager *p, uint64_t number, uint64_t offset);

/* The index of the first log-only message with this sequence number or a higher one. */
size_t pager_log_only_from(const struct pager *p, uint64_t sequence);

/* Returns the message that recovery found in the log with this number, among chunks on disk; or
 * NULL. */
struct log_only *pager_log_only(const struct pager *p, uint64_t sequence);

/* Frees the struct; the file stays. */
void pager_segment_free(struct segment *s);

/* The index of the first segment that ends behind this sequence number. */
size_t pager_segment_index(const struct pager *p, uint64_t sequence);

/* Returns the segment in whose range this sequence number is, or NULL. */
struct segment *pager_segment_of(const struct pager *p, uint64_t sequence);

/* Lists a new segment in its order. The pager owns it. */
struct segment *pager_segment_add(struct pager *p, uint64_t first_sequence, uint64_t number);

/* Takes it out of the list; the caller owns it then. */
void pager_segment_unlist(struct pager *p, const struct segment *s);

/* Bytes of bodies that an estimate stood for have been read. */
void pager_count_read(struct lane *l, struct segment *s, uint64_t bytes);

/* Nothing more of the segment is to be read. */
void pager_count_read_all(struct lane *l, struct segment *s);

/* If no ready message is left on disk, all estimates of what segments hold are void: clears
 * them. */
void pager_count_if_none_left(struct lane *l);

/* The file goes, once the log knows. */
void pager_remove_file(struct lane *l, uint64_t number);

/* Segments in which nothing is live go. */
void pager_end_empty_segments(struct lane *l);

/* While segments are held none is removed. Whoever takes one apart holds them: what is found
 * there may make messages leave (calls->found), and with the last of its messages the segment
 * would go. */
void pager_hold_segments(struct lane *l);
void pager_release_segments(struct lane *l);

/* --- pager_out.c ------------------------------------------------------------------------------ */

/* Whether a write that failed so may be tried again later. */
bool pager_may_pass(int error);

/* The segment with this file number, or NULL. */
struct segment *pager_segment_numbered(const struct pager *p, uint64_t number);

/* Writing a segment has failed for good: nothing more is paged out, and no snapshot is taken.
 * Persistent messages are still in the log, which keeps them. Logged once. */
void pager_fail_writing(struct lane *l, int error);

/* Hands over what is pending of the segment being written. */
void pager_flush(struct lane *l);

/* The message as the store takes it; borrows. */
struct log_message pager_message_parts(const struct lane *l, const struct message *m);

/* Messages of the chunk that are only in memory and may be written out, a bit for each. One
 * whose number is within the range of an existing segment may not: segments do not overlap. */
uint64_t pager_storable(struct lane *l, uint64_t c, const struct backlog_chunk *chunk);

/* Appends these messages of a chunk to segments, in blocks of bounded size. `is_copy`: they stay
 * in memory. */
void pager_store_slots(struct lane *l, uint64_t c, struct backlog_chunk *chunk, uint64_t slots,
                       bool is_copy);

/* --- pager_ask.c ------------------------------------------------------------------------------ */

struct pager_ask;

/* The answer, at home; called once, whatever has happened. `segment`: NULL when it has gone
 * meanwhile, or when nothing is stored any more; lane->pager may be NULL then. */
typedef void pager_ask_done(struct lane *lane, struct segment *segment, struct pager_ask *ask);

/* Something that the segments' thread is asked to do with a segment. */
struct pager_ask {
    /* Filled in by the functions below. */
    struct lane *lane; /* referenced */
    struct loop *home;
    uint64_t number; /* of the segment's file */
    /* Of writes, when it was asked: what was read is void if there are more since. */
    uint64_t failures;
    /* The asker's. */
    uint64_t offset;      /* read from here; of a sync: what had been written */
    uint64_t bytes_asked; /* at most */
    uint64_t first_chunk, last_chunk;
    struct pager_reader *reader;
    pager_ask_done *done;
    /* The answer. */
    int error;
    struct lv_buffer bytes; /* as many as there were; done() may take them */
};

/* Reads bytes of a segment. A copy of *what, which has the asker's part, is given to its done(). */
void pager_read_segment(struct lane *l, struct segment *s, const struct pager_ask *what);

/* Syncs what has been written of a segment so far: ask->offset bytes. */
void pager_sync_segment(struct lane *l, const struct segment *s, pager_ask_done *done);

/* --- pager_fetch.c ---------------------------------------------------------------------------- */

/* The chunk is in memory: frees what was fetched of it. */
void pager_fetch_forget(struct pager *p, uint64_t chunk);

/* The message has been delivered, perhaps by somebody who did not ask for it here. */
void pager_fetch_delivered(struct pager *p, uint64_t sequence);

/* Nothing is on disk any more: frees all that was fetched. */
void pager_fetch_drop(struct pager *p);

/* Nobody waits for what was fetched: frees it. */
void pager_fetch_free(struct pager *p);

/* --- pager_scan.c ----------------------------------------------------------------------------- */

/* The segment has a new block, or one that was read. */
void pager_index_block(struct segment *s, uint64_t chunk, uint64_t offset, uint64_t bytes);

/* --- pager_unacked.c -------------------------------------------------------------------------- */

/* Whether what the segments hold of this number is still what the queue has. */
bool pager_is_on_disk_alone(const struct lane *l, uint64_t sequence);

/* Whether the message with this number is unacked, and on disk. */
bool pager_is_unacked_on_disk(const struct lane *l, uint64_t sequence);

/* --- pager_in.c ------------------------------------------------------------------------------- */

/* Logs what is wrong with a segment, where. */
void pager_damage(const struct lane *l, const struct segment *s, uint64_t offset, const char *what);

/* The first of a recovered segment's ranges that ends behind this sequence number; range_count:
 * none. */
size_t pager_range_from(const struct segment *s, uint64_t sequence);

/* Whether the sequence number was live in a recovered segment when we started. */
bool pager_is_live(const struct segment *s, uint64_t sequence);

/* Counts anew what is live of the segment: only what is in memory, from here on. */
void pager_recount(struct lane *l, struct segment *s);

#endif
