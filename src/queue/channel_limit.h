/* One limit for all the consumers of a channel (basic.qos with global), and whose turn it is when a
 * place comes free.
 *
 * The homes of the channel's queues count in it, on any loop, as long as there is room and nobody
 * waits. A consumer that is refused a place joins the line, which the session's loop keeps; places
 * that come free are handed out along the line, so no consumer and no queue gets all of them while
 * another one waits. Within one queue the consumer of the higher priority is first. What a consumer
 * was handed and cannot use at once (its queue is empty, its own prefetch is reached) goes to the next.
 *
 * A consumer without acknowledgements takes no place, and gets nothing while none is free. */
#ifndef LEVERET_QUEUE_CHANNEL_LIMIT_H
#define LEVERET_QUEUE_CHANNEL_LIMIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct consumer;
struct loop;

/* Shared. */
struct channel_limit {
    _Atomic uint32_t refs;
    _Atomic uint32_t used;
    _Atomic uint32_t max;     /* 0: no limit */
    _Atomic uint32_t waiting; /* consumers in the line or on their way to it */
    _Atomic bool is_told;     /* the session's loop has mail: places are to be handed out */
    struct loop *loop;        /* the session's, whose alone the rest is */
    struct lv_list line;      /* struct consumer.line_link */
    uint32_t line_count;
    int64_t least_priority; /* of all that ever joined the line */
};

/* No limit yet, one reference. Session loop. */
struct channel_limit *channel_limit_create(struct loop *loop);
struct channel_limit *channel_limit_ref(struct channel_limit *limit);
/* Clears the pointer. NULL is fine. Any loop. */
void channel_limit_unref(struct channel_limit **limit);

/* Another maximum; 0: none. Consumers that find room go on by mail. Session loop. */
void channel_limit_set(struct channel_limit *limit, uint32_t max);

/* The consumer counts from here on, with what it holds. A reference is taken. Home. */
void channel_limit_join(struct channel_limit *limit, struct consumer *consumer);
/* The consumer's session has let go of it: it waits for no place any more, so that no mail is sent to it
 * behind the one that frees it. Session loop. */
void channel_limit_leave_line(struct consumer *consumer);
/* The consumer is about to be freed: gives back its reference. Session loop. */
void channel_limit_part(struct consumer *consumer);

/* Takes a place for one delivery. False: the consumer is in the line, and its queue delivers when its
 * turn has come. Home. */
bool channel_limit_take(struct consumer *consumer);
/* `count` places are free again. Home. */
void channel_limit_give(struct consumer *consumer, uint32_t count);

#endif
