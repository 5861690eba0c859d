/* What broker/ keeps with each queue whose messages have ever been sent on. Private to broker/.
 * Used only at the queue's home, or after the loops have stopped. */
#ifndef LEVERET_BROKER_DEPARTURES_H
#define LEVERET_BROKER_DEPARTURES_H

#include "base/assert.h"
#include "queue/queue.h"

struct dead_letter_log;
struct forwarder;
struct retry;

struct departures {
    struct forwarder *forwarder;             /* forward.c's; NULL: nothing was ever forwarded */
    struct retry *retry;                     /* queue_retry.c's; NULL: none is under way */
    struct dead_letter_log *dead_letter_log; /* dead_lettering.c's; NULL: nothing was logged yet */
};

/* Returns the queue's departures, which are allocated at first use. */
struct departures *departures_of(struct queue *q);

/* Frees the struct. Call only after its parts have been freed. */
void departures_free(struct queue *q);

/* Asserts that the caller runs at the queue's home, or on no loop's thread (before the loops start,
 * or after they have stopped). */
static inline void departures_assert_home(const struct queue *q)
{
    const struct loop *here = loop_current();
    lv_assert(!here || here == queue_home(q));
}

#endif
