/* Questions to a queue, and looks at its lanes, from outside (world_queue.h). */
#include "world_queue.h"

#include "loop/sim/loop_sim.h"
#include "paging/pager_probe.h"
#include "queue/queue_home.h"

static void at_once(struct queue_call *call)
{
    call->owner = NULL;
}

struct queue_call world_queue_ask(struct queue *q, void (*run)(struct queue_call *call),
                                  struct story *s)
{
    struct queue_call call = {
        .queue = q, .from = queue_home(q), .run = run, .done = at_once, .owner = s};
    loop_sim_enter(call.from);
    queue_call_start(&call);
    loop_sim_enter(NULL);
    if (call.owner)
        story_fail(s, "a call at home is not answered at once");
    return call;
}

void world_queue_want_snapshot(struct queue *q, struct story *s)
{
    const struct lane_owner *lanes = queue_lanes(q);
    loop_sim_enter(queue_home(q));
    pager_snapshot(lane_at(lanes, (unsigned)story_below(s, lanes->lane_count)));
    loop_sim_enter(NULL);
}

bool world_queue_has_disk(const struct queue *q)
{
    bool any = false;
    for (unsigned i = 0; i < queue_lanes(q)->lane_count; i++)
        any |= backlog_has_disk(&lane_at(queue_lanes(q), i)->backlog);
    return any;
}

bool world_queue_estimates_bytes(const struct queue *q)
{
    bool any = false;
    for (unsigned i = 0; i < queue_lanes(q)->lane_count; i++)
        any |= pager_estimates_bytes(lane_at(queue_lanes(q), i));
    return any;
}
