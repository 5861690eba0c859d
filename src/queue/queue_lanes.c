/* A queue owns lanes of messages (paging/lane_owner.h): what they ask of their owner is answered
 * here. */
#include "queue/queue_private.h"

#include "paging/journal.h"
#include "queue/conflation.h"
#include "topology/vhost.h"

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
