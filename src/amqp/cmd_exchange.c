/* The class exchange. */
#include <stdlib.h>

#include "amqp/channel.h"

/* An alternate exchange gets this one's messages: that needs read here and write there. */
static bool allows_declare(struct channel *ch, const struct exchange_declaration *d)
{
    struct slice alternate;
    if (d->passive)
        return true;
    if (d->name.n > 0 &&
        !channel_allows(ch, AMQP_EXCHANGE_DECLARE, AUTH_CONFIGURE, "exchange", d->name))
        return false;
    if (!argument_name(d->arguments, "alternate-exchange", &alternate) || d->only_if_there)
        return true;
    return channel_allows(ch, AMQP_EXCHANGE_DECLARE, AUTH_READ, "exchange", d->name) &&
           channel_allows(ch, AMQP_EXCHANGE_DECLARE, AUTH_WRITE, "exchange", alternate);
}

static void declare(struct channel *ch, struct exchange_declaration *d, bool no_wait)
{
    struct vhost *vhost = ch->connection->vhost;
    struct broker_error error = {0};
    bool created;
    d->only_if_there = !d->passive && exchange_find(vhost, d->name);
    if (!allows_declare(ch, d))
        return;
    channel_remark_arguments(ch, AMQP_EXCHANGE_DECLARE, d->name, d->arguments,
                             exchange_argument_is_known);
    struct durable_done done = channel_durable(ch, AMQP_EXCHANGE_DECLARE);
    enum change_result result = exchange_declare(vhost, d, done, &error, &created);
    if (result == CHANGE_REFUSED && error.code == 0) { /* it has gone since it was looked for */
        free(done.arg);
        declare(ch, d, no_wait);
        return;
    }
    if (result != CHANGE_REFUSED && !no_wait)
        CHANNEL_HOLD_REPLY(ch, exchange_declare_ok, .none = 0);
    channel_answer(ch, result, AMQP_EXCHANGE_DECLARE, &error, done);
}

void cmd_exchange_declare(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, exchange_declare, AMQP_EXCHANGE_DECLARE, m);
    struct exchange_declaration d = {
        .name = m.exchange,
        .type = m.type,
        .passive = m.passive,
        .durable = m.durable,
        .auto_delete = m.auto_delete,
        .internal = m.internal,
        .arguments = m.arguments,
    };
    declare(ch, &d, m.no_wait);
}

void cmd_exchange_delete(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, exchange_delete, AMQP_EXCHANGE_DELETE, m);
    if (m.exchange.n > 0 &&
        !channel_allows(ch, AMQP_EXCHANGE_DELETE, AUTH_CONFIGURE, "exchange", m.exchange))
        return;
    if (!m.no_wait)
        CHANNEL_HOLD_REPLY(ch, exchange_delete_ok, .none = 0);
    struct broker_error error = {0};
    struct durable_done done = channel_durable(ch, AMQP_EXCHANGE_DELETE);
    channel_answer(ch,
                   exchange_delete(ch->connection->vhost, m.exchange, m.if_unused, done, &error),
                   AMQP_EXCHANGE_DELETE, &error, done);
}

/* Binding needs write on the destination and read on the source, and read on the topic. */
static bool allows_binding(struct channel *ch, uint32_t method, struct slice destination,
                           struct slice source, struct slice routing_key)
{
    if (destination.n == 0 || source.n == 0)
        return true; /* refused for another reason */
    return channel_allows(ch, method, AUTH_WRITE, "exchange", destination) &&
           channel_allows(ch, method, AUTH_READ, "exchange", source) &&
           channel_allows_topic(ch, method, source, AUTH_READ, routing_key);
}

void cmd_exchange_bind(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, exchange_bind, AMQP_EXCHANGE_BIND, m);
    if (!allows_binding(ch, AMQP_EXCHANGE_BIND, m.destination, m.source, m.routing_key))
        return;
    const struct binding_request request = {
        .source = m.source,
        .destination = m.destination,
        .destination_kind = DESTINATION_EXCHANGE,
        .routing_key = m.routing_key,
        .arguments = m.arguments,
        .connection_id = ch->connection->id,
    };
    if (!m.no_wait)
        CHANNEL_HOLD_REPLY(ch, exchange_bind_ok, .none = 0);
    channel_change_binding(ch, AMQP_EXCHANGE_BIND, binding_add, &request);
}

void cmd_exchange_unbind(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, exchange_unbind, AMQP_EXCHANGE_UNBIND, m);
    if (!allows_binding(ch, AMQP_EXCHANGE_UNBIND, m.destination, m.source, m.routing_key))
        return;
    const struct binding_request request = {
        .source = m.source,
        .destination = m.destination,
        .destination_kind = DESTINATION_EXCHANGE,
        .routing_key = m.routing_key,
        .arguments = m.arguments,
        .connection_id = ch->connection->id,
    };
    if (!m.no_wait)
        CHANNEL_HOLD_REPLY(ch, exchange_unbind_ok, .none = 0);
    channel_change_binding(ch, AMQP_EXCHANGE_UNBIND, binding_remove, &request);
}
