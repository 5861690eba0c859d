/* The life of a topology, and its lock. */
#include "topology/topology.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "topology/lives.h"
#include "topology/route.h"

/* The topology that this thread has locked, or NULL. A thread never locks two. */
static _Thread_local const struct topology *locked;

void topology_init(struct topology *t, struct loops *loops, struct definitions *definitions)
{
    lv_assert(!loop_current()); /* before the loops start */
    t->loops = loops;
    t->definitions = definitions;
    t->node_name = "leveret@localhost";
    t->event_vhost = "/";
    int err = pthread_mutex_init(&t->lock, NULL);
    lv_assert(err == 0);
    node_limits_init(&t->limits);
    atomic_init(&t->generation, 1);
    atomic_init(&t->next_queue_id, 1);
    t->vhosts = lv_table_create();
    t->reply_queues = lv_table_create();
    t->queue_users = lv_table_create();
    t->lives = lv_calloc(1, sizeof *t->lives);
    route_init(loops);
}

void topology_end(struct topology *t)
{
    lv_assert(!loop_current()); /* after the loops have stopped */
    lv_assert(lv_table_count(t->vhosts) == 0);
    route_stop(t->loops);
    lv_rcu_barrier();
    lv_table_free(&t->vhosts);
    lv_table_free(&t->reply_queues);
    lv_table_free(&t->queue_users);
    pthread_mutex_destroy(&t->lock);
    free(t->lives);
}

/* --- the lock --------------------------------------------------------------------------------- */

void topology_lock(struct topology *t)
{
    lv_assert(!locked); /* else the thread would wait for itself */
    pthread_mutex_lock(&t->lock);
    locked = t;
}

void topology_unlock(struct topology *t)
{
    lv_assert(topology_is_locked(t));
    locked = NULL;
    pthread_mutex_unlock(&t->lock);
}

bool topology_is_locked(const struct topology *t)
{
    return locked == t;
}

void topology_moved(struct topology *t)
{
    lv_assert(topology_is_locked(t));
    atomic_fetch_add_explicit(&t->generation, 1, memory_order_release);
}
