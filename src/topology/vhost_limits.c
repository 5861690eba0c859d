/* Connections are counted here; queues are counted in the vhost's table. */
#include "topology/vhost_limits.h"

#include <inttypes.h>

#include "topology/vhost.h"

void vhost_limits_init(struct vhost_limits *limits)
{
    atomic_init(&limits->connections_max, -1);
    atomic_init(&limits->queues_max, -1);
    atomic_init(&limits->connections, 0);
}

bool vhost_take_connection(struct vhost *vhost, int64_t *ret_limit)
{
    struct vhost_limits *limits = &vhost->limits;
    int64_t max = atomic_load_explicit(&limits->connections_max, memory_order_relaxed);
    int64_t before = atomic_fetch_add_explicit(&limits->connections, 1, memory_order_relaxed);
    if (max < 0 || before < max)
        return true;
    vhost_give_connection(vhost);
    *ret_limit = max;
    return false;
}

void vhost_give_connection(struct vhost *vhost)
{
    int64_t before = atomic_fetch_sub_explicit(&vhost->limits.connections, 1, memory_order_relaxed);
    lv_assert(before > 0);
}

bool vhost_check_queue_limit(struct vhost *vhost, struct slice queue, struct broker_error *error)
{
    lv_assert(topology_is_locked(vhost->topology));
    lv_assert(vhost->delaying_queues <= lv_table_count(vhost->queues));
    int64_t max = atomic_load_explicit(&vhost->limits.queues_max, memory_order_relaxed);
    size_t count = lv_table_count(vhost->queues) - vhost->delaying_queues;
    if (max < 0 || (int64_t)count < max)
        return true;
    return broker_refuse_as(error, REFUSAL_LIMIT, 406,
                            "cannot declare queue '%.*s': queue limit in vhost '%.*s' (%" PRId64
                            ") is reached",
                            SLICE_ARG(queue), SLICE_ARG(vhost_name(vhost)), max);
}
