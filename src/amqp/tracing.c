/* What passes a channel is shown to the firehose. */
#include "amqp/channel.h"

static struct trace_channel trace_channel_of(const struct channel *ch)
{
    return (struct trace_channel){
        .connection = slice_str(ch->connection->name),
        .user = auth_identity_name(ch->connection->identity),
        .number = ch->number,
    };
}

void channel_trace_publish(struct channel *ch, const struct delivery *message, struct slice bcc,
                           const struct route *route)
{
    const struct trace_channel who = trace_channel_of(ch);
    trace_published(connection_loop(ch->connection), ch->connection->vhost, &who, message, bcc,
                    route);
}

void channel_trace_delivery(struct channel *ch, struct slice queue, const struct delivery *message)
{
    const struct trace_channel who = trace_channel_of(ch);
    trace_delivered(connection_loop(ch->connection), ch->connection->vhost, &who, queue, message);
}

void connection_hold_for_trace(struct connection *conn, struct slice exchange)
{
    if (conn->state != CONNECTION_RUNNING || conn->held_for)
        return;
    struct queue *q = trace_find_behind(connection_loop(conn), conn->vhost, exchange);
    if (q)
        connection_hold(conn, q);
}
