/* fanout: a message is routed by all bindings. x-message-deduplication routes in the same way; any
 * exchange can deduplicate (dedup.h), and those of this type always do. */
#include <stdlib.h>

#include "base/memory.h"
#include "topology/binding_set.h"
#include "topology/exchange_private.h"

static void fanout_create(struct exchange *exchange)
{
    exchange->state = lv_calloc(1, sizeof(struct binding_set));
}

static void fanout_destroy(struct exchange *exchange)
{
    lv_assert(binding_set_is_empty(exchange->state));
    free(exchange->state);
}

static void fanout_route(struct exchange *exchange, const struct routing_input *input,
                         struct route_set *ret)
{
    (void)input;
    binding_set_route(exchange->state, ret);
}

static void fanout_bind(struct exchange *exchange, struct binding *binding)
{
    binding_set_add(exchange->state, binding);
}

static void fanout_unbind(struct exchange *exchange, struct binding *binding)
{
    binding_set_remove(exchange->state, binding);
}

static bool fanout_explain(struct exchange *exchange, struct binding *binding,
                           const struct routing_input *input, struct lv_buffer *why)
{
    (void)exchange;
    (void)binding;
    (void)input;
    lv_buffer_printf(why, "the exchange takes every binding");
    return true;
}

const struct exchange_type exchange_fanout = {
    .name = "fanout",
    .create = fanout_create,
    .destroy = fanout_destroy,
    .route = fanout_route,
    .bind = fanout_bind,
    .unbind = fanout_unbind,
    .explain = fanout_explain,
};

const struct exchange_type exchange_deduplication = {
    .name = "x-message-deduplication",
    .is_asked_once = true,
    .create = fanout_create,
    .destroy = fanout_destroy,
    .route = fanout_route,
    .bind = fanout_bind,
    .unbind = fanout_unbind,
    .explain = fanout_explain,
};
