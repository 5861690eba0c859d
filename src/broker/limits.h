/* The limits of a vhost: how many connections and queues it may have. They come as a JSON object of
 * integers by name; a negative one means no limit. Users' limits (auth/auth.h) are checked here
 * too. */
#ifndef LEVERET_BROKER_LIMITS_H
#define LEVERET_BROKER_LIMITS_H

#include <jansson.h>

#include "base/buffer.h"
#include "topology/vhost_limits.h"

/* Sets the limits to those of this object; what it does not name is not limited, and with NULL
 * nothing is. Takes effect at once. Any thread. */
void vhost_limits_set(struct vhost_limits *limits, const json_t *object);

/* The names that a vhost's limits may have, ended by NULL. */
extern const char *const vhost_limit_names[];

/* Returns whether the object has integers under these names and nothing else; an empty list is
 * an object without limits. Appends a line in
 * RabbitMQ's words for each thing that is wrong; `subject` is what those lines call the object. */
bool limits_check(json_t *object, const char *const *names, const char *subject,
                  struct lv_buffer *reason);

#endif
