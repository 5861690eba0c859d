/* The class exchange. */
#include <stdlib.h>

#include "amqp/channel.h"
#include "auth/access.h"
#include "topology/exchange_arguments.h"

static void declaration_run(struct channel *ch, struct exchange_declaration *d, bool no_wait)
{
    struct vhost *vhost = ch->connection->session.vhost;
    struct broker_error error = {0};
    bool created;
    d->only_if_there = !d->passive && exchange_find(vhost, d->name);
    if (!access_declare_exchange(ch->connection->session.identity, vhost_name(vhost), d, &error)) {
        channel_refuse(ch, AMQP_EXCHANGE_DECLARE, &error);
        return;
    }
    channel_remark_arguments(ch, AMQP_EXCHANGE_DECLARE, d->name, d->arguments,
                             exchange_argument_is_known);
    struct durable_done done = channel_durable(ch, AMQP_EXCHANGE_DECLARE);
    enum change_result result = exchange_declare(vhost, d, done, &error, &created);
    /* deleted since exchange_find() has found it */
    if (result == CHANGE_REFUSED && error.code == 0) {
        free(done.arg);
        declaration_run(ch, d, no_wait);
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
    declaration_run(ch, &d, m.no_wait);
}

void cmd_exchange_delete(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, exchange_delete, AMQP_EXCHANGE_DELETE, m);
    struct vhost *vhost = ch->connection->session.vhost;
    struct broker_error error = {0};
    if (m.exchange.n > 0 && !access_exchange(ch->connection->session.identity, vhost_name(vhost),
                                             AUTH_CONFIGURE, m.exchange, &error)) {
        channel_refuse(ch, AMQP_EXCHANGE_DELETE, &error);
        return;
    }
    if (!m.no_wait)
        CHANNEL_HOLD_REPLY(ch, exchange_delete_ok, .none = 0);
    struct durable_done done = channel_durable(ch, AMQP_EXCHANGE_DELETE);
    channel_answer(ch, exchange_delete(vhost, m.exchange, m.if_unused, done, &error),
                   AMQP_EXCHANGE_DELETE, &error, done);
}

void cmd_exchange_bind(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, exchange_bind, AMQP_EXCHANGE_BIND, m);
    const struct binding_request request = {
        .source = m.source,
        .destination = m.destination,
        .destination_kind = DESTINATION_EXCHANGE,
        .routing_key = m.routing_key,
        .arguments = m.arguments,
        .connection_id = ch->connection->session.id,
    };
    if (!m.no_wait)
        CHANNEL_HOLD_REPLY(ch, exchange_bind_ok, .none = 0);
    channel_change_binding(ch, AMQP_EXCHANGE_BIND, binding_add, &request);
}

void cmd_exchange_unbind(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, exchange_unbind, AMQP_EXCHANGE_UNBIND, m);
    const struct binding_request request = {
        .source = m.source,
        .destination = m.destination,
        .destination_kind = DESTINATION_EXCHANGE,
        .routing_key = m.routing_key,
        .arguments = m.arguments,
        .connection_id = ch->connection->session.id,
    };
    if (!m.no_wait)
        CHANNEL_HOLD_REPLY(ch, exchange_unbind_ok, .none = 0);
    channel_change_binding(ch, AMQP_EXCHANGE_UNBIND, binding_remove, &request);
}
