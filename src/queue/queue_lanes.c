/* A queue as the owner of its lanes (paging/lane_owner.h): the answers to what they ask of it. */
#include "queue/queue_private.h"

#include "paging/journal.h"
#include "paging/pager.h"
#include "queue/conflation.h"
#include "topology/vhost_private.h"

static struct queue *queue_of(const struct lane_owner *owner)
{
    return lv_container_of(owner, struct queue, lanes);
}

static struct lane_label queue_label(const struct lane_owner *owner)
{
    const struct queue *q = queue_of(owner);
    return (struct lane_label){
        .vhost = vhost_name(q->entry.vhost),
        .name = queue_name(q),
        .arguments = q->entry.argument_table,
        .is_auto_delete = q->entry.flags.auto_delete,
    };
}

static void owner_ref(struct lane_owner *owner)
{
    queue_ref(queue_of(owner));
}

static void owner_unref(struct lane_owner *owner)
{
    struct queue *q = queue_of(owner);
    queue_unref(&q);
}

static void owner_ready(struct lane_owner *owner)
{
    queue_deliver_soon(queue_of(owner));
}

static void owner_fetched(struct lane_owner *owner, bool is_deadline)
{
    queue_fetched(queue_of(owner), is_deadline);
}

static void owner_found(struct lane_owner *owner, uint64_t position, struct slice header,
                        uint64_t body_bytes, bool is_persistent)
{
    conflation_found(queue_of(owner), position, header, body_bytes, is_persistent);
}

static const struct lane_owner_calls calls = {
    .label = queue_label,
    .ref = owner_ref,
    .unref = owner_unref,
    .ready = owner_ready,
    .fetched = owner_fetched,
    .found = owner_found,
};

struct lane_owner *queue_lanes(const struct queue *q)
{
    return (struct lane_owner *)&q->lanes;
}

void queue_init_lanes(struct queue *q)
{
    lv_assert(!q->lanes.calls);
    lane_owner_init(&q->lanes, &calls, q->entry.home, &q->counters.disk, q->conflation != NULL);
    lane_owner_set_id(&q->lanes, q->id);
    bool is_stored = q->entry.flags.durable && !q->entry.flags.exclusive;
    q->lanes.journal = is_stored ? &journal_local : NULL;
    q->lanes.is_early = atomic_load(&q->entry.vhost->topology->is_restoring);
}

void queues_relieve(struct topology *topology, struct loop *loop)
{
    lv_assert(!loop_current() || loop_current() == loop);
    struct lv_table_iter vhosts, queues;
    struct lv_table_node *v = lv_table_first(topology->vhosts, &vhosts);
    for (; v; v = lv_table_next(topology->vhosts, &vhosts)) {
        struct vhost *vhost = lv_container_of(v, struct vhost, by_name);
        struct lv_table_node *n = lv_table_first(vhost->queues, &queues);
        for (; n; n = lv_table_next(vhost->queues, &queues)) {
            struct queue *q = queue_of_node(n);
            if (q->entry.home != loop || q->is_restoring)
                continue;
            for (unsigned i = 0; i < q->lanes.lane_count; i++)
                pager_relieve(queue_lane(q, i));
        }
    }
}
