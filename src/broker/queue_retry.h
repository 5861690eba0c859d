/* Dead letters go back to where they came from: an operator's wish, once what made them die is
 * mended.
 *
 * A walk over what is ready when it begins, in memory and on disk (browse.h). A message whose
 * newest x-death names a queue that is there goes straight to that queue, under the exchange and
 * routing key by which it had come there; when that queue is gone, by that exchange and those
 * keys to wherever they lead. It is forwarded (forward.h): it stays in its queue, unacked, until
 * the other one has it safely, so a crash in between may double it, and loses nothing.
 *
 * Messages stay that are no dead letters, that died in this very queue, that have nowhere to go
 * any more, and those that the queue they came from refuses.
 *
 * One retry a queue at a time. Everything at the queue's home, but where it says otherwise. */
#ifndef LEVERET_BROKER_QUEUE_RETRY_H
#define LEVERET_BROKER_QUEUE_RETRY_H

#include "queue/queue.h"

struct retry; /* see queue_retry.c */

struct retry_options {
    uint64_t limit; /* so many are moved at most */
    bool keep_history;
};

struct retry_progress {
    uint64_t moved;
    uint64_t stayed;
    bool is_over;
    bool is_gone; /* ... because the queue was deleted */
};

/* Begins. The caller owns *ret, and may give it up at any time: the retry goes on. False:
 * another one is under way, or the queue is deleted. */
bool retry_start(struct queue *q, const struct retry_options *options, struct retry **ret);

struct retry_progress retry_progress(const struct retry *retry);

/* Clears the pointer; NULL is fine. Home, or after the loops have stopped. */
void retry_unref(struct retry **retry);

/* --- for queue.c ------------------------------------------------------------------------------ */

/* The queue is deleted: nothing more is begun. Before forward_stop(). */
void queue_retry_stop(struct queue *q);

#endif
