/* direct: a message goes where its routing key is bound, byte for byte. */
#include <stdlib.h>

#include "base/memory.h"
#include "broker/exchange_private.h"
#include "broker/keyset.h"

static void direct_create(struct exchange *exchange)
{
    exchange->state = lv_calloc(1, sizeof(struct keyset));
}

static void direct_destroy(struct exchange *exchange)
{
    keyset_free(exchange->state);
    free(exchange->state);
}

static void direct_route(struct exchange *exchange, const struct routing_input *input,
                         struct route_set *ret)
{
    keyset_route(exchange->state, input->routing_key, ret);
}

static void direct_bind(struct exchange *exchange, struct binding *binding)
{
    keyset_add(exchange->state, binding);
}

static void direct_unbind(struct exchange *exchange, struct binding *binding)
{
    keyset_remove(exchange->state, binding);
}

const struct exchange_type exchange_direct = {
    .name = "direct",
    .create = direct_create,
    .destroy = direct_destroy,
    .route = direct_route,
    .bind = direct_bind,
    .unbind = direct_unbind,
};
