/* Which permissions a request needs, and the refusal if one is missing.
 *
 * Rules and texts are RabbitMQ's. A text names the first permission that is missing, so the order
 * of the checks is part of the behaviour. */
#include "auth/access.h"

#include "topology/vhost.h"
#include "wire/table.h"
#include "wire/wire.h"

/* Returns true if it is allowed. Otherwise fills in that it is not known yet, or returns false with
 * the error unchanged and *ret_is_known true. */
static bool access_ask(struct auth_identity *who, const struct auth_request *request,
                       struct broker_error *error, bool *ret_is_known)
{
    enum auth_answer answer = auth_check(who, request);
    *ret_is_known = answer != AUTH_UNANSWERED;
    if (!*ret_is_known)
        *error = (struct broker_error){.refusal = REFUSAL_UNANSWERED};
    return answer == AUTH_ALLOWED;
}

static bool access_allows(struct auth_identity *who, struct slice vhost, enum auth_action action,
                          enum auth_resource resource, struct slice name,
                          struct broker_error *error)
{
    const struct auth_request request = {
        .resource = resource, .action = action, .vhost = vhost, .name = name};
    bool is_known;
    if (access_ask(who, &request, error, &is_known))
        return true;
    if (!is_known)
        return false;
    struct slice shown = name.n ? name : slice_str("amq.default");
    return broker_refuse(error, REPLY_ACCESS_REFUSED,
                         "access to %s '%.*s' in vhost '%.*s' refused for user '%.*s'",
                         resource == AUTH_QUEUE ? "queue" : "exchange", SLICE_ARG(shown),
                         SLICE_ARG(vhost), SLICE_ARG(auth_identity_name(who)));
}

bool access_vhost(struct auth_identity *who, struct slice vhost, struct broker_error *error)
{
    const struct auth_request request = {.resource = AUTH_VHOST, .vhost = vhost};
    bool is_known;
    if (access_ask(who, &request, error, &is_known))
        return true;
    return is_known &&
           broker_refuse_connection(error, REPLY_NOT_ALLOWED,
                                    "access to vhost '%.*s' refused for user '%.*s'",
                                    SLICE_ARG(vhost), SLICE_ARG(auth_identity_name(who)));
}

bool access_queue(struct auth_identity *who, struct slice vhost, enum auth_action action,
                  struct slice queue, struct broker_error *error)
{
    return access_allows(who, vhost, action, AUTH_QUEUE, queue, error);
}

bool access_exchange(struct auth_identity *who, struct slice vhost, enum auth_action action,
                     struct slice exchange, struct broker_error *error)
{
    return access_allows(who, vhost, action, AUTH_EXCHANGE, exchange, error);
}

bool access_topic(struct auth_identity *who, struct slice vhost, struct slice exchange,
                  enum auth_action action, struct slice routing_key, struct broker_error *error)
{
    const struct auth_request request = {.resource = AUTH_TOPIC,
                                         .action = action,
                                         .vhost = vhost,
                                         .name = exchange,
                                         .routing_key = routing_key};
    bool is_known;
    if (access_ask(who, &request, error, &is_known))
        return true;
    return is_known &&
           broker_refuse(error, REPLY_ACCESS_REFUSED,
                         "access to topic '%.*s' in exchange '%.*s' in vhost '%.*s' refused for "
                         "user '%.*s'",
                         SLICE_ARG(routing_key), SLICE_ARG(exchange), SLICE_ARG(vhost),
                         SLICE_ARG(auth_identity_name(who)));
}

/* --- declaring -------------------------------------------------------------------------------- */

/* A queue passes messages on to its dead letter exchange: that is reading from the queue and
 * writing to the exchange, so both permissions are needed. */
bool access_declare_queue(struct auth_identity *who, struct slice vhost,
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
bool access_declare_exchange(struct auth_identity *who, struct slice vhost,
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

static bool is_topic(const struct exchange *x)
{
    return slice_is(slice_str(x->type_name), "topic");
}

bool access_bind(struct auth_identity *who, struct vhost *vhost,
                 const struct binding_request *request, struct broker_error *error)
{
    bool is_queue = request->destination_kind == DESTINATION_QUEUE;
    struct slice name = vhost_name(vhost);
    if (request->source.n == 0 || (!is_queue && request->destination.n == 0))
        return true;
    if (!access_allows(who, name, AUTH_WRITE, is_queue ? AUTH_QUEUE : AUTH_EXCHANGE,
                       request->destination, error) ||
        !access_exchange(who, name, AUTH_READ, request->source, error))
        return false;
    const struct exchange *source = exchange_find(vhost, request->source);
    return !source || !is_topic(source) ||
           access_topic(who, name, request->source, AUTH_READ, request->routing_key, error);
}

/* --- publishing ------------------------------------------------------------------------------- */

struct exchange *access_publish(struct auth_identity *who, struct vhost *vhost,
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
    if (is_topic(x) &&
        !access_topic(who, vhost_name(vhost), exchange, AUTH_WRITE, routing_key, error))
        return NULL;
    return x;
}

bool access_user_id(const struct auth_identity *who, const struct properties *props,
                    struct broker_error *error)
{
    return !(props->flags & PROPERTY_USER_ID) ||
           slice_equal(props->user_id, auth_identity_name(who)) || auth_is_impersonator(who) ||
           broker_refuse(error, REPLY_PRECONDITION_FAILED,
                         "user_id property set to '%.*s' but authenticated user was '%.*s'",
                         SLICE_ARG(props->user_id), SLICE_ARG(auth_identity_name(who)));
}
