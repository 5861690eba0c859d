/* Credit that several consumers of one session share (basic.qos with global: all the consumers of a
 * channel), and whose turn it is when some of it comes free.
 *
 * The homes of the consumers' queues count in it, on any loop, as long as there is room and nobody
 * waits. A consumer that gets none joins the line, which the session's loop keeps; what comes free
 * is handed out along the line, so no consumer and no queue gets all of it while another one waits.
 * Within one queue the consumer of the higher priority is first. What a consumer was handed and
 * cannot use at once (its queue is empty, its own credit is used up) goes to the next.
 *
 * A consumer without acknowledgements uses none of it, and gets nothing while all of it is used. */
#ifndef LEVERET_QUEUE_SHARED_CREDIT_H
#define LEVERET_QUEUE_SHARED_CREDIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct consumer;
struct loop;

/* Shared. */
struct shared_credit {
    _Atomic uint32_t refs;
    _Atomic uint32_t used;
    _Atomic uint32_t max;     /* 0: no limit */
    _Atomic uint32_t waiting; /* consumers in the line or on their way to it */
    _Atomic bool is_told;     /* the session's loop has mail: credit is to be handed out */
    struct loop *loop;        /* the session's, whose alone the rest is */
    struct lv_list line;      /* of consumers, by credit.line_link */
    uint32_t line_count;
    int64_t least_priority; /* of all that ever joined the line */
};

/* No limit yet, one reference. Session loop. */
struct shared_credit *shared_credit_create(struct loop *loop);
struct shared_credit *shared_credit_ref(struct shared_credit *shared);
/* Clears the pointer. NULL is fine. Any loop. */
void shared_credit_unref(struct shared_credit **shared);

/* Another maximum; 0: none. Consumers that find room go on by mail. Session loop. */
void shared_credit_set(struct shared_credit *shared, uint32_t max);

/* The consumer shares it from here on; what it holds counts as used. A reference is taken. Home. */
void shared_credit_join(struct shared_credit *shared, struct consumer *consumer);
/* The consumer's session has let go of it: takes it out of the line, so that no mail is sent to it
 * behind the one that frees it. Session loop. */
void shared_credit_leave_line(struct consumer *consumer);
/* The consumer is about to be freed: gives back its reference. Session loop. */
void shared_credit_part(struct consumer *consumer);

/* Takes what one delivery needs. False: the consumer is in the line, and its queue delivers to it
 * when its turn has come. Home. */
bool shared_credit_take(struct consumer *consumer);
/* Gives back what `count` deliveries have used. Home. */
void shared_credit_give(struct consumer *consumer, uint32_t count);

#endif
