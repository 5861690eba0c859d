/* How many connections and queues a vhost may have. broker/limits.h reads the numbers from JSON. */
#ifndef LEVERET_TOPOLOGY_VHOST_LIMITS_H
#define LEVERET_TOPOLOGY_VHOST_LIMITS_H

#include "topology/topology.h"

struct vhost_limits {
    _Atomic int64_t connections_max; /* below 0: no limit */
    _Atomic int64_t queues_max;      /* below 0: no limit */
    _Atomic int64_t connections;     /* open now */
};

/* Initialises the limits: none is set, and no connection is counted. */
void vhost_limits_init(struct vhost_limits *limits);

/* Counts a new connection. Returns false, with the limit in *ret_limit, and counts nothing, if the
 * limit is reached. Any thread. */
bool vhost_take_connection(struct vhost *vhost, int64_t *ret_limit);
/* Uncounts a connection that vhost_take_connection() has counted. Any thread. */
void vhost_give_connection(struct vhost *vhost);

/* Returns false, with error 406, if the vhost has as many queues as its limit allows. Queues of
 * exchanges that delay messages do not count. The caller holds the topology lock. */
bool vhost_check_queue_limit(struct vhost *vhost, struct slice queue, struct broker_error *error);

#endif
