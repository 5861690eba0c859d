/* A broker with the vhost "/" on simulated loops. */
#ifndef LEVERET_TESTS_BROKER_WORLD_H
#define LEVERET_TESTS_BROKER_WORLD_H

#include "broker/vhost_life.h"
#include "loop/sim/loop_sim.h"
#include "queue/queue.h"
#include "topology/topology_world.h"

static inline void world_start_broker(struct world *w, unsigned loops, unsigned seed)
{
    const struct definition_vhost row = {.name = slice_str("/")};
    memset(w, 0, sizeof *w);
    w->loops = loop_sim_create(loops, seed);
    w->broker = broker_create(w->loops, NULL);
    assert_int_equal(vhost_create(w->broker, &row, false, NOBODY, &w->vhost), CHANGE_DONE);
}

static inline void world_stop_broker(struct world *w)
{
    loop_sim_enter(NULL);
    broker_free(&w->broker);
    loop_sim_free(&w->loops);
}

/* Declares a new queue whose home is this loop. */
static inline struct queue *world_declare_with(struct world *w, struct loop *home,
                                               const struct queue_declaration *d)
{
    struct loop *before = loop_current();
    struct queue *q = NULL;
    bool created;
    loop_sim_enter(home);
    atomic_store(&w->broker->topology.next_queue_home, loop_index(home));
    enum change_result result = queue_declare(home, w->vhost, d, NOBODY, &w->error, &q, &created);
    assert_int_not_equal(result, CHANGE_REFUSED);
    assert_true(created);
    assert_ptr_equal(queue_home(q), home);
    loop_sim_enter(before);
    return q;
}

static inline struct queue *world_declare(struct world *w, struct loop *home, const char *name)
{
    return world_declare_with(w, home, &(struct queue_declaration){.name = slice_str(name)});
}

#endif
