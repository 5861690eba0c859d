/* The nameless default exchange: a direct exchange that each queue is bound to under its own name.
 * Those bindings are implied: the vhost's queues by name are its index, and nobody can add one.
 * Reply consumers are bound like queues; they come and go without a new generation of the topology,
 * so routes to them are not kept. */
#include "topology/exchange_private.h"
#include "topology/queue_entry.h"
#include "topology/route_private.h"

static void default_create(struct exchange *exchange)
{
    exchange->state = NULL;
}

static void default_route(struct exchange *exchange, const struct routing_input *input,
                          struct route_set *ret)
{
    struct queue_entry *queue = queue_entry_find(exchange->vhost, input->routing_key);
    if (!queue && reply_queue_is_name(input->routing_key)) {
        queue = reply_queue_find(exchange->vhost->topology, input->routing_key);
        ret->is_never_cached = true;
    }
    if (queue && !queue->is_companion)
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
