/* Looking at a queue's messages without taking them: a browse walks them in the order in which
 * they would be delivered (the highest priority first), in memory and on disk, and then sees
 * those that come, as far as they stay. Nobody else notices: no message is delivered, moved or
 * marked, nothing is brought into memory for good, no consumer waits.
 *
 * A browse sees what is ready when it comes by. What is unacknowledged then is passed over (but
 * for `with_unacked`) and does not come again when it is requeued; nor does what goes to a
 * consumer at once. A ready message whose time has come is passed over.
 *
 *   (1) Each lane has a cursor of its own: the browse goes on in the highest lane in which there is
 *       something it has not seen.
 *   (2) It holds one piece of a segment (pager_reader), nothing else of the queue's.
 *
 * Everything at the queue's home, or after the loops have stopped. */
#ifndef LEVERET_QUEUE_BROWSE_H
#define LEVERET_QUEUE_BROWSE_H

#include "queue/queue.h"

struct browse; /* see browse.c */

struct browse_options {
    struct browser_arguments start; /* where; whether it ends is its owner's business */
    bool is_bounded;                /* ends where the queue ends now */
    bool with_unacked;              /* also messages that are delivered and not acknowledged */
    /* There may be more to see, or the queue is gone. Never from within a call to the browse. */
    void (*wake)(void *arg);
    void *arg;
};

/* Begins at what is there now. Holds the queue. The caller owns it. */
struct browse *browse_open(struct queue *q, const struct browse_options *options);
/* Clears the pointer; NULL is fine. */
void browse_close(struct browse **browse);

/* A message that is looked at. */
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

/* The next message; the browse stays before it. */
enum browse_result browse_peek(struct browse *browse, struct browse_item *ret);

/* The message that browse_peek() has just found, in the same turn and with nothing done to the
 * queue in between: the caller owns the reference. NULL when there is no memory for it. */
struct message *browse_message(struct browse *browse);

/* Goes on behind it. */
void browse_pass(struct browse *browse);

/* --- for the queue's other files -------------------------------------------------------------- */

/* Everybody who looks is woken: something has come, or the queue is deleted. */
void browses_wake(struct queue *q);

#endif
