/* The messages that a lane holds, by sequence number.
 *
 * A message keeps its number from push to settle. It is ready (waiting), or unacked (delivered and
 * not settled). A message that is requeued is ready again under its old number, so the order is
 * kept whatever order acknowledgements come in. Messages are stored in chunks of 64 numbers, with a
 * bit for each state:
 *
 *   (1) ready and stored are subsets of live.
 *   (2) No chunk in memory before `cursor` has a ready message.
 *   (3) A chunk without a live message is freed, unless messages may still be added to it: the
 *       last chunk, and disk_begin.
 *
 * Of a long backlog all but the two ends is on disk (pager.h moves chunks there and back):
 *
 *   first ...  memory  ... | disk_begin ...  disk  ... disk_end | ... memory ... next_sequence
 *
 *   (4) Messages of chunks on disk are ready, except those that became unacked there: they were
 *       taken out of their order, for instance because they expired. Chunk disk_begin may be partly
 *       in memory; that part is delivered in order, and the messages after it only when all of the
 *       chunk is in memory.
 *   (5) If nothing is on disk, disk_begin == disk_end.
 *
 * A message may have a deadline, and a count of how often it was returned. Both are in the meta of
 * its chunk, which stays in memory while the chunk is on disk. An index of chunks by their
 * earliest deadlines finds the messages that are due, in memory or on disk:
 *
 *   (6) For each ready message with a deadline the index has an entry of its chunk that is not
 *       later than the deadline.
 *
 * The backlog owns one reference of every message in memory. One thread: the owner's home. */
#ifndef LEVERET_PAGING_BACKLOG_H
#define LEVERET_PAGING_BACKLOG_H

#include "base/seqmap.h"
#include "message/message.h"

/* When a chunk's messages expire or are due, and how often they were returned. */
struct backlog_times {
    uint64_t deadline_ms[SEQMAP_ENTRIES]; /* loop_steady_ms(); 0: none */
    uint32_t body_bytes[SEQMAP_ENTRIES];  /* of messages on disk */
    uint16_t deliveries[SEQMAP_ENTRIES];
    uint64_t indexed_ms; /* the chunk's earliest entry in the index; UINT64_MAX: none */
};

/* What is known of a chunk besides its messages. */
struct backlog_meta {
    uint64_t live;       /* messages that are only on disk and not settled; of these: ... */
    uint64_t unacked;    /* ... those delivered while on disk ... */
    uint64_t persistent; /* ... those kept across a restart ... */
    uint64_t log_only;   /* ... those in the log but in no segment; the pager has them in memory */
    struct backlog_times *times;
};

struct backlog_chunk {
    uint64_t live;
    uint64_t ready;
    uint64_t redelivered;
    uint64_t stored;           /* a segment has a copy */
    struct backlog_meta *meta; /* NULL: not needed */
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
    /* Messages are delivered in order: a ready message below this number was delivered before. */
    uint64_t delivered_below;
    uint64_t disk_begin;
    uint64_t disk_end;
    size_t ready; /* in memory and on disk */
    size_t unacked;
    uint64_t ready_bytes; /* of their bodies */
    uint64_t unacked_bytes;
    size_t persistent;                  /* live messages that are kept across a restart ... */
    uint64_t persistent_bytes;          /* ... and their bodies */
    uint64_t memory_bytes;              /* what the messages in memory cost */
    size_t disk_ready;                  /* of `ready`: only on disk */
    uint64_t disk_bytes;                /* of `ready_bytes`: only on disk */
    struct backlog_deadline *deadlines; /* a heap, the earliest first */
    size_t deadline_count, deadline_capacity;
    size_t timed; /* chunks with times */
    bool counts_deliveries;
    bool stores_all; /* a quorum queue: transient messages are stored like persistent ones */
    /* Each chunk on disk has a meta that says which of its messages are live. Needed if the owner
     * asks for single messages that calls->found() told it of: they may have left meanwhile. */
    bool keeps_meta;
};

/* Describes a message that has left the backlog. */
struct backlog_left {
    uint64_t sequence;
    uint64_t body_bytes;
    bool is_persistent;
    bool is_stored;   /* in a segment: pager_left() must be called */
    bool is_log_only; /* in the pager's memory: pager_left() must be called */
    bool redelivered;
};

void backlog_init(struct backlog *b);

/* Returns whether the message is stored if its queue is durable: it is persistent, or all are. */
static inline bool backlog_stores(const struct backlog *b, const struct message *m)
{
    return m->is_persistent || b->stores_all;
}

/* Frees all messages, the metas and the index. The backlog is empty then and keeps its flags. */
void backlog_free(struct backlog *b);

/* Frees the first chunk; *ret_count is how many messages it had in memory. Returns false if there
 * was no chunk: then everything is freed. */
bool backlog_free_some(struct backlog *b, unsigned *ret_count);

/* Puts a ready message at the end and returns its sequence number. Takes *message. */
uint64_t backlog_push(struct backlog *b, struct message **message);

/* Like backlog_push(), for a message that is delivered at once: it is unacked from the start. */
uint64_t backlog_push_unacked(struct backlog *b, struct message **message);

/* Raises the number of the next message that is pushed to at least this one. */
void backlog_skip_to(struct backlog *b, uint64_t sequence);

enum backlog_next { BACKLOG_NONE, BACKLOG_HERE, BACKLOG_ON_DISK };

/* Returns where the first ready message is: BACKLOG_HERE is in memory, and only then *ret_sequence
 * is set to its sequence number. */
enum backlog_next backlog_next(struct backlog *b, uint64_t *ret_sequence);

/* Delivers the first ready message, which must be in memory: it is unacked from here on. The
 * pointer is borrowed: the backlog keeps its reference until the message is settled. */
struct message *backlog_deliver(struct backlog *b, uint64_t *ret_sequence, bool *ret_redelivered);

/* Removes the first ready message, which must be in memory; the caller owns it. */
struct message *backlog_pop(struct backlog *b, struct backlog_left *ret);

/* Returns the message with this number, ready or unacked, borrowed; NULL if there is none in
 * memory. */
struct message *backlog_find(const struct backlog *b, uint64_t sequence);
/* Returns the unacked message with this number, borrowed; NULL if there is none in memory. */
struct message *backlog_find_unacked(struct backlog *b, uint64_t sequence);

/* Removes an unacked message, in memory or on disk. Returns false if there is no such message (its
 * queue was purged or deleted). */
bool backlog_settle(struct backlog *b, uint64_t sequence, struct backlog_left *ret);

/* Delivers the ready message with this number, which is in memory, as backlog_deliver() does. */
struct message *backlog_deliver_at(struct backlog *b, uint64_t sequence, bool *ret_redelivered);
/* Makes the ready message with this number, which is on disk and stays there, unacked. Call only if
 * its chunk has a meta with times. */
void backlog_deliver_on_disk(struct backlog *b, uint64_t sequence);

/* Makes an unacked message ready again as if it had never been delivered; *ret_is_here says whether
 * it is in memory. Returns false if there is no such message. */
bool backlog_undeliver(struct backlog *b, uint64_t sequence, bool *ret_is_here);

/* Makes an unacked message, which is in memory, ready again, marked as redelivered. Returns false
 * if there is no such message. */
bool backlog_return(struct backlog *b, uint64_t sequence);

/* --- recovery and the pager ------------------------------------------------------------------- */

/* Puts in a ready message with this number, which no other message has. Takes *message. */
void backlog_restore(struct backlog *b, uint64_t sequence, struct message **message,
                     bool redelivered, bool is_stored);
/* Removes the message with this number, ready or unacked. Returns false if there is none in
 * memory. */
bool backlog_remove(struct backlog *b, uint64_t sequence, struct backlog_left *ret);

static inline struct backlog_chunk *backlog_chunk(const struct backlog *b, uint64_t chunk)
{
    return lv_seqmap_find(&b->chunks, chunk * SEQMAP_ENTRIES);
}

static inline bool backlog_has_disk(const struct backlog *b)
{
    return b->disk_begin != b->disk_end;
}

/* Frees a chunk whose messages are all ready and stored: from here on it is on disk. Call only for
 * a chunk before the last one, and at disk_end or after it if anything is on disk. */
void backlog_page_out(struct backlog *b, uint64_t chunk);

/* Counts chunk disk_end, in which nothing is live, as on disk: it is a gap between chunks on
 * disk. */
void backlog_page_gap(struct backlog *b, uint64_t chunk);

/* Returns whether the message with this number, whose chunk is on disk, has left the backlog or has
 * been read back into memory. */
bool backlog_is_gone_on_disk(const struct backlog *b, uint64_t sequence);

/* Puts back a message of chunk disk_begin that has been read. Takes *message. */
void backlog_page_in(struct backlog *b, uint64_t sequence, struct message **message,
                     bool redelivered);
/* Moves disk_begin on to the next chunk. Call when all of chunk disk_begin has been read: its
 * unacked messages that were not read are forgotten. */
void backlog_page_next(struct backlog *b);

/* Forgets everything that is on disk, ready or unacked. */
void backlog_drop_disk(struct backlog *b);

/* --- times (backlog_times.c) ------------------------------------------------------------------ */

/* Sets the deadline, which is not 0, of the message with this number, in memory or on disk. */
void backlog_set_deadline(struct backlog *b, uint64_t sequence, uint64_t deadline_ms);
/* Returns the deadline of the message with this number; 0: none. */
uint64_t backlog_deadline(const struct backlog *b, uint64_t sequence);

/* Notes the size and the kind of a message on disk. Call before backlog_deliver_on_disk(). */
void backlog_set_content(struct backlog *b, uint64_t sequence, uint64_t body_bytes,
                         bool is_persistent, bool is_log_only);

/* Recovery: notes the deadline and the body's size of a persistent message on disk. `is_log_only`:
 * no segment has it, the pager has it in memory. */
void backlog_restore_on_disk(struct backlog *b, uint64_t sequence, uint64_t deadline_ms,
                             uint64_t body_bytes, bool is_log_only);

/* Recovery: forgets the message with this number, which is on disk and has been settled. */
void backlog_forget_on_disk(struct backlog *b, uint64_t sequence);

/* The ready message with the earliest deadline. */
struct backlog_first_due {
    uint64_t sequence;
    uint64_t deadline_ms;
    bool is_here; /* in memory, not on disk */
};
/* Finds the ready message with the earliest deadline. Returns false if none has a deadline. */
bool backlog_find_due(struct backlog *b, struct backlog_first_due *ret);

/* Writes the ready messages with the earliest deadlines, at most `most`, in order of deadline.
 * Returns how many. */
size_t backlog_find_deadlines(const struct backlog *b, struct backlog_first_due *ret, size_t most);

/* Calls `each` for every chunk that has messages on disk due up to until_ms, until it returns
 * false. */
void backlog_each_due_on_disk(const struct backlog *b, uint64_t until_ms,
                              bool (*each)(void *arg, uint64_t chunk), void *arg);

/* Returns the slots of a chunk whose messages are ready, only on disk, and due up to until_ms. */
uint64_t backlog_due_on_disk(const struct backlog *b, uint64_t chunk, uint64_t until_ms);
/* Returns the size of the bodies of those messages, plus `a_message` bytes for each. */
uint64_t backlog_due_bytes(const struct backlog *b, uint64_t chunk, uint64_t until_ms,
                           uint64_t a_message);

/* Finds the ready message with this number if it has a deadline. Returns false otherwise. */
bool backlog_find_timed(const struct backlog *b, uint64_t sequence, struct backlog_first_due *ret);

/* Returns how often the message with this number was returned. */
unsigned backlog_deliveries(const struct backlog *b, uint64_t sequence);
/* Sets how often the message with this number was returned. */
void backlog_set_deliveries(struct backlog *b, uint64_t sequence, unsigned count);

/* Returns the meta of a chunk, in memory or on disk, or NULL if it has none. */
struct backlog_meta *backlog_meta(const struct backlog *b, uint64_t chunk);
/* Like backlog_meta(), but makes one if there is none. The chunk is in memory or on disk. */
struct backlog_meta *backlog_meta_make(struct backlog *b, uint64_t chunk);
/* Frees the times of a chunk on disk in which nothing is live. */
void backlog_times_drop(struct backlog *b, struct backlog_meta *meta);
/* Frees the meta of a chunk that is being removed. NULL is fine. */
void backlog_meta_free(struct backlog *b, struct backlog_meta *meta);

#endif
