/* The events of sessions (message/events.h). */
#include "auth/attempts.h"
#include "auth/login.h"
#include "message/events.h"
#include "queue/queue.h"
#include "session/session_private.h"
#include "wire/table.h"

static struct broker *broker_of(const struct session *s)
{
    return s->server->broker;
}

static struct event_field actor_of(const struct session *s)
{
    return EVENT_STR("user_who_performed_action", session_user_name(s));
}

/* Returns the client's own name for the connection (connection_name), or EVENT_NONE. */
static struct event_field provided_name_of(const struct session *s)
{
    struct slice name;
    if (!table_find_string(s->client_properties, "connection_name", &name))
        return EVENT_NONE;
    return EVENT_STR("user_provided_name", name);
}

/* --- logins ----------------------------------------------------------------------------------- */

void session_event_login(struct session *s, const struct auth_login_answer *answer)
{
    const struct net_peer *peer = &s->peer;
    bool is_success = answer->identity != NULL;
    const struct auth_attempts_row attempt = {
        .protocol = s->frontend->counted ? s->frontend->counted : s->frontend->name,
        .address = slice_str(peer->peer.text),
        .user = answer->user,
        .accepted = is_success,
        .refused = !is_success,
    };
    auth_count_attempt(s->server->auth, &attempt);
    event_emit(
        broker_events(broker_of(s)),
        is_success ? "user.authentication.success" : "user.authentication.failure",
        is_success ? EVENT_NONE : EVENT_CHARS("error", slice_str(answer->reason)),
        EVENT_BOOL("ssl", s->tls.is_on), EVENT_TEXT("auth_mechanism", s->mechanism),
        EVENT_TEXT("protocol", s->frontend->protocol), EVENT_LONG("peer_port", peer->peer.port),
        EVENT_ADDRESS("peer_host", slice_str(peer->peer.text)),
        EVENT_TEXT("connection_name", s->name), EVENT_ADDRESS("host", slice_str(peer->local.text)),
        EVENT_STR("name", answer->user), EVENT_TEXT("connection_type", "network"));
}

/* --- connections ------------------------------------------------------------------------------ */

void session_event_created(struct session *s)
{
    struct broker *broker = broker_of(s);
    char pid[EVENT_PID_MAX];
    const struct net_peer *peer = &s->peer;
    struct session_facts facts;
    if (!events_are_wanted(broker_events(broker)))
        return;
    session_get_facts(s, &facts);
    event_emit(
        broker_events(broker), "connection.created", actor_of(s),
        EVENT_TEXT("node", broker->topology.node_name),
        EVENT_LONG("connected_at", s->connected_at_ms),
        EVENT_ARGUMENTS("client_properties", s->client_properties),
        EVENT_LONG("channel_max", facts.channel_max),
        EVENT_LONG("frame_max", facts.frame_bytes_max), EVENT_LONG("timeout", facts.heartbeat_s),
        EVENT_STR("vhost", vhost_name(s->vhost)), EVENT_STR("user", session_user_name(s)),
        EVENT_TEXT("protocol", s->frontend->protocol), EVENT_STR("ssl_hash", s->tls.hash),
        EVENT_STR("ssl_cipher", s->tls.cipher), EVENT_STR("ssl_key_exchange", s->tls.key_exchange),
        EVENT_STR("ssl_protocol", s->tls.protocol), EVENT_TEXT("auth_mechanism", s->mechanism),
        EVENT_STR("peer_cert_validity", s->tls.cert_validity),
        EVENT_STR("peer_cert_issuer", s->tls.cert_issuer),
        EVENT_STR("peer_cert_subject", s->tls.cert_subject), EVENT_BOOL("ssl", s->tls.is_on),
        EVENT_ADDRESS("peer_host", slice_str(peer->peer.text)),
        EVENT_ADDRESS("host", slice_str(peer->local.text)),
        EVENT_LONG("peer_port", peer->peer.port), EVENT_LONG("port", peer->local.port),
        EVENT_TEXT("name", s->name),
        EVENT_STR("pid", event_pid(broker->topology.node_name, pid, s->id, 0)),
        EVENT_TEXT("type", "network"), provided_name_of(s));
}

void session_event_closed(struct session *s)
{
    struct broker *broker = broker_of(s);
    char pid[EVENT_PID_MAX];
    event_emit(broker_events(broker), "connection.closed",
               EVENT_ARGUMENTS("client_properties", s->client_properties),
               EVENT_TEXT("node", broker->topology.node_name),
               EVENT_STR("pid", event_pid(broker->topology.node_name, pid, s->id, 0)),
               EVENT_TEXT("name", s->name), provided_name_of(s));
}

/* --- channels --------------------------------------------------------------------------------- */

static struct slice channel_pid(const struct session *s, uint16_t channel,
                                char space[EVENT_PID_MAX])
{
    return event_pid(broker_of(s)->topology.node_name, space, s->id, channel);
}

void session_event_channel_created(struct session *s, uint16_t channel)
{
    struct broker *broker = broker_of(s);
    char pid[EVENT_PID_MAX], connection[EVENT_PID_MAX];
    if (!events_are_wanted(broker_events(broker)))
        return;
    struct lv_buffer name = {0};
    lv_buffer_printf(&name, "%s (%u)", s->name, channel);
    event_emit(broker_events(broker), "channel.created", actor_of(s),
               EVENT_STR("vhost", vhost_name(s->vhost)), EVENT_STR("user", session_user_name(s)),
               EVENT_LONG("number", channel),
               EVENT_STR("connection", event_pid(broker->topology.node_name, connection, s->id, 0)),
               EVENT_STR("name", lv_buffer_slice(&name)),
               EVENT_STR("pid", channel_pid(s, channel, pid)));
    lv_buffer_free(&name);
}

void session_event_channel_closed(struct session *s, uint16_t channel)
{
    char pid[EVENT_PID_MAX];
    event_emit(broker_events(broker_of(s)), "channel.closed", actor_of(s),
               EVENT_STR("pid", channel_pid(s, channel, pid)));
}

/* --- consumers -------------------------------------------------------------------------------- */

void session_event_consumer_created(struct session *s, uint16_t channel, uint32_t prefetch,
                                    const struct consumer *c)
{
    char pid[EVENT_PID_MAX];
    event_emit(broker_events(broker_of(s)), "consumer.created", actor_of(s),
               EVENT_ARGUMENTS("arguments", c->arguments), EVENT_LONG("prefetch_count", prefetch),
               EVENT_STR("queue", queue_name(c->queue)), EVENT_STR("vhost", vhost_name(s->vhost)),
               EVENT_STR("channel", channel_pid(s, channel, pid)),
               EVENT_BOOL("ack_required", !c->no_ack), EVENT_BOOL("exclusive", c->exclusive),
               EVENT_STR("consumer_tag", c->tag));
}

void session_event_consumer_deleted(struct session *s, uint16_t channel, const struct consumer *c,
                                    bool by_client)
{
    char pid[EVENT_PID_MAX];
    event_emit(
        broker_events(broker_of(s)), "consumer.deleted",
        by_client ? actor_of(s) : EVENT_TEXT("user_who_performed_action", EVENT_ACTOR_INTERNAL),
        EVENT_STR("queue", queue_name(c->queue)), EVENT_STR("vhost", vhost_name(s->vhost)),
        EVENT_STR("channel", channel_pid(s, channel, pid)), EVENT_STR("consumer_tag", c->tag));
}
