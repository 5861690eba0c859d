/* What commands ask before they act: permissions, and which queue is meant. */
#include "amqp/channel.h"
#include "wire/table.h"

bool channel_may(const struct channel *ch, enum auth_action action, const char *kind,
                 struct slice name, struct broker_error *error)
{
    const struct auth_identity *who = ch->connection->identity;
    struct slice vhost = vhost_name(ch->connection->vhost);
    if (auth_allows(who, vhost, action, name))
        return true;
    struct slice shown = name.n ? name : slice_str("amq.default");
    return broker_refuse(error, REPLY_ACCESS_REFUSED,
                         "access to %s '%.*s' in vhost '%.*s' refused for user '%.*s'", kind,
                         SLICE_ARG(shown), SLICE_ARG(vhost), SLICE_ARG(auth_identity_name(who)));
}

bool channel_may_topic(const struct channel *ch, struct slice exchange, enum auth_action action,
                       struct slice routing_key, struct broker_error *error)
{
    const struct auth_identity *who = ch->connection->identity;
    struct slice vhost = vhost_name(ch->connection->vhost);
    if (auth_allows_topic(who, vhost, exchange, action, routing_key))
        return true;
    return broker_refuse(error, REPLY_ACCESS_REFUSED,
                         "access to topic '%.*s' in exchange '%.*s' in vhost '%.*s' refused for "
                         "user '%.*s'",
                         SLICE_ARG(routing_key), SLICE_ARG(exchange), SLICE_ARG(vhost),
                         SLICE_ARG(auth_identity_name(who)));
}

bool channel_allows(struct channel *ch, uint32_t method, enum auth_action action, const char *kind,
                    struct slice name)
{
    struct broker_error error;
    bool may = channel_may(ch, action, kind, name, &error);
    if (!may)
        channel_refuse(ch, method, &error);
    return may;
}

bool channel_allows_topic(struct channel *ch, uint32_t method, struct slice exchange,
                          enum auth_action action, struct slice routing_key)
{
    struct broker_error error;
    bool may = channel_may_topic(ch, exchange, action, routing_key, &error);
    if (!may)
        channel_refuse(ch, method, &error);
    return may;
}

bool channel_name_queue(struct channel *ch, uint32_t method, struct slice name,
                        struct slice *ret_name)
{
    if (name.n == 0 && !ch->last_queue) {
        channel_fail(ch, method, REPLY_NOT_FOUND, "no previously declared queue");
        return false;
    }
    *ret_name = name.n ? name : slice_of(ch->last_queue, ch->last_queue_bytes);
    return true;
}

struct queue *channel_find_queue(struct channel *ch, uint32_t method, struct slice name)
{
    struct vhost *vhost = ch->connection->vhost;
    struct queue *q = queue_find(vhost, name);
    struct broker_error error = {0};
    if (!q)
        queue_refuse_missing(name, vhost, &error);
    else if (queue_check_access(q, ch->connection->id, &error))
        return q;
    channel_refuse(ch, method, &error);
    return NULL;
}

bool argument_name(struct slice arguments, const char *key, struct slice *ret)
{
    struct field field;
    if (!table_find(arguments, key, &field) || field.type != FIELD_LONGSTR)
        return false;
    *ret = field.bytes;
    return true;
}

void channel_change_binding(struct channel *ch, uint32_t method, binding_change *change,
                            const struct binding_request *request)
{
    struct broker_error error = {0};
    struct durable_done done = channel_durable(ch, method);
    channel_answer(ch, change(ch->connection->vhost, request, done, &error), method, &error, done);
}
