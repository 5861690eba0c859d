/* The beginning and the end of a topology: its lock, its tables, the loops' route caches. */
#include "topology/topology.h"

#include "base/assert.h"
#include "topology/route.h"

void topology_init(struct topology *t, struct loops *loops, struct definitions *definitions)
{
    t->loops = loops;
    t->definitions = definitions;
    t->node_name = "leveret@localhost";
    t->event_vhost = "/";
    int err = pthread_mutex_init(&t->lock, NULL);
    lv_assert(err == 0);
    atomic_init(&t->generation, 1);
    atomic_init(&t->next_queue_id, 1);
    t->vhosts = lv_table_create();
    t->reply_queues = lv_table_create();
    route_init(loops);
}

void topology_end(struct topology *t)
{
    lv_assert(lv_table_count(t->vhosts) == 0);
    route_stop(t->loops);
    lv_rcu_barrier();
    lv_table_free(&t->vhosts);
    lv_table_free(&t->reply_queues);
    pthread_mutex_destroy(&t->lock);
}
