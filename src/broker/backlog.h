/* The messages that a queue holds, by sequence number.
 *
 * Each message has one place, from push to settle: ready (waiting), or taken (delivered and not
 * acknowledged). A message that comes back is ready again at its old place, so requeueing keeps
 * the order however acknowledgements come. Chunks of 64 places with a bit for each state:
 *
 *   (1) ready and stored are subsets of live.
 *   (2) No chunk in memory before `cursor` has a ready place.
 *   (3) A chunk without a live place is given back.
 *
 * A long backlog is on disk but for its two ends (pager.h moves chunks there and back):
 *
 *   first ...  memory  ... | disk_begin ...  disk  ... disk_end | ... memory ... next_sequence
 *
 *   (4) All places of chunks on disk are ready. Chunk disk_begin may be here in part already; only
 *       what is here of it can be taken, and nothing behind it until it is whole.
 *   (5) Where nothing is on disk disk_begin == disk_end.
 *
 * The backlog owns one reference of every message in memory. One thread: the queue's home. */
#ifndef LEVERET_BROKER_BACKLOG_H
#define LEVERET_BROKER_BACKLOG_H

#include "base/window.h"
#include "broker/message.h"

struct backlog_chunk {
    uint64_t live;
    uint64_t ready;
    uint64_t redelivered;
    uint64_t stored; /* also in a segment */
    struct message *messages[WINDOW_ENTRIES];
};

struct backlog {
    struct lv_window window; /* of struct backlog_chunk */
    uint64_t next_sequence;
    uint64_t cursor; /* a chunk number */
    uint64_t
        taken_below; /* deliveries go in order: what is ready below has been delivered before */
    uint64_t disk_begin;
    uint64_t disk_end;
    size_t ready; /* on disk included */
    size_t taken;
    uint64_t ready_bytes; /* bodies, on disk included */
    uint64_t taken_bytes;
    size_t persistent;     /* live messages that are stored, on disk included */
    uint64_t memory_bytes; /* what the messages in memory cost */
    size_t disk_ready;     /* of `ready`: on disk alone */
    uint64_t disk_bytes;   /* of `ready_bytes`: on disk alone */
    bool stores_all;       /* transient messages count as persistent ones: a quorum queue */
};

/* What a message was that has left. */
struct backlog_left {
    uint64_t sequence;
    uint64_t body_bytes;
    bool is_persistent;
    bool is_stored; /* in a segment: the pager must hear of it */
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

/* Takes *message. The new message's sequence number. */
uint64_t backlog_push(struct backlog *b, struct message **message);

/* The same for one that is delivered at once: it is taken from the beginning. */
uint64_t backlog_push_taken(struct backlog *b, struct message **message);

enum backlog_next { BACKLOG_NONE, BACKLOG_HERE, BACKLOG_ON_DISK };

/* Where the first ready message is; its sequence number when it is here. */
enum backlog_next backlog_next(struct backlog *b, uint64_t *ret_sequence);

/* Takes the first ready message, which is here. The pointer is borrowed: the backlog keeps its
 * reference until the message is settled. */
struct message *backlog_take(struct backlog *b, uint64_t *ret_sequence, bool *ret_redelivered);

/* Takes the first ready message, which is here, out altogether; the caller owns it. */
struct message *backlog_pop(struct backlog *b, struct backlog_left *ret);

/* Removes a taken message. False when there is no such one (its queue was deleted). */
bool backlog_settle(struct backlog *b, uint64_t sequence, struct backlog_left *ret);

/* Whether a message stands at this place and is taken. */
bool backlog_is_taken(const struct backlog *b, uint64_t sequence);

/* A taken message becomes ready again at its place, marked as redelivered. False as above. */
bool backlog_return(struct backlog *b, uint64_t sequence);

/* --- recovery and the pager --------------------------------------------------------------------- */

/* A message stands at this place, which is empty: ready. Takes *message. */
void backlog_restore(struct backlog *b, uint64_t sequence, struct message **message,
                     bool redelivered, bool is_stored);
/* Removes a message that stands at this place, ready or taken. False when there is none in memory. */
bool backlog_remove(struct backlog *b, uint64_t sequence, struct backlog_left *ret);

static inline struct backlog_chunk *backlog_chunk(const struct backlog *b, uint64_t chunk)
{
    return lv_window_find(&b->window, chunk * WINDOW_ENTRIES);
}

static inline bool backlog_has_disk(const struct backlog *b)
{
    return b->disk_begin != b->disk_end;
}

/* The whole chunk, all of it ready and stored, leaves memory: it is disk_end, or the first to go. */
void backlog_page_out(struct backlog *b, uint64_t chunk);

/* A message of chunk disk_begin has been read: it is here again. Takes *message. */
void backlog_page_in(struct backlog *b, uint64_t sequence, struct message **message,
                     bool redelivered);
/* Everything of chunk disk_begin is here, or it is known to be empty: the next one's turn. */
void backlog_page_next(struct backlog *b);

#endif
