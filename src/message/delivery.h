/* A delivery: the parts of a message that is sent to a consumer. Routing uses the same struct for a
 * message that is published. */
#ifndef LEVERET_MESSAGE_DELIVERY_H
#define LEVERET_MESSAGE_DELIVERY_H

#include "message/message.h"

/* The slices are borrowed, for the call that the delivery is passed to. `message` is NULL if the
 * bytes are still in a socket's buffer (queue_pass_through()); code that needs the body later takes
 * a reference, or copies the bytes if it is NULL. */
struct delivery {
    struct slice exchange;
    struct slice routing_key;
    struct slice header; /* property flags and values */
    struct slice body;
    struct message *message;
    uint64_t position; /* in the queue, for consumer_settle(); undefined with no_ack */
    bool redelivered;
    bool tells_count;        /* the header x-delivery-count is added (delivery_header.h) ... */
    uint32_t delivery_count; /* ... with this value */
};

/* Returns the parts of a message, which is borrowed. */
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
