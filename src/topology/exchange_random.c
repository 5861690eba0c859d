/* x-random: a message takes one of the bindings at random; routing keys do not matter. Several
 * bindings to one queue count as several. x-local-random does the same: on a single node all queues
 * are local. */
#include <stdlib.h>

#include "base/memory.h"
#include "topology/binding_array.h"
#include "topology/exchange_private.h"
#include "topology/route_private.h"

static void random_create(struct exchange *exchange)
{
    exchange->state = lv_calloc(1, sizeof(struct binding_array));
}

static void random_destroy(struct exchange *exchange)
{
    lv_assert(!binding_array_view(exchange->state));
    free(exchange->state);
}

static void random_route(struct exchange *exchange, const struct routing_input *input,
                         struct route_set *ret)
{
    (void)input;
    const struct binding_array_slots *binding_array = binding_array_view(exchange->state);
    if (!binding_array)
        return;
    size_t i = spread_below(route_set_random(ret), binding_array->count);
    route_set_add(ret, binding_array->at[i].binding->destination);
}

static void random_bind(struct exchange *exchange, struct binding *binding)
{
    binding_array_add(exchange->state, binding, 1);
}

static void random_unbind(struct exchange *exchange, struct binding *binding)
{
    binding_array_remove(exchange->state, binding);
}

#define RANDOM_TYPE(type_name)                                                                     \
    {                                                                                              \
        .name = (type_name), .is_asked_once = true, .is_never_cached = true,                       \
        .create = random_create, .destroy = random_destroy, .route = random_route,                 \
        .bind = random_bind, .unbind = random_unbind,                                              \
    }

const struct exchange_type exchange_random = RANDOM_TYPE("x-random");
const struct exchange_type exchange_local_random = RANDOM_TYPE("x-local-random");
