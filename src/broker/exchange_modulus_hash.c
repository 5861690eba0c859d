/* x-modulus-hash: the hash of the routing key, modulo the number of bindings, says which binding a
 * message takes. Of two bindings to one queue each counts; what they are bound by does not. The
 * bindings stand in an order of their own (lineup.h), so the choice is the same after a restart. */
#include <stdlib.h>

#include "base/memory.h"
#include "broker/exchange_private.h"
#include "broker/lineup.h"
#include "broker/route.h"

static void modulus_create(struct exchange *exchange)
{
    exchange->state = lv_calloc(1, sizeof(struct lineup));
}

static void modulus_destroy(struct exchange *exchange)
{
    lv_assert(!lineup_view(exchange->state));
    free(exchange->state);
}

static void modulus_route(struct exchange *exchange, const struct routing_input *input,
                          struct route_set *ret)
{
    const struct lineup_array *lineup = lineup_view(exchange->state);
    if (!lineup)
        return;
    size_t place = lv_hash(input->routing_key) % lineup->count;
    route_set_add(ret, lineup->at[place].binding->destination);
}

static void modulus_bind(struct exchange *exchange, struct binding *binding)
{
    lineup_add(exchange->state, binding, 1);
}

static void modulus_unbind(struct exchange *exchange, struct binding *binding)
{
    lineup_remove(exchange->state, binding);
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
