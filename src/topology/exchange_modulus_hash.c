/* x-modulus-hash: the hash of the routing key, modulo the number of bindings, is the index of the
 * binding that a message takes. Several bindings to one queue count as several; their routing keys
 * do not matter. The order of the bindings is that of binding_array.h, so the choice is the same
 * after a restart. */
#include <stdlib.h>

#include "base/memory.h"
#include "topology/binding_array.h"
#include "topology/exchange_private.h"
#include "topology/route.h"

static void modulus_create(struct exchange *exchange)
{
    exchange->state = lv_calloc(1, sizeof(struct binding_array));
}

static void modulus_destroy(struct exchange *exchange)
{
    lv_assert(!binding_array_view(exchange->state));
    free(exchange->state);
}

static void modulus_route(struct exchange *exchange, const struct routing_input *input,
                          struct route_set *ret)
{
    const struct binding_array_slots *binding_array = binding_array_view(exchange->state);
    if (!binding_array)
        return;
    size_t i = lv_hash(input->routing_key) % binding_array->count;
    route_set_add(ret, binding_array->at[i].binding->destination);
}

static void modulus_bind(struct exchange *exchange, struct binding *binding)
{
    binding_array_add(exchange->state, binding, 1);
}

static void modulus_unbind(struct exchange *exchange, struct binding *binding)
{
    binding_array_remove(exchange->state, binding);
}

const struct exchange_type exchange_modulus_hash = {
    .name = "x-modulus-hash",
    .is_asked_once = true,
    .create = modulus_create,
    .destroy = modulus_destroy,
    .route = modulus_route,
    .bind = modulus_bind,
    .unbind = modulus_unbind,
};
