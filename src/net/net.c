/* What net/ keeps for each loop: it is made, its connections are closed when the loop stops, and it
 * is freed. */
#include "net/net.h"

#include <stdlib.h>

#include "base/memory.h"
#include "net/net_private.h"

static struct loop_slot net_slot;

struct net_loop *net_of(const struct loop *loop)
{
    return loop_slot(loop, &net_slot);
}

/* Ends a turn. */
static void net_flush(struct loop *loop)
{
    conns_flush(loop);
    net_of(loop)->openings = 0;
}

static void net_stop(struct loop *loop)
{
    struct net_loop *net = net_of(loop);
    net->is_stopped = true;
    connects_stop(net);
    conns_stop(net);
}

static void net_free(struct loop *loop)
{
    struct net_loop *net = net_of(loop);
    lv_assert(lv_list_is_empty(&net->conns));
    lv_assert(lv_list_is_empty(&net->dirty));
    lv_assert(lv_list_is_empty(&net->connects));
    listeners_free(net);
    loop_unschedule(loop, &net->deferred_calls);
    loop_set_slot(loop, &net_slot, NULL);
    free(net->buffer);
    free(net);
}

static void net_init_loop(struct loop *loop)
{
    lv_assert(!net_of(loop));
    struct net_loop *net = lv_calloc(1, sizeof *net);
    net->loop = loop;
    lv_list_init(&net->conns);
    lv_list_init(&net->dirty);
    lv_list_init(&net->deferred);
    lv_list_init(&net->connects);
    lv_list_init(&net->listeners);
    loop_task_init(&net->deferred_calls, conns_call_deferred);
    loop_set_slot(loop, &net_slot, net);
    loop_set_flush(loop, net_flush);
    loop_at_stop(loop, net_stop);
    loop_at_free(loop, net_free);
}

void net_init(struct loops *loops)
{
    for (unsigned i = 0; i < loops_count(loops); i++)
        net_init_loop(loops_at(loops, i));
}
