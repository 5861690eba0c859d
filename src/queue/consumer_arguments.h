/* The arguments of basic.consume: which there are, and what values they may have. Texts of errors
 * are RabbitMQ's. */
#ifndef LEVERET_QUEUE_CONSUMER_ARGUMENTS_H
#define LEVERET_QUEUE_CONSUMER_ARGUMENTS_H

#include "queue/consumer.h"
#include "queue/queue_arguments.h"

struct consumer_arguments {
    int64_t priority; /* x-priority, 0 when absent */
    struct browser_arguments browsing;
};

/* Reads and checks the arguments of a consumer of this type of queue. Returns false with the error
 * filled. */
bool consumer_arguments_read(struct slice table, enum queue_type type, struct slice queue,
                             struct slice vhost, struct consumer_arguments *ret,
                             struct broker_error *error);

/* Returns whether an argument of this name has a meaning for consumers. A name that does not begin
 * with "x-" is the client's own, and counts as known. */
bool consumer_argument_is_known(struct slice name);

#endif
