/* The broker: the topology, and what belongs to no vhost beside it: policies' lock, global
 * parameters, alarms. */
#ifndef LEVERET_BROKER_BROKER_H
#define LEVERET_BROKER_BROKER_H

#include "topology/topology.h"
#include "topology/vhost.h"

struct cluster_name;
struct parameter_list;

struct broker {
    struct topology topology;
    pthread_mutex_t policy_lock;       /* held while policies change and are applied; taken first */
    struct parameter_list *globals;    /* parameters.h; under the topology lock */
    struct cluster_name *_Atomic name; /* RCU; NULL: no global parameter says one */
    /* Set while an alarm is on: publishers are held back (session/ asks). Bit set of
     * BROKER_ALARM_... */
    _Atomic unsigned alarms;
    /* More memory is used than queues should be left with: they page out what they can. */
    _Atomic bool is_short_of_memory;
};

enum {
    BROKER_ALARM_MEMORY = 1,
    BROKER_ALARM_DISK = 2,  /* less free than the limit */
    BROKER_ALARM_LOG = 4,   /* no room for the log's next file */
    BROKER_ALARM_STORE = 8, /* writing failed: nothing persistent is taken any more */
};

struct broker *broker_create(struct loops *loops, struct definitions *definitions);
/* After the loops have stopped. Clears the pointer. NULL is fine. */
void broker_free(struct broker **broker);

static inline struct events *broker_events(struct broker *broker)
{
    return &broker->topology.events;
}

/* The broker that the vhost is part of. Any thread. */
static inline struct broker *vhost_broker(const struct vhost *vhost)
{
    return lv_container_of(vhost->topology, struct broker, topology);
}

#endif
