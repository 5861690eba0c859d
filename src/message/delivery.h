/* A delivery: a message on its way to a consumer, as its parts. Routing looks at the same parts of
 * a message that is being published. */
#ifndef LEVERET_MESSAGE_DELIVERY_H
#define LEVERET_MESSAGE_DELIVERY_H

#include "message/message.h"

/* The slices are borrowed for the call. `message` is NULL if the bytes lie elsewhere (on the short
 * way from one socket to another); whoever keeps the body for later takes a reference. */
struct delivery {
    struct slice exchange;
    struct slice routing_key;
    struct slice header; /* property flags and values */
    struct slice body;
    struct message *message;
    uint64_t position; /* in the queue, for consumer_settle(); meaningless with no_ack */
    bool redelivered;
    bool tells_count;        /* the header gets x-delivery-count (delivery_header.h) ... */
    uint32_t delivery_count; /* ... with this */
};

/* The parts of the message, which is borrowed. */
static inline struct delivery delivery_of_message(struct message *m)
{
    return (struct delivery){
        .exchange = message_exchange(m),
        .routing_key = message_routing_key(m),
        .header = message_header(m),
        .body = message_body(m),
        .message = m,
    };
}

#endif
