/* x-consistent-hash: a message is routed to one destination, chosen by a hash of its routing key,
 * of a header or of a property; a binding's routing key is the weight of its destination.
 *
 *   hash-header, x-hash-on   the header of this name
 *   hash-property            message_id, correlation_id or timestamp
 *   neither                  the routing key
 *
 * This is weighted rendezvous hashing: the value and a destination hashed together give a number u,
 * uniformly distributed between 0 and 1, and the destination with the lowest -log(u) / weight gets
 * the message. So
 *
 *   - a destination whose weight is a tenth of all weights gets a tenth of all values, for weights
 *     of any size;
 *   - a new destination takes its share from all others, and no value moves between those; the
 *     share of a removed one is divided among all others; a changed weight moves only the share
 *     that it gains or loses;
 *   - the choice depends on names and weights alone, not on the order of binding or on restarts.
 *
 * A hash ring has these properties only on average, and needs as many points as the sum of all
 * weights. The price is a logarithm for each binding; routes by routing key are cached.
 *
 * If a destination has several bindings, the one with the highest weight counts. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "message/delivery.h"
#include "topology/binding_array.h"
#include "topology/exchange_private.h"
#include "topology/route.h"
#include "wire/properties.h"
#include "wire/table.h"

struct consistent_hash {
    struct binding_array binding_array;
    struct slice header;    /* to hash; borrowed from the exchange's arguments. p == NULL: none */
    enum property property; /* to hash; 0: none */
};

/* --- the hashed value ------------------------------------------------------------------------- */

/* The hash of messages without the header or property, which all have the same destination. */
static const uint64_t HASH_OF_NOTHING = 0x6e6f7468696e67;

static uint64_t hash_of_number(uint64_t number)
{
    return hash_mix(number + 0x9e3779b97f4a7c15u);
}

static uint64_t hash_of_field(const struct field *f)
{
    switch (f->type) {
    case FIELD_LONGSTR:
    case FIELD_BINARY:
    case FIELD_TABLE:
    case FIELD_ARRAY: return lv_hash(f->bytes);
    case FIELD_BOOL: return hash_of_number(f->b);
    case FIELD_FLOAT:
    case FIELD_DOUBLE: return lv_hash(slice_of((const uint8_t *)&f->f, sizeof f->f));
    default: return hash_of_number((uint64_t)f->i + f->scale);
    }
}

static uint64_t hash_of_header(struct slice header, const struct routing_input *input)
{
    struct field f;
    bool is_there = input->has_headers && table_find_slice(input->headers, header, &f);
    return is_there ? hash_of_field(&f) : HASH_OF_NOTHING;
}

static uint64_t hash_of_property(enum property property, const struct routing_input *input)
{
    struct properties properties;
    if (!input->message || !properties_read(input->message->header, &properties) ||
        !(properties.flags & property))
        return HASH_OF_NOTHING;
    switch (property) {
    case PROPERTY_MESSAGE_ID: return lv_hash(properties.message_id);
    case PROPERTY_CORRELATION_ID: return lv_hash(properties.correlation_id);
    default: return hash_of_number(properties.timestamp);
    }
}

static uint64_t hash_of(const struct consistent_hash *hash, const struct routing_input *input)
{
    if (hash->header.p)
        return hash_of_header(hash->header, input);
    if (hash->property)
        return hash_of_property(hash->property, input);
    return lv_hash(input->routing_key);
}

/* --- routing ---------------------------------------------------------------------------------- */

static double slot_score(uint64_t hash, const struct binding_array_slot *slot)
{
    /* 52 random bits and a half, so that u is never 0 and never 1. */
    double u = ((double)(hash_mix(hash ^ slot->seed) >> 12) + 0.5) * 0x1p-52;
    return -log(u) / slot->weight;
}

static void consistent_hash_route(struct exchange *exchange, const struct routing_input *input,
                                  struct route_set *ret)
{
    struct consistent_hash *state = exchange->state;
    const struct binding_array_slots *binding_array = binding_array_view(&state->binding_array);
    if (!binding_array)
        return;
    uint64_t hash = hash_of(state, input);
    const struct binding_array_slot *best = &binding_array->at[0];
    double lowest = slot_score(hash, best);
    for (size_t i = 1; i < binding_array->count; i++) {
        double s = slot_score(hash, &binding_array->at[i]);
        if (s < lowest) {
            lowest = s;
            best = &binding_array->at[i];
        }
    }
    route_set_add(ret, best->binding->destination);
}

/* --- arguments -------------------------------------------------------------------------------- */

static enum property property_of(struct slice name)
{
    if (slice_is(name, "message_id"))
        return PROPERTY_MESSAGE_ID;
    if (slice_is(name, "correlation_id"))
        return PROPERTY_CORRELATION_ID;
    return slice_is(name, "timestamp") ? PROPERTY_TIMESTAMP : 0;
}

/* Finds the argument of this name. Returns false, with error 406, if it is not a string. If there
 * is no such argument, *ret is unchanged; if it is an empty string, ret->p is not NULL. */
static bool argument_find_string(const struct exchange_declaration *d, struct vhost *vhost,
                                 const char *name, struct slice *ret, struct broker_error *error)
{
    struct field f;
    if (!table_find(d->arguments, name, &f))
        return true;
    if (f.type != FIELD_LONGSTR)
        return exchange_refuse_type(d, vhost, name, &f, error);
    *ret = f.bytes.p ? f.bytes : slice_str("");
    return true;
}

static bool consistent_hash_check_arguments(struct vhost *vhost,
                                            const struct exchange_declaration *d,
                                            struct broker_error *error)
{
    struct slice header = SLICE_EMPTY, property = SLICE_EMPTY;
    if (!argument_find_string(d, vhost, "x-hash-on", &header, error) ||
        !argument_find_string(d, vhost, "hash-header", &header, error) ||
        !argument_find_string(d, vhost, "hash-property", &property, error))
        return false;
    if (header.p && property.p)
        return broker_refuse(error, 406, "hash-header and hash-property are mutually exclusive");
    if (property.p && !property_of(property))
        return broker_refuse(error, 406, "Unsupported property: %.*s", SLICE_ARG(property));
    return true;
}

static struct slice argument_string(struct slice arguments, const char *name)
{
    struct field f;
    if (!table_find(arguments, name, &f) || f.type != FIELD_LONGSTR)
        return SLICE_EMPTY;
    return f.bytes.p ? f.bytes : slice_str("");
}

/* --- weights ---------------------------------------------------------------------------------- */

/* Reads a decimal integer with an optional sign and any number of digits. Returns false if the key
 * is not such an integer. */
static bool weight_read(struct slice key, double *ret)
{
    size_t at = key.n > 0 && (key.p[0] == '-' || key.p[0] == '+');
    bool is_negative = at && key.p[0] == '-';
    double weight = 0;
    if (at == key.n)
        return false;
    for (; at < key.n; at++) {
        if (key.p[at] < '0' || key.p[at] > '9')
            return false;
        weight = weight * 10 + (key.p[at] - '0');
    }
    *ret = is_negative ? -weight : weight;
    return true;
}

static bool consistent_hash_check(struct slice routing_key, struct slice arguments,
                                  struct broker_error *error)
{
    (void)arguments;
    double weight;
    if (weight_read(routing_key, &weight)) {
        return weight >= 1 || broker_refuse(error, 406, "The binding key must be greater than 0");
    }
    struct lv_buffer key = {0};
    field_describe(&key, &(struct field){.type = FIELD_LONGSTR, .bytes = routing_key});
    broker_refuse(error, 406, "The binding key must be an integer: %.*s",
                  SLICE_ARG(lv_buffer_slice(&key)));
    lv_buffer_free(&key);
    return false;
}

/* --- changing, under the lock ----------------------------------------------------------------- */

static void consistent_hash_create(struct exchange *exchange)
{
    struct consistent_hash *state = lv_calloc(1, sizeof *state);
    state->header = argument_string(exchange->arguments, "hash-header");
    if (!state->header.p)
        state->header = argument_string(exchange->arguments, "x-hash-on");
    state->property = property_of(argument_string(exchange->arguments, "hash-property"));
    exchange->is_never_cached |= state->header.p || state->property;
    exchange->state = state;
}

static void consistent_hash_destroy(struct exchange *exchange)
{
    struct consistent_hash *state = exchange->state;
    lv_assert(!binding_array_view(&state->binding_array));
    free(state);
}

static void consistent_hash_bind(struct exchange *exchange, struct binding *binding)
{
    struct consistent_hash *state = exchange->state;
    double weight = 1;
    if (!weight_read(binding->routing_key, &weight) || weight < 1)
        weight = 1; /* restored bindings are not checked */
    binding_array_add(&state->binding_array, binding, weight);
}

static void consistent_hash_unbind(struct exchange *exchange, struct binding *binding)
{
    struct consistent_hash *state = exchange->state;
    binding_array_remove(&state->binding_array, binding);
}

const struct exchange_type exchange_consistent_hash = {
    .name = "x-consistent-hash",
    .is_asked_once = true,
    .check_arguments = consistent_hash_check_arguments,
    .create = consistent_hash_create,
    .destroy = consistent_hash_destroy,
    .route = consistent_hash_route,
    .check = consistent_hash_check,
    .bind = consistent_hash_bind,
    .unbind = consistent_hash_unbind,
};
