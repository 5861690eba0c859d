/* Looking at a queue's messages without taking them. A browse goes through them in the order in
 * which they would be delivered (the highest priority first), in memory and on disk, and then
 * through those that arrive later. It has no effect on others: no message is delivered, moved or
 * marked, nothing is paged in, no consumer waits.
 *
 * A browse sees the messages that are ready when it reaches their position. An unacknowledged
 * message is skipped (unless with_unacked), and is not seen later when it is requeued; neither is a
 * message that is given to a consumer at once. A ready message that has expired is skipped.
 *
 *   (1) Each lane has its own cursor: the browse goes on in the lane of the highest priority that
 *       has something it has not seen.
 *   (2) It holds one piece of a segment (pager_reader), and nothing else of the queue's.
 *
 * Everything at the queue's home, or after the loops have stopped. */
#ifndef LEVERET_QUEUE_BROWSE_H
#define LEVERET_QUEUE_BROWSE_H

#include "queue/queue.h"

struct browse; /* see browse.c */

struct browse_options {
    struct browser_arguments start; /* where to begin; `ends` is the caller's business */
    bool is_bounded;                /* it ends where the queue ends at browse_open() */
    bool with_unacked;              /* also messages that are delivered and not acknowledged */
    /* Called when there may be more to see, or the queue was deleted; never from within a function
     * of the browse. */
    void (*wake)(void *arg);
    void *arg;
};

/* Begins a browse. It holds a reference of the queue. The caller owns it. */
struct browse *browse_open(struct queue *q, const struct browse_options *options);
/* Ends the browse. Clears the pointer; NULL is fine. */
void browse_close(struct browse **browse);

/* A message that a browse has found. */
struct browse_item {
    uint64_t position; /* lane.h */
    bool redelivered;
    bool is_unacked;
    bool is_here;  /* in memory */
    size_t passed; /* how many messages the browse has passed before it */
};

enum browse_result {
    BROWSE_ITEM, /* *ret is the next one */
    BROWSE_WAIT, /* it is being read: wake() follows */
    BROWSE_END,  /* everything has been seen: wake() when more has come */
    BROWSE_GONE, /* the queue is deleted */
};

/* Finds the next message; the browse stays before it. */
enum browse_result browse_peek(struct browse *browse, struct browse_item *ret);

/* Returns the message that browse_peek() has just found, or NULL if there is no memory for it. The
 * caller owns the reference. Call only in the same turn, with nothing done to the queue in between.
 */
struct message *browse_message(struct browse *browse);

/* Moves the browse past the message that browse_peek() has found. */
void browse_pass(struct browse *browse);

/* --- for the queue's other files -------------------------------------------------------------- */

/* Wakes all browses of the queue: a message has arrived, or the queue is deleted. */
void browses_wake(struct queue *q);

#endif
