/* The default exchange, whose name is empty: each queue is bound to it by its own name. The
 * bindings are implied: vhost->queues is the index, and clients cannot add any. The queues of reply
 * consumers are found by name, too. Creating and deleting such a queue does not increment the
 * topology's generation, so routes to it are not cached. */
#include "topology/exchange_private.h"
#include "topology/queue_entry.h"
#include "topology/route_private.h"

static void default_create(struct exchange *exchange)
{
    exchange->state = NULL;
}

struct queue_entry *exchange_default_find(struct vhost *vhost, struct slice routing_key)
{
    struct queue_entry *queue = queue_entry_find(vhost, routing_key);
    if (!queue && reply_queue_is_name(routing_key))
        queue = reply_queue_find(vhost->topology, routing_key);
    return queue && !queue->is_companion ? queue : NULL;
}

static void default_route(struct exchange *exchange, const struct routing_input *input,
                          struct route_set *ret)
{
    struct queue_entry *queue = exchange_default_find(exchange->vhost, input->routing_key);
    ret->is_never_cached |= reply_queue_is_name(input->routing_key);
    if (queue)
        route_set_add(ret, &queue->destination);
}

static void default_bind(struct exchange *exchange, struct binding *binding)
{
    (void)exchange;
    (void)binding;
    lv_unreachable();
}

const struct exchange_type exchange_default = {
    .name = "direct",
    .create = default_create,
    .destroy = default_create,
    .route = default_route,
    .bind = default_bind,
    .unbind = default_bind,
};
