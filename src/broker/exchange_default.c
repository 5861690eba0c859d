/* The nameless default exchange: a direct exchange that each queue is bound to under its own name.
 * Those bindings are implied: the vhost's queues by name are its index, and nobody can add one. */
#include "broker/delayed.h"
#include "broker/exchange_private.h"
#include "broker/queue.h"

static void default_create(struct exchange *exchange)
{
    exchange->state = NULL;
}

static void default_route(struct exchange *exchange, const struct routing_input *input,
                          struct route_set *ret)
{
    struct queue *queue = queue_find(exchange->vhost, input->routing_key);
    if (queue && !delayed_is_queue(queue_name(queue)))
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
