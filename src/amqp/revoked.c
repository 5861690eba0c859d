/* Consumers whose user may no longer read their queue. They are cancelled; what they hold stays theirs. */
#include "amqp/channel.h"
#include "base/log.h"

static void cancel_revoked(struct channel *ch)
{
    const struct auth_identity *who = ch->connection->identity;
    struct slice vhost = vhost_name(ch->connection->vhost);
    struct lv_list *it, *after;
    lv_list_each (it, after, &ch->consumers) {
        struct consumer *c = lv_list_item(it, struct consumer, session_link);
        if (auth_allows(who, vhost, AUTH_READ, queue_name(c->queue)))
            continue;
        log_warning(
            "connection %s, channel %u: its user may no longer read queue '%.*s': cancelling "
            "consumer '%.*s'",
            CONNECTION_TITLE(ch->connection), ch->number, SLICE_ARG(queue_name(c->queue)),
            SLICE_ARG(c->tag));
        if (ch->connection->can.consumer_cancel_notify)
            CHANNEL_SEND(ch, basic_cancel, .consumer_tag = c->tag, .no_wait = true);
        channel_cancel_consumer(ch, c, false);
    }
}

void amqp_permissions_changed(struct loop *loop, struct slice user)
{
    struct amqp_loop *home = loop_slot(loop, LOOP_SLOT_AMQP);
    struct lv_list *it, *after;
    lv_list_each (it, after, &home->connections) {
        struct connection *conn = lv_list_item(it, struct connection, link);
        if (conn->state != CONNECTION_RUNNING ||
            !slice_equal(auth_identity_name(conn->identity), user))
            continue;
        for (size_t i = 0; i < conn->channel_count; i++)
            if (conn->channels[i]->state == CHANNEL_OPEN)
                cancel_revoked(conn->channels[i]);
    }
}
