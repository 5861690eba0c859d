/* Which permissions a request needs, and the refusal if one is missing.
 *
 * Rules and texts are RabbitMQ's. A text names the first permission that is missing, so the order
 * of the checks is part of the behaviour. */
#include "auth/access.h"

#include "topology/vhost.h"
#include "wire/table.h"
#include "wire/wire.h"

static bool access_allows(const struct auth_identity *who, struct slice vhost,
                          enum auth_action action, const char *kind, struct slice name,
                          struct broker_error *error)
{
    if (auth_allows(who, vhost, action, name))
        return true;
    struct slice shown = name.n ? name : slice_str("amq.default");
    return broker_refuse(error, REPLY_ACCESS_REFUSED,
                         "access to %s '%.*s' in vhost '%.*s' refused for user '%.*s'", kind,
                         SLICE_ARG(shown), SLICE_ARG(vhost), SLICE_ARG(auth_identity_name(who)));
}

bool access_queue(const struct auth_identity *who, struct slice vhost, enum auth_action action,
                  struct slice queue, struct broker_error *error)
{
    return access_allows(who, vhost, action, "queue", queue, error);
}

bool access_exchange(const struct auth_identity *who, struct slice vhost, enum auth_action action,
                     struct slice exchange, struct broker_error *error)
{
    return access_allows(who, vhost, action, "exchange", exchange, error);
}

bool access_topic(const struct auth_identity *who, struct slice vhost, struct slice exchange,
                  enum auth_action action, struct slice routing_key, struct broker_error *error)
{
    if (auth_allows_topic(who, vhost, exchange, action, routing_key))
        return true;
    return broker_refuse(error, REPLY_ACCESS_REFUSED,
                         "access to topic '%.*s' in exchange '%.*s' in vhost '%.*s' refused for "
                         "user '%.*s'",
                         SLICE_ARG(routing_key), SLICE_ARG(exchange), SLICE_ARG(vhost),
                         SLICE_ARG(auth_identity_name(who)));
}

/* --- declaring -------------------------------------------------------------------------------- */

/* A queue passes messages on to its dead letter exchange: that is reading from the queue and
 * writing to the exchange, so both permissions are needed. */
bool access_declare_queue(const struct auth_identity *who, struct slice vhost,
                          const struct queue_declaration *d, struct broker_error *error)
{
    if (d->passive)
        return true;
    if (!access_queue(who, vhost, AUTH_CONFIGURE, d->name, error))
        return false;
    struct slice dead_letter;
    if (d->only_if_there ||
        !table_find_string(d->arguments, "x-dead-letter-exchange", &dead_letter))
        return true;
    return access_queue(who, vhost, AUTH_READ, d->name, error) &&
           access_exchange(who, vhost, AUTH_WRITE, dead_letter, error);
}

/* An exchange passes messages on to its alternate exchange, which also needs both. Anybody may
 * declare the default exchange, since that changes nothing. */
bool access_declare_exchange(const struct auth_identity *who, struct slice vhost,
                             const struct exchange_declaration *d, struct broker_error *error)
{
    if (d->passive)
        return true;
    if (d->name.n > 0 && !access_exchange(who, vhost, AUTH_CONFIGURE, d->name, error))
        return false;
    struct slice alternate;
    if (d->only_if_there || !table_find_string(d->arguments, "alternate-exchange", &alternate))
        return true;
    return access_exchange(who, vhost, AUTH_READ, d->name, error) &&
           access_exchange(who, vhost, AUTH_WRITE, alternate, error);
}

/* --- binding ---------------------------------------------------------------------------------- */

bool access_bind(const struct auth_identity *who, struct slice vhost,
                 const struct binding_request *request, struct broker_error *error)
{
    bool is_queue = request->destination_kind == DESTINATION_QUEUE;
    if (request->source.n == 0 || (!is_queue && request->destination.n == 0))
        return true;
    return access_allows(who, vhost, AUTH_WRITE, is_queue ? "queue" : "exchange",
                         request->destination, error) &&
           access_exchange(who, vhost, AUTH_READ, request->source, error) &&
           access_topic(who, vhost, request->source, AUTH_READ, request->routing_key, error);
}

/* --- publishing ------------------------------------------------------------------------------- */

struct exchange *access_publish(const struct auth_identity *who, struct vhost *vhost,
                                struct slice exchange, struct slice routing_key,
                                struct broker_error *error)
{
    if (!access_exchange(who, vhost_name(vhost), AUTH_WRITE, exchange, error))
        return NULL;
    struct exchange *x = exchange_find(vhost, exchange);
    if (!x) {
        exchange_refuse_missing(exchange, vhost, error);
        return NULL;
    }
    if (x->is_internal) {
        broker_refuse_as(error, REFUSAL_RESERVED, REPLY_ACCESS_REFUSED,
                         "cannot publish to internal exchange '%.*s' in vhost '%.*s'",
                         SLICE_ARG(exchange), SLICE_ARG(vhost_name(vhost)));
        return NULL;
    }
    if (slice_is(slice_str(x->type_name), "topic") &&
        !access_topic(who, vhost_name(vhost), exchange, AUTH_WRITE, routing_key, error))
        return NULL;
    return x;
}
