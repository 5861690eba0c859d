/* Messages that the broker itself publishes: the firehose's copies (trace.h), events (events.h).
 * They go to internal exchanges, come from no channel, are confirmed to nobody, and are never
 * traced. */
#ifndef LEVERET_BROKER_SYSTEM_MESSAGE_H
#define LEVERET_BROKER_SYSTEM_MESSAGE_H

#include "message/message.h"
#include "topology/vhost.h"
#include "wire/properties.h"

/* Makes one. A routing key longer than 255 bytes is cut. NULL when there is no memory. The
 * caller owns the one reference. Any thread. */
struct message *system_message_create(struct slice exchange, const char *key_prefix,
                                      struct slice key, const struct properties *properties,
                                      struct slice body);

/* Routes it from its exchange in this vhost and hands it to the queues. Takes *message. Not
 * within a queue's or a channel's work, which it may lead back into: in mail of its own. On
 * `loop`'s thread. */
void system_message_publish(struct loop *loop, struct vhost *vhost, struct message **message);

/* A queue that such a message would go to and whose home is behind; NULL when there is none. Valid
 * until the end of the turn. On `loop`'s thread. */
struct queue *system_message_find_behind(struct loop *loop, struct vhost *vhost,
                                         struct slice exchange, const char *key_prefix,
                                         struct slice key);

#endif
