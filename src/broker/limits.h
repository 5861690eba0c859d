/* Limits: how many connections and queues a vhost may have. As JSON an object of numbers by names;
 * a number below 0 is no limit. Users' limits (auth/auth.h) are checked by the same rule. */
#ifndef LEVERET_BROKER_LIMITS_H
#define LEVERET_BROKER_LIMITS_H

#include <jansson.h>

#include "base/buffer.h"
#include "broker/broker.h"

struct vhost;

struct vhost_limits {
    _Atomic int64_t connections_max; /* below 0: none */
    _Atomic int64_t queues_max;
    _Atomic int64_t connections; /* how many there are */
};

void vhost_limits_init(struct vhost_limits *limits);

/* The limits of this object hold from now on; what it does not name has none. NULL: no limits. */
void vhost_limits_set(struct vhost_limits *limits, const json_t *object);

/* Takes a place for a connection. False when there is none left; then *ret_limit says how many there
 * are. Any thread. */
bool vhost_take_connection(struct vhost *vhost, int64_t *ret_limit);
void vhost_give_connection(struct vhost *vhost);

/* 406 when the vhost may not have one more queue; those of exchanges that delay do not count. The topology
 * lock is held. */
bool vhost_check_queue_limit(struct vhost *vhost, struct slice queue, struct broker_error *error);

/* The names that vhosts' limits may have, ended by NULL. */
extern const char *const vhost_limit_names[];

/* Whether the object has numbers under these names and nothing else. Appends a line in RabbitMQ's
 * words for each thing that is wrong; `subject` is how it calls the whole. */
bool limits_check(json_t *object, const char *const *names, const char *subject,
                  struct lv_buffer *reason);

#endif
