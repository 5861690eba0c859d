#include "manage/flows.h"

#include "manage/facts.h"
#include "topology/flows.h"
#include "topology/vhost.h"

struct flow_walk {
    struct vhost *vhost;
    struct slice queue; /* empty: all */
    struct listing *listing;
};

/* Flows to queues that have been deleted meanwhile are left out. */
static void add_flow(void *arg, const struct flow_seen *seen)
{
    const struct flow_walk *walk = arg;
    if (walk->queue.n > 0 && !slice_equal(walk->queue, seen->queue))
        return;
    if (!lv_table_find(walk->vhost->queues, seen->queue))
        return;
    struct flow_facts f = {
        .vhost = vhost_name(walk->vhost),
        .source = seen->exchange,
        .destination = seen->queue,
        .count = seen->count,
        .rate = seen->rate,
        .counted_ms = seen->for_ms,
    };
    listing_add(walk->listing, FACTS_COPY(&f, &f.vhost, &f.source, &f.destination));
}

static int flows_in_order(const void *a, const void *b)
{
    const struct flow_facts *p = *(struct flow_facts *const *)a;
    const struct flow_facts *q = *(struct flow_facts *const *)b;
    int order = slice_compare(p->source, q->source);
    return order ? order : slice_compare(p->destination, q->destination);
}

bool manage_list_flows(struct manage *m, const struct actor *actor, struct slice vhost_name,
                       struct slice queue, struct listing *ret, struct manage_error *error)
{
    *ret = (struct listing){0};
    if (!actor_check_content(actor, vhost_name, error))
        return false;
    struct vhost *vhost = manage_vhost(m, vhost_name, error);
    if (!vhost)
        return false;
    flows_read(vhost, loops_steady_ms(m->loops), add_flow, &(struct flow_walk){vhost, queue, ret});
    listing_sort_by(ret, flows_in_order);
    return true;
}
