/* Limits: how many connections and queues a vhost may have. As JSON an object of numbers by names;
 * a number below 0 is no limit. Users' limits (auth/auth.h) are checked by the same rule. */
#ifndef LEVERET_BROKER_LIMITS_H
#define LEVERET_BROKER_LIMITS_H

#include <jansson.h>

#include "base/buffer.h"
#include "topology/vhost_limits.h"

/* The limits of this object hold from now on; what it does not name has none. NULL: no limits. */
void vhost_limits_set(struct vhost_limits *limits, const json_t *object);

/* The names that vhosts' limits may have, ended by NULL. */
extern const char *const vhost_limit_names[];

/* Whether the object has numbers under these names and nothing else. Appends a line in RabbitMQ's
 * words for each thing that is wrong; `subject` is how it calls the whole. */
bool limits_check(json_t *object, const char *const *names, const char *subject,
                  struct lv_buffer *reason);

#endif
