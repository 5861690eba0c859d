/* The life of the broker. */
#include "broker/broker.h"

#include <stdlib.h>

#include "base/memory.h"
#include "broker/event_exchange.h"
#include "broker/event_tail.h"
#include "broker/exchange_hooks.h"
#include "broker/parameters.h"
#include "broker/queue_ops.h"
#include "broker/vhost_life.h"
#include "queue/queue.h"

struct broker *broker_create(struct loops *loops, struct definitions *definitions)
{
    lv_assert(!loop_current()); /* before the loops start */
    struct broker *broker = lv_calloc(1, sizeof *broker);
    topology_init(&broker->topology, loops, definitions);
    broker->topology.queue_ops_for = queue_ops_for;
    broker->topology.exchange_hooks = &broker_exchange_hooks;
    broker->event_tail = event_tail_create(&broker->topology.events);
    event_exchange_begin(broker);
    int err = pthread_mutex_init(&broker->policy_lock, NULL);
    lv_assert(err == 0);
    broker->globals = lv_calloc(1, sizeof *broker->globals);
    return broker;
}

void broker_free(struct broker **broker)
{
    struct broker *b = *broker;
    *broker = NULL;
    if (!b)
        return;
    lv_assert(!loop_current()); /* the loops have stopped */
    events_stop(&b->topology.events);
    lv_rcu_register_thread();
    b->topology.definitions = NULL; /* what is discarded from here on stays stored */
    struct lv_table_iter it;
    for (struct lv_table_node *node = lv_table_first(b->topology.vhosts, &it); node;
         node = lv_table_next(b->topology.vhosts, &it))
        vhost_discard(lv_container_of(node, struct vhost, by_name));
    topology_end(&b->topology);
    global_parameters_free(b);
    lv_rcu_barrier();
    lv_rcu_unregister_thread();
    event_tail_free(&b->event_tail);
    pthread_mutex_destroy(&b->policy_lock);
    free(b);
}
