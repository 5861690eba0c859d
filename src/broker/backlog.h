/* The messages that a queue holds, by sequence number.
 *
 * Each message has one place, from push to settle: ready (waiting), or taken (delivered and not
 * acknowledged). A message that comes back is ready again at its old place, so requeueing keeps
 * the order however acknowledgements come. Chunks of 64 places with a bit for each state:
 *
 *   (1) ready is a subset of live.
 *   (2) No chunk before `cursor` has a ready place.
 *   (3) A chunk without a live place is given back.
 *
 * The backlog owns one reference of every message in it. One thread: the queue's home. */
#ifndef LEVERET_BROKER_BACKLOG_H
#define LEVERET_BROKER_BACKLOG_H

#include "base/window.h"
#include "broker/message.h"

struct backlog {
    struct lv_window window;
    uint64_t next_sequence;
    uint64_t cursor; /* a chunk number */
    size_t ready;
    size_t taken;
    uint64_t ready_bytes; /* bodies */
    uint64_t taken_bytes;
};

void backlog_init(struct backlog *b);

/* Frees everything. */
void backlog_free(struct backlog *b);

/* Takes *message. The new message's sequence number. */
uint64_t backlog_push(struct backlog *b, struct message **message);

/* The same for one that is delivered at once: it is taken from the beginning. */
uint64_t backlog_push_taken(struct backlog *b, struct message **message);

/* Takes the first ready message. The pointer is borrowed: the backlog keeps its reference until
 * the message is settled. False when none is ready. */
bool backlog_take(struct backlog *b, struct message **ret_message, uint64_t *ret_sequence,
                  bool *ret_redelivered);

/* Takes the first ready message out altogether; the caller owns it. NULL when none is ready. */
struct message *backlog_pop(struct backlog *b, bool *ret_redelivered);

/* Removes a taken message. False when there is no such one (purged with its queue). */
bool backlog_settle(struct backlog *b, uint64_t sequence);

/* A taken message becomes ready again at its place, marked as redelivered. False as above. */
bool backlog_return(struct backlog *b, uint64_t sequence);

/* Removes all ready messages; the number of them. */
size_t backlog_purge(struct backlog *b);

#endif
