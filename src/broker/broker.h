/* The broker: the topology, and what belongs to no vhost: the policy lock, global parameters,
 * alarms. */
#ifndef LEVERET_BROKER_BROKER_H
#define LEVERET_BROKER_BROKER_H

#include "topology/topology.h"
#include "topology/vhost.h"

struct event_tail;
struct global_text;
struct parameter_list;

struct broker {
    struct topology topology;
    pthread_mutex_t policy_lock;    /* held while policies change and are applied; taken before
                                        the topology lock */
    struct parameter_list *globals; /* parameters.h; under the topology lock */
    /* The cluster's name and permanent id. RCU; NULL: no global parameter sets it. */
    struct global_text *_Atomic cluster_name, *_Atomic cluster_id;
    struct event_tail *event_tail;   /* event_tail.h; owned */
    _Atomic unsigned alarms;         /* the BROKER_ALARM_... bits that are on; session/ decides
                                        which publishers they hold back */
    _Atomic bool is_short_of_memory; /* while set, queues page out what they can */
};

enum {
    BROKER_ALARM_MEMORY = 1,
    BROKER_ALARM_DISK = 2,  /* less free than the limit */
    BROKER_ALARM_LOG = 4,   /* no room for the log's next file */
    BROKER_ALARM_STORE = 8, /* a write failed: persistent messages are refused */
};

/* Creates a broker without vhosts. Borrows the loops and the definitions; without definitions
 * (NULL) nothing is durable. Call only before the loops start. */
struct broker *broker_create(struct loops *loops, struct definitions *definitions);
/* Frees the broker with all its vhosts, and leaves the definitions as they are stored. Clears the
 * pointer. NULL is fine. Call only after the loops have stopped. */
void broker_free(struct broker **broker);

static inline struct events *broker_events(struct broker *broker)
{
    return &broker->topology.events;
}

/* Returns the broker that the vhost belongs to. Any thread. */
static inline struct broker *vhost_broker(const struct vhost *vhost)
{
    return lv_container_of(vhost->topology, struct broker, topology);
}

#endif
