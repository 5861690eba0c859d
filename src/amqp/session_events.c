/* What sessions have to say to the event exchange (message/events.h). */
#include "amqp/channel.h"
#include "message/events.h"
#include "wire/table.h"

static struct broker *broker_of(const struct connection *conn)
{
    return connection_server(conn)->broker;
}

static struct slice user_of(const struct connection *conn)
{
    return conn->identity ? auth_identity_name(conn->identity) : SLICE_EMPTY;
}

static struct event_field actor_of(const struct connection *conn)
{
    return EVENT_STR("user_who_performed_action", user_of(conn));
}

/* The name that the client gave itself. */
static struct event_field provided_name_of(const struct connection *conn)
{
    struct slice name;
    if (!table_find_string(conn->client_properties, "connection_name", &name))
        return EVENT_NONE;
    return EVENT_STR("user_provided_name", name);
}

/* --- logins --------------------------------------------------------------------------------- */

void connection_event_login(struct connection *conn, struct slice user, struct slice mechanism,
                            bool is_success, struct slice reason)
{
    const struct net_peer *peer = &conn->peer;
    event_emit(broker_of(conn),
               is_success ? "user.authentication.success" : "user.authentication.failure",
               is_success ? EVENT_NONE : EVENT_CHARS("error", reason), EVENT_BOOL("ssl", false),
               EVENT_STR("auth_mechanism", mechanism), EVENT_TEXT("protocol", "{0,9,1}"),
               EVENT_LONG("peer_port", peer->peer.port),
               EVENT_ADDRESS("peer_host", slice_str(peer->peer.text)),
               EVENT_TEXT("connection_name", conn->name),
               EVENT_ADDRESS("host", slice_str(peer->local.text)), EVENT_STR("name", user),
               EVENT_TEXT("connection_type", "network"));
}

/* --- connections ---------------------------------------------------------------------------- */

void connection_event_created(struct connection *conn)
{
    struct broker *broker = broker_of(conn);
    char pid[EVENT_PID_MAX];
    const struct net_peer *peer = &conn->peer;
    event_emit(
        broker, "connection.created", actor_of(conn), EVENT_TEXT("node", broker->node_name),
        EVENT_LONG("connected_at", conn->connected_at_ms),
        EVENT_ARGUMENTS("client_properties", conn->client_properties),
        EVENT_LONG("channel_max", conn->channel_max),
        EVENT_LONG("frame_max", conn->frame_bytes_max), EVENT_LONG("timeout", conn->heartbeat_s),
        EVENT_STR("vhost", vhost_name(conn->vhost)), EVENT_STR("user", user_of(conn)),
        EVENT_TEXT("protocol", "{0,9,1}"), EVENT_TEXT("ssl_hash", ""), EVENT_TEXT("ssl_cipher", ""),
        EVENT_TEXT("ssl_key_exchange", ""), EVENT_TEXT("ssl_protocol", ""),
        EVENT_TEXT("auth_mechanism", conn->mechanism), EVENT_TEXT("peer_cert_validity", ""),
        EVENT_TEXT("peer_cert_issuer", ""), EVENT_TEXT("peer_cert_subject", ""),
        EVENT_BOOL("ssl", false), EVENT_ADDRESS("peer_host", slice_str(peer->peer.text)),
        EVENT_ADDRESS("host", slice_str(peer->local.text)),
        EVENT_LONG("peer_port", peer->peer.port), EVENT_LONG("port", peer->local.port),
        EVENT_TEXT("name", conn->name), EVENT_STR("pid", event_pid(broker, pid, conn->id, 0)),
        EVENT_TEXT("type", "network"), provided_name_of(conn));
}

void connection_event_closed(struct connection *conn)
{
    struct broker *broker = broker_of(conn);
    char pid[EVENT_PID_MAX];
    event_emit(broker, "connection.closed",
               EVENT_ARGUMENTS("client_properties", conn->client_properties),
               EVENT_TEXT("node", broker->node_name),
               EVENT_STR("pid", event_pid(broker, pid, conn->id, 0)),
               EVENT_TEXT("name", conn->name), provided_name_of(conn));
}

/* --- channels ------------------------------------------------------------------------------- */

static struct slice channel_pid(const struct channel *ch, char space[EVENT_PID_MAX])
{
    return event_pid(broker_of(ch->connection), space, ch->connection->id, ch->number);
}

void channel_event_created(struct channel *ch)
{
    struct connection *conn = ch->connection;
    struct broker *broker = broker_of(conn);
    char pid[EVENT_PID_MAX], connection[EVENT_PID_MAX];
    if (!events_are_wanted(broker))
        return;
    struct lv_buffer name = {0};
    lv_buffer_printf(&name, "%s (%u)", conn->name, ch->number);
    event_emit(broker, "channel.created", actor_of(conn),
               EVENT_STR("vhost", vhost_name(conn->vhost)), EVENT_STR("user", user_of(conn)),
               EVENT_LONG("number", ch->number),
               EVENT_STR("connection", event_pid(broker, connection, conn->id, 0)),
               EVENT_STR("name", lv_buffer_slice(&name)), EVENT_STR("pid", channel_pid(ch, pid)));
    lv_buffer_free(&name);
}

void channel_event_closed(struct channel *ch)
{
    char pid[EVENT_PID_MAX];
    event_emit(broker_of(ch->connection), "channel.closed", actor_of(ch->connection),
               EVENT_STR("pid", channel_pid(ch, pid)));
}

/* --- consumers ------------------------------------------------------------------------------ */

void consumer_event_created(struct channel *ch, const struct consumer *c)
{
    char pid[EVENT_PID_MAX];
    event_emit(broker_of(ch->connection), "consumer.created", actor_of(ch->connection),
               EVENT_ARGUMENTS("arguments", c->arguments),
               EVENT_LONG("prefetch_count", ch->prefetch_count),
               EVENT_STR("queue", queue_name(c->queue)),
               EVENT_STR("vhost", vhost_name(ch->connection->vhost)),
               EVENT_STR("channel", channel_pid(ch, pid)), EVENT_BOOL("ack_required", !c->no_ack),
               EVENT_BOOL("exclusive", c->exclusive), EVENT_STR("consumer_tag", c->tag));
}

void consumer_event_deleted(struct channel *ch, const struct consumer *c, bool by_client)
{
    char pid[EVENT_PID_MAX];
    event_emit(broker_of(ch->connection), "consumer.deleted",
               by_client ? actor_of(ch->connection)
                         : EVENT_TEXT("user_who_performed_action", EVENT_ACTOR_INTERNAL),
               EVENT_STR("queue", queue_name(c->queue)),
               EVENT_STR("vhost", vhost_name(ch->connection->vhost)),
               EVENT_STR("channel", channel_pid(ch, pid)), EVENT_STR("consumer_tag", c->tag));
}
