/* struct frontend for AMQP 0-9-1: what session/ asks of every protocol. */
#define LOG_CATEGORY LOG_ABOUT_CONNECTION

#include "amqp/channel.h"
#include "base/log.h"

/* A connection that has not finished the handshake is closed without an answer. It is logged as a
 * warning, since an operator closed it and the client made no error. */
static void amqp_close(struct session *s, const struct broker_error *why)
{
    struct connection *conn = connection_of(s);
    if (connection_is_open(conn)) {
        connection_fail(conn, 0, why->code, 0, "%s", why->text);
    } else if (conn->state < CONNECTION_RUNNING) {
        connection_log_forced(conn, why->text);
        connection_drop(conn);
    }
}

/* Executes what the channels have kept. That may end any of them, and add others. */
static void amqp_execute(struct session *s)
{
    struct connection *conn = connection_of(s);
    for (size_t i = 0; i < conn->channel_count && session_executes(s);) {
        struct channel *ch = conn->channels[i];
        channel_execute_deferred(ch);
        if (i < conn->channel_count && conn->channels[i] == ch)
            i++;
    }
    connection_try_to_finish(conn);
}

static void amqp_blocked(struct session *s, const char *reason)
{
    struct connection *conn = connection_of(s);
    if (!conn->can.connection_blocked)
        return;
    CONNECTION_SEND(conn, 0, connection_blocked, .reason = slice_str(reason));
    conn->was_told_blocked = true;
}

static void amqp_unblocked(struct session *s)
{
    struct connection *conn = connection_of(s);
    if (!conn->was_told_blocked)
        return;
    CONNECTION_SEND(conn, 0, connection_unblocked, .none = 0);
    conn->was_told_blocked = false;
}

static void amqp_probe(struct session *s)
{
    connection_send_heartbeat(connection_of(s));
}

static bool amqp_holds_anything(const struct session *s)
{
    const struct connection *conn = lv_container_of(s, const struct connection, session);
    for (size_t i = 0; i < conn->channel_count; i++) {
        const struct channel *ch = conn->channels[i];
        if (ch->unacked.count > 0 || tx_publish_count(ch) > 0 || ch->incoming)
            return true;
    }
    return false;
}

static void amqp_queues_ended(struct session *s)
{
    connection_zombie_gone(connection_of(s));
}

static void amqp_timeouts_changed(struct session *s)
{
    struct connection *conn = connection_of(s);
    for (size_t i = 0; i < conn->channel_count; i++)
        channel_look_for_timeouts(conn->channels[i]);
}

static void amqp_permissions_changed(struct session *s)
{
    struct connection *conn = connection_of(s);
    for (size_t i = 0; i < conn->channel_count; i++) {
        if (conn->channels[i]->state == CHANNEL_OPEN)
            channel_cancel_revoked(conn->channels[i]);
    }
}

/* Returns the channel of this number if it is open, else NULL. */
static struct channel *open_channel(struct session *s, uint16_t number)
{
    struct channel *ch = connection_find_channel(connection_of(s), number);
    return ch && ch->state == CHANNEL_OPEN ? ch : NULL;
}

static bool amqp_set_prefetch(struct session *s, uint16_t channel, uint32_t count)
{
    struct channel *ch = open_channel(s, channel);
    if (ch)
        channel_set_prefetch(ch, count, true);
    return ch != NULL;
}

static bool amqp_cancel_consumer(struct session *s, uint16_t channel, struct slice tag)
{
    struct channel *ch = open_channel(s, channel);
    struct consumer *c = ch ? channel_find_consumer(ch, tag) : NULL;
    if (c)
        channel_cancel_forced(ch, c);
    return c != NULL;
}

const struct frontend amqp_frontend = {
    .name = "amqp",
    .purpose = "AMQP 0-9-1",
    .protocol = "{0,9,1}",
    .counted = "amqp091",
    .accepted = connection_accepted,
    .close = amqp_close,
    .execute = amqp_execute,
    .blocked = amqp_blocked,
    .unblocked = amqp_unblocked,
    .probe = amqp_probe,
    .holds_anything = amqp_holds_anything,
    .queues_ended = amqp_queues_ended,
    .timeouts_changed = amqp_timeouts_changed,
    .permissions_changed = amqp_permissions_changed,
    .set_prefetch = amqp_set_prefetch,
    .cancel_consumer = amqp_cancel_consumer,
    .add_facts = connection_add_facts,
    .visit_channels = connection_visit_channels,
};
