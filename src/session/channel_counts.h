/* What a channel counts, as RabbitMQ's message_stats name it. */
#ifndef LEVERET_SESSION_CHANNEL_COUNTS_H
#define LEVERET_SESSION_CHANNEL_COUNTS_H

#include <stdint.h>

#define CHANNEL_COUNTS(C)                                                                          \
    C(publish)           /* messages published; in a transaction, once it is committed */          \
    C(confirm)           /* of these, confirmed */                                                 \
    C(return_unroutable) /* returned, as they were mandatory and no queue has taken them */        \
    C(drop_unroutable)   /* dropped, as they were routed to no queue */                            \
    C(deliver)           /* delivered to consumers that acknowledge */                             \
    C(deliver_no_ack)    /* ... that do not */                                                     \
    C(get)               /* got by basic.get, to be acknowledged */                                \
    C(get_no_ack)        /* ... without acknowledgement */                                         \
    C(get_empty)         /* answers that the queue was empty */                                    \
    C(redeliver)         /* of those delivered or got: not for the first time */                   \
    C(ack)               /* acknowledged */

struct channel_counts {
#define CHANNEL_COUNT_MEMBER(name) uint64_t name;
    CHANNEL_COUNTS(CHANNEL_COUNT_MEMBER)
#undef CHANNEL_COUNT_MEMBER
};

/* What a vhost counts of the connections that were in it and have ended (struct vhost,
 * ended_counts). */
struct vhost_ended_counts {
    struct channel_counts channels;
    uint64_t received_bytes, sent_bytes;
};

struct vhost;

/* Add to what a vhost has counted of channels and connections that have ended. Any thread. */
void vhost_count_ended(struct vhost *vhost, const struct vhost_ended_counts *counts);
/* Reads the sums; each by itself never falls. Any thread. */
void vhost_ended_read(const struct vhost *vhost, struct vhost_ended_counts *ret);

#endif
