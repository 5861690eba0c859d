/* Retrying dead letters: an operator sends them back to where they came from, once the cause is
 * mended; or moves all messages of a queue to another one.
 *
 * A retry walks over the messages that are ready when it begins, in memory and on disk (browse.h).
 * If the queue named in a message's newest x-death exists, the message is published to that queue,
 * with the exchange and routing key that x-death has for it. Otherwise it is published to that
 * exchange, with those routing keys. It is forwarded (forward.h): it stays in its queue,
 * unacknowledged, until the other one has it safely, so a crash may duplicate it, and loses
 * nothing.
 *
 * A message stays where it is if it is not a dead letter, died in this very queue, has no route, or
 * is refused by the queue it came from.
 *
 * A queue has one retry at a time. All functions are called at the queue's home unless they say
 * otherwise. */
#ifndef LEVERET_BROKER_QUEUE_RETRY_H
#define LEVERET_BROKER_QUEUE_RETRY_H

#include "queue/queue.h"

struct retry; /* see queue_retry.c */

struct retry_options {
    /* Not empty: all ready messages, dead letters or not, are moved to this queue of the vhost, as
     * they are. */
    struct slice destination;
    uint64_t limit;    /* at most this many are moved */
    bool keep_history; /* x-death stays in the header */
};

struct retry_progress {
    uint64_t moved;
    uint64_t stayed;
    bool is_over;
    bool is_gone; /* over because the queue was deleted */
};

/* Begins a retry; the destination is copied. The caller owns *ret, and may drop it at any time: the
 * retry goes on. Returns false if one is under way, or the queue is deleted. */
bool retry_start(struct queue *q, const struct retry_options *options, struct retry **ret);

struct retry_progress retry_progress(const struct retry *retry);

/* Ends the retry early: what is in flight arrives, everything else stays. */
void retry_cancel(struct retry *retry);

/* Drops the caller's reference and clears the pointer; NULL is fine. Home, or after the loops have
 * stopped. */
void retry_unref(struct retry **retry);

/* --- for queue_ops.c -------------------------------------------------------------------------- */

/* Ends the walk of the queue's retry, if one is under way, because the queue is deleted. Call
 * before forward_stop(). */
void queue_retry_stop(struct queue *q);

#endif
