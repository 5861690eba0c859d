/* Credit that several consumers of one session share (basic.qos with global: all consumers of a
 * channel), and whose turn it is when credit is returned.
 *
 * The homes of the consumers' queues take credit, on any loop, while some is left and no consumer
 * waits. A consumer that gets none joins the line, which the session's loop keeps; returned credit
 * is handed out along the line, so that no consumer or queue gets all of it while another one
 * waits. Of the consumers of one queue the one with the highest priority is first. What a consumer
 * was handed and cannot use at once (its queue is empty, its own credit is used up) is handed to
 * the next one.
 *
 * A consumer without acknowledgements uses no credit, and gets nothing while all of it is used. */
#ifndef LEVERET_QUEUE_SHARED_CREDIT_H
#define LEVERET_QUEUE_SHARED_CREDIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct consumer;
struct loop;

/* The atomic members are used on any loop. */
struct shared_credit {
    _Atomic uint32_t refs;
    _Atomic uint32_t used;
    _Atomic uint32_t max;     /* 0: no limit */
    _Atomic uint32_t waiting; /* consumers in the line or on their way to it */
    _Atomic bool is_told;     /* the session's loop has mail that credit can be handed out */
    struct loop *loop;        /* the session's; only this loop uses the members below */
    struct lv_list line;      /* of consumers, by credit.line_link */
    uint32_t line_count;
    int64_t least_priority; /* of all consumers that ever joined the line */
};

/* Makes shared credit without a limit, with one reference. Session loop. */
struct shared_credit *shared_credit_create(struct loop *loop);
struct shared_credit *shared_credit_ref(struct shared_credit *shared);
/* Clears the pointer. NULL is fine. Any loop. */
void shared_credit_unref(struct shared_credit **shared);

/* Sets the maximum; 0: none. Consumers that wait go on by mail if there is room. Session loop. */
void shared_credit_set(struct shared_credit *shared, uint32_t max);

/* Makes the consumer share the credit from now on; what it holds counts as used. Takes a reference.
 * Called at most once. Home. */
void shared_credit_join(struct shared_credit *shared, struct consumer *consumer);
/* Removes from the line a consumer that its session has released, so that no mail about it is sent
 * after the mail that frees it. Session loop. */
void shared_credit_leave_line(struct consumer *consumer);
/* Drops the reference of a consumer that is being freed. Session loop. */
void shared_credit_part(struct consumer *consumer);

/* Takes credit for one delivery. Returns false if there is none: the consumer is in the line, and
 * its queue delivers to it when it is its turn. Home. */
bool shared_credit_take(struct consumer *consumer);
/* Gives back the credit of `count` deliveries. Home. */
void shared_credit_give(struct consumer *consumer, uint32_t count);

#endif
