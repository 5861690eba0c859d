#include "topology/node_limits.h"

#include <inttypes.h>

#include "topology/vhost.h"

void node_limits_init(struct node_limits *limits)
{
    atomic_init(&limits->queues_max, -1);
    atomic_init(&limits->exchanges_max, -1);
    atomic_init(&limits->vhosts_max, -1);
}

/* Adds up what count() returns for each vhost. */
static int64_t count_in_vhosts(struct topology *t, size_t (*count)(const struct vhost *vhost))
{
    struct lv_table_iter it;
    int64_t sum = 0;
    lv_assert(topology_is_locked(t));
    for (struct lv_table_node *node = lv_table_first(t->vhosts, &it); node;
         node = lv_table_next(t->vhosts, &it))
        sum += (int64_t)count(lv_container_of(node, struct vhost, by_name));
    return sum;
}

static size_t count_queues(const struct vhost *vhost)
{
    return lv_table_count(vhost->queues) - vhost->delaying_queues;
}

static size_t count_exchanges(const struct vhost *vhost)
{
    return lv_table_count(vhost->exchanges) + 1; /* the default one */
}

static int64_t room_below(const _Atomic int64_t *limit, int64_t count)
{
    int64_t max = atomic_load_explicit(limit, memory_order_relaxed);
    return max < 0 ? INT64_MAX : max - count;
}

struct node_room node_limits_room(struct topology *t)
{
    return (struct node_room){
        .queues = room_below(&t->limits.queues_max, count_in_vhosts(t, count_queues)),
        .exchanges = room_below(&t->limits.exchanges_max, count_in_vhosts(t, count_exchanges)),
        .vhosts = room_below(&t->limits.vhosts_max, (int64_t)lv_table_count(t->vhosts)),
    };
}

bool node_check_queue_limit(struct topology *t, struct slice name, struct broker_error *error)
{
    int64_t max = atomic_load_explicit(&t->limits.queues_max, memory_order_relaxed);
    if (max < 0 || count_in_vhosts(t, count_queues) < max)
        return true;
    return broker_refuse_as(error, REFUSAL_LIMIT, 406,
                            "cannot declare queue '%.*s': queue limit in cluster (%" PRId64
                            ") is reached",
                            SLICE_ARG(name), max);
}

bool node_check_exchange_limit(struct vhost *vhost, struct slice name, struct broker_error *error)
{
    struct topology *t = vhost->topology;
    int64_t max = atomic_load_explicit(&t->limits.exchanges_max, memory_order_relaxed);
    if (max < 0 || count_in_vhosts(t, count_exchanges) < max)
        return true;
    return broker_refuse_as(error, REFUSAL_LIMIT, 406,
                            "cannot declare exchange '%.*s' in vhost '%.*s': exchange limit of "
                            "%" PRId64 " is reached",
                            SLICE_ARG(name), SLICE_ARG(vhost_name(vhost)), max);
}

bool node_check_vhost_limit(struct topology *t, struct slice name, struct broker_error *error)
{
    int64_t max = atomic_load_explicit(&t->limits.vhosts_max, memory_order_relaxed);
    lv_assert(topology_is_locked(t));
    if (max < 0 || (int64_t)lv_table_count(t->vhosts) < max)
        return true;
    return broker_refuse_as(error, REFUSAL_LIMIT, 406,
                            "cannot create vhost '%.*s': vhost limit of %" PRId64 " is reached",
                            SLICE_ARG(name), max);
}
