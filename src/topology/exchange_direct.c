/* direct: a message is routed by the bindings that have its routing key, byte for byte. */
#include <stdlib.h>

#include "base/memory.h"
#include "topology/binding_map.h"
#include "topology/exchange_private.h"

static void direct_create(struct exchange *exchange)
{
    exchange->state = lv_calloc(1, sizeof(struct binding_map));
}

static void direct_destroy(struct exchange *exchange)
{
    binding_map_free(exchange->state);
    free(exchange->state);
}

static void direct_route(struct exchange *exchange, const struct routing_input *input,
                         struct route_set *ret)
{
    binding_map_route(exchange->state, input->routing_key, ret);
}

static void direct_bind(struct exchange *exchange, struct binding *binding)
{
    binding_map_add(exchange->state, binding);
}

static void direct_unbind(struct exchange *exchange, struct binding *binding)
{
    binding_map_remove(exchange->state, binding);
}

static bool direct_explain(struct exchange *exchange, struct binding *binding,
                           const struct routing_input *input, struct lv_buffer *why)
{
    (void)exchange;
    bool is_equal = slice_equal(binding->routing_key, input->routing_key);
    lv_buffer_printf(why, is_equal ? "the keys are equal" : "the keys differ");
    return is_equal;
}

const struct exchange_type exchange_direct = {
    .name = "direct",
    .create = direct_create,
    .destroy = direct_destroy,
    .route = direct_route,
    .bind = direct_bind,
    .unbind = direct_unbind,
    .explain = direct_explain,
};
