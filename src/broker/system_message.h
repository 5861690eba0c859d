/* Messages that the broker itself publishes, to internal exchanges: the firehose's copies (trace.h)
 * and events (events.h). They are not confirmed and not traced. */
#ifndef LEVERET_BROKER_SYSTEM_MESSAGE_H
#define LEVERET_BROKER_SYSTEM_MESSAGE_H

#include "message/message.h"
#include "topology/vhost.h"
#include "wire/properties.h"

/* Makes a message whose routing key is the prefix and the key, cut to 255 bytes. Returns NULL if
 * there is no memory. The caller owns the one reference. Any thread. */
struct message *system_message_create(struct slice exchange, const char *key_prefix,
                                      struct slice key, const struct properties *properties,
                                      struct slice body);

/* Publishes the message to its exchange in this vhost. Takes *message. Call only from mail of its
 * own: the publish may run queues and channels, so it must not begin in the middle of their work.
 * On `loop`'s thread. */
void system_message_publish(struct loop *loop, struct vhost *vhost, struct message **message);

/* Returns a queue that such a message would be routed to and whose home is behind, or NULL. Valid
 * until the end of the turn. On `loop`'s thread. */
struct queue *system_message_find_behind(struct loop *loop, struct vhost *vhost,
                                         struct slice exchange, const char *key_prefix,
                                         struct slice key);

#endif
