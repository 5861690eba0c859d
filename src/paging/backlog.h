/* The messages that a lane holds, by sequence number.
 *
 * A message keeps its number from push to settle. It is ready (waiting), or unacked (delivered
 * and not settled). A message that comes back is ready again under its old number, so requeueing
 * keeps the order however acknowledgements come. Numbers are kept in chunks of 64, with a bit
 * for each state:
 *
 *   (1) ready and stored are subsets of live.
 *   (2) No chunk in memory before `cursor` has a ready message.
 *   (3) A chunk without a live message is freed.
 *
 * Of a long backlog all but its two ends is on disk (pager.h moves chunks there and back):
 *
 *   first ...  memory  ... | disk_begin ...  disk  ... disk_end | ... memory ... next_sequence
 *
 *   (4) Messages of chunks on disk are ready, except those that are unacked there (because their
 *       time had come). Chunk disk_begin may be in memory in part; what is in memory of it is
 *       handed out in order, and nothing behind it until all of it is.
 *   (5) If nothing is on disk, disk_begin == disk_end.
 *
 * A message may have a deadline, and a count of how often it came back. Both are in the meta of
 * its chunk, which stays in memory while the chunk is on disk. An index of chunks by their
 * earliest deadlines finds what is due, in memory or on disk:
 *
 *   (6) For each ready message with a deadline the index has an entry of its chunk, no later than
 *       it.
 *
 * The backlog owns one reference of every message in memory. One thread: the owner's home. */
#ifndef LEVERET_PAGING_BACKLOG_H
#define LEVERET_PAGING_BACKLOG_H

#include "base/seqmap.h"
#include "message/message.h"

/* When its messages go, and how often they have come back. */
struct backlog_times {
    uint64_t deadline_ms[SEQMAP_ENTRIES]; /* loop_steady_ms(); 0: none */
    uint32_t body_bytes[SEQMAP_ENTRIES];  /* of what is on disk */
    uint16_t deliveries[SEQMAP_ENTRIES];
    uint64_t indexed_ms; /* the earliest entry of the index for it; UINT64_MAX: none */
};

/* What is known of a chunk besides its messages. */
struct backlog_meta {
    uint64_t live;       /* messages that are on disk alone and not settled ... */
    uint64_t unacked;    /* ... of these: delivered there ... */
    uint64_t persistent; /* ... stored for good ... */
    uint64_t log_only;   /* ... in no segment: only the log has them, and the pager, in memory */
    struct backlog_times *times;
};

struct backlog_chunk {
    uint64_t live;
    uint64_t ready;
    uint64_t redelivered;
    uint64_t stored;           /* also in a segment */
    struct backlog_meta *meta; /* NULL: nothing more is known */
    struct message *messages[SEQMAP_ENTRIES];
};

/* An entry of the index of deadlines. */
struct backlog_deadline {
    uint64_t deadline_ms;
    uint64_t chunk;
};

struct backlog {
    struct lv_seqmap chunks; /* of struct backlog_chunk */
    uint64_t next_sequence;
    uint64_t cursor; /* a chunk number */
    /* Deliveries go in order: a ready message below has been delivered before. */
    uint64_t delivered_below;
    uint64_t disk_begin;
    uint64_t disk_end;
    size_t ready; /* on disk included */
    size_t unacked;
    uint64_t ready_bytes; /* bodies, on disk included */
    uint64_t unacked_bytes;
    size_t persistent;                  /* live messages that are stored, on disk included ... */
    uint64_t persistent_bytes;          /* ... and their bodies */
    uint64_t memory_bytes;              /* what the messages in memory cost */
    size_t disk_ready;                  /* of `ready`: on disk alone */
    uint64_t disk_bytes;                /* of `ready_bytes`: on disk alone */
    struct backlog_deadline *deadlines; /* a heap, the earliest first */
    size_t deadline_count, deadline_capacity;
    size_t timed; /* chunks with times */
    bool counts_deliveries;
    bool stores_all; /* transient messages count as persistent ones: a quorum queue */
    /* Each chunk on disk has a meta, which says what it holds: the owner asks for single
     * messages that may have left already (calls->found). */
    bool keeps_meta;
};

/* What a message was that has left. */
struct backlog_left {
    uint64_t sequence;
    uint64_t body_bytes;
    bool is_persistent;
    bool is_stored;   /* in a segment: the pager must hear of it */
    bool is_log_only; /* the pager has it in memory, and must hear of it */
    bool redelivered;
};

void backlog_init(struct backlog *b);

/* Whether the message is stored where its queue is, as a persistent one. */
static inline bool backlog_stores(const struct backlog *b, const struct message *m)
{
    return m->is_persistent || b->stores_all;
}

/* Frees everything. */
void backlog_free(struct backlog *b);

/* Frees the first chunk; *ret_count is how many messages it had in memory. False: there was
 * none, and everything is freed. */
bool backlog_free_some(struct backlog *b, unsigned *ret_count);

/* Takes *message. The new message's sequence number. */
uint64_t backlog_push(struct backlog *b, struct message **message);

/* The same for one that is delivered at once: it is unacked from the beginning. */
uint64_t backlog_push_unacked(struct backlog *b, struct message **message);

/* The next message that is pushed gets this number, if it would get a lower one. */
void backlog_skip_to(struct backlog *b, uint64_t sequence);

enum backlog_next { BACKLOG_NONE, BACKLOG_HERE, BACKLOG_ON_DISK };

/* Where the first ready message is; its sequence number when it is here. */
enum backlog_next backlog_next(struct backlog *b, uint64_t *ret_sequence);

/* Delivers the first ready message, which is here: it is unacked from here on. The pointer is
 * borrowed: the backlog keeps its reference until the message is settled. */
struct message *backlog_deliver(struct backlog *b, uint64_t *ret_sequence, bool *ret_redelivered);

/* Removes the first ready message, which is here; the caller owns it. */
struct message *backlog_pop(struct backlog *b, struct backlog_left *ret);

/* The message with this number, ready or unacked, borrowed; NULL when there is none in memory. */
struct message *backlog_find(const struct backlog *b, uint64_t sequence);
/* The message with this number, borrowed, or NULL if there is none or it is not unacked. */
struct message *backlog_find_unacked(struct backlog *b, uint64_t sequence);

/* Removes an unacked message. Returns false if there is no such one (its queue was deleted). */
bool backlog_settle(struct backlog *b, uint64_t sequence, struct backlog_left *ret);

/* Delivers the ready message with this number, which is in memory, as backlog_deliver() does. */
struct message *backlog_deliver_at(struct backlog *b, uint64_t sequence, bool *ret_redelivered);
/* Delivers the ready message with this number, which is on disk and stays there. Its chunk has a
 * meta. */
void backlog_deliver_on_disk(struct backlog *b, uint64_t sequence);

/* An unacked message is ready again as if it had never been delivered; *ret_is_here: it is not
 * on disk alone. False as above. */
bool backlog_undeliver(struct backlog *b, uint64_t sequence, bool *ret_is_here);

/* An unacked message is ready again under its number, marked as redelivered. False as above. */
bool backlog_return(struct backlog *b, uint64_t sequence);

/* --- recovery and the pager ------------------------------------------------------------------- */

/* A message gets this number, which is free: it is ready. Takes *message. */
void backlog_restore(struct backlog *b, uint64_t sequence, struct message **message,
                     bool redelivered, bool is_stored);
/* Removes a message with this number, ready or unacked. False when there is none in memory. */
bool backlog_remove(struct backlog *b, uint64_t sequence, struct backlog_left *ret);

static inline struct backlog_chunk *backlog_chunk(const struct backlog *b, uint64_t chunk)
{
    return lv_seqmap_find(&b->chunks, chunk * SEQMAP_ENTRIES);
}

static inline bool backlog_has_disk(const struct backlog *b)
{
    return b->disk_begin != b->disk_end;
}

/* The chunk, all of it ready and stored, leaves memory: it is disk_end, or the first to go. */
void backlog_page_out(struct backlog *b, uint64_t chunk);

/* The chunk is on disk from now on, and holds nothing: a gap between those that do. */
void backlog_page_gap(struct backlog *b, uint64_t chunk);

/* Whether nothing with this number, which belongs to a chunk on disk, is still to be loaded. */
bool backlog_is_gone_on_disk(const struct backlog *b, uint64_t sequence);

/* A message of chunk disk_begin has been read: it is here again. Takes *message. */
void backlog_page_in(struct backlog *b, uint64_t sequence, struct message **message,
                     bool redelivered);
/* Everything of chunk disk_begin is here, or it is known to be empty: the next one's turn. */
void backlog_page_next(struct backlog *b);

/* Everything that is on disk, ready or unacked, goes at once. */
void backlog_drop_disk(struct backlog *b);

/* --- times (backlog_times.c) ------------------------------------------------------------------ */

/* The message with this number, here or on disk, goes at this time. */
void backlog_set_deadline(struct backlog *b, uint64_t sequence, uint64_t deadline_ms);
/* Its deadline; 0: none. */
uint64_t backlog_deadline(const struct backlog *b, uint64_t sequence);

/* What is known of a message on disk, which is about to be delivered there. */
void backlog_set_content(struct backlog *b, uint64_t sequence, uint64_t body_bytes,
                         bool is_persistent, bool is_log_only);

/* Recovery: a message on disk has this deadline, and a body of this size. `is_log_only`: the
 * pager has it. */
void backlog_restore_on_disk(struct backlog *b, uint64_t sequence, uint64_t deadline_ms,
                             uint64_t body_bytes, bool is_log_only);

/* Recovery: such a message is settled. */
void backlog_forget_on_disk(struct backlog *b, uint64_t sequence);

/* The ready message with the earliest deadline. */
struct backlog_first_due {
    uint64_t sequence;
    uint64_t deadline_ms;
    bool is_here; /* else on disk */
};
bool backlog_find_due(struct backlog *b, struct backlog_first_due *ret);

/* The ready messages with the earliest deadlines, at most `most`, in their order. How many. */
size_t backlog_find_deadlines(const struct backlog *b, struct backlog_first_due *ret, size_t most);

/* Calls `each` for chunks with messages on disk that are due up to then, until it returns false. */
void backlog_each_due_on_disk(const struct backlog *b, uint64_t until_ms,
                              bool (*each)(void *arg, uint64_t chunk), void *arg);

/* The slots of a chunk that are ready on disk alone and due up to then; and what bodies of so
 * many bytes and `a_message` for each come to. */
uint64_t backlog_due_on_disk(const struct backlog *b, uint64_t chunk, uint64_t until_ms);
uint64_t backlog_due_bytes(const struct backlog *b, uint64_t chunk, uint64_t until_ms,
                           uint64_t a_message);

/* Whether a ready message with a deadline has this number; if so *ret is about it. */
bool backlog_find_timed(const struct backlog *b, uint64_t sequence, struct backlog_first_due *ret);

/* How often the message with this number has come back. */
unsigned backlog_deliveries(const struct backlog *b, uint64_t sequence);
void backlog_set_deliveries(struct backlog *b, uint64_t sequence, unsigned count);

/* The meta of a chunk, here or on disk, or NULL if it has none. */
struct backlog_meta *backlog_meta(const struct backlog *b, uint64_t chunk);
/* The same, made when there is none. The chunk is here or on disk. */
struct backlog_meta *backlog_meta_make(struct backlog *b, uint64_t chunk);
/* Nothing of the chunk, which is on disk alone, is live any more: frees its times. */
void backlog_times_drop(struct backlog *b, struct backlog_meta *meta);
/* The chunk goes: frees it. NULL is fine. */
void backlog_meta_free(struct backlog *b, struct backlog_meta *meta);

#endif
