/* How many queues, exchanges and vhosts there may be in all vhosts together. They are counted only
 * when a limit is set and something is to be created, by adding up the vhosts' tables. */
#ifndef LEVERET_TOPOLOGY_NODE_LIMITS_H
#define LEVERET_TOPOLOGY_NODE_LIMITS_H

#include "base/slice.h"
#include "topology/refusal.h"

struct topology;
struct vhost;

/* Below 0: no limit. A limit below what exists already refuses only what is new. */
struct node_limits {
    _Atomic int64_t queues_max;
    _Atomic int64_t exchanges_max; /* with those that every vhost has from the beginning */
    _Atomic int64_t vhosts_max;
};

/* Initialises the limits: none is set. */
void node_limits_init(struct node_limits *limits);

/* Returns how many queues, exchanges and vhosts may still be created: INT64_MAX if there is no
 * limit, below 0 if there are too many already. The caller holds the topology lock. */
struct node_room {
    int64_t queues, exchanges, vhosts;
};
struct node_room node_limits_room(struct topology *t);

/* Each returns false, with error 406, if there are as many as the limit allows. `name` is that of
 * the one to be created. Queues of exchanges that delay messages do not count. The caller holds the
 * topology lock. */
bool node_check_queue_limit(struct topology *t, struct slice name, struct broker_error *error);
bool node_check_exchange_limit(struct vhost *vhost, struct slice name, struct broker_error *error);
bool node_check_vhost_limit(struct topology *t, struct slice name, struct broker_error *error);

#endif
