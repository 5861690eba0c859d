/* How many connections and queues a vhost may have. broker/limits.h reads the numbers from JSON. */
#ifndef LEVERET_TOPOLOGY_VHOST_LIMITS_H
#define LEVERET_TOPOLOGY_VHOST_LIMITS_H

#include "topology/topology.h"

struct vhost_limits {
    _Atomic int64_t connections_max; /* below 0: none */
    _Atomic int64_t queues_max;
    _Atomic int64_t connections; /* how many there are */
};

/* Nothing is limited. */
void vhost_limits_init(struct vhost_limits *limits);

/* Counts one more connection. Returns false if that is one too many; then nothing is counted, and
 * *ret_limit says how many there may be. Any thread. */
bool vhost_take_connection(struct vhost *vhost, int64_t *ret_limit);
void vhost_give_connection(struct vhost *vhost);

/* Returns false, with error 406, if the vhost may not have one more queue. Queues of exchanges that
 * delay messages do not count. The topology lock is held. */
bool vhost_check_queue_limit(struct vhost *vhost, struct slice queue, struct broker_error *error);

#endif
