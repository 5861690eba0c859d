/* Messages that a session publishes or is sent, for those who look at the messages of its vhost. */
#include "broker/publish.h"
#include "broker/trace.h"
#include "session/frontend.h"
#include "topology/flows.h"
#include "topology/lives.h"

static struct trace_channel trace_channel_of(const struct session *s, uint16_t channel)
{
    return (struct trace_channel){
        .connection = slice_str(s->name),
        .user = session_user_name(s),
        .number = channel,
    };
}

/* Has traces follow the message from here on. Returns its life, or 0. */
static uint32_t life_begin(struct session *s, uint16_t channel, struct publish *p,
                           bool is_mandatory, const struct route *route)
{
    const struct life_publisher who = {
        .connection = slice_str(s->name),
        .user = session_user_name(s),
        .connection_id = s->id,
        .channel = channel,
        .is_mandatory = is_mandatory,
    };
    bool is_persistent = p->properties.delivery_mode == DELIVERY_MODE_PERSISTENT;
    uint32_t life = lives_publish(s->loop, s->vhost, &who, &p->content, is_persistent, route, 0);
    if (life == 0 || !publish_need_message(p))
        return 0;
    message_set_life(p->content.message, life);
    return life;
}

uint32_t session_watch_publish(struct session *s, uint16_t channel, struct publish *p,
                               bool is_mandatory, const struct route *route)
{
    const struct trace_channel who = trace_channel_of(s, channel);
    unsigned watches = vhost_watches(s->vhost);
    if (watches & VHOST_WATCH_FIREHOSE)
        trace_published(s->loop, s->vhost, &who, &p->content, p->bcc, route);
    if (watches & VHOST_WATCH_FLOWS)
        flows_count(s->loop, s->vhost, p->content.exchange, route);
    return watches & VHOST_WATCH_LIVES ? life_begin(s, channel, p, is_mandatory, route) : 0;
}

static void life_delivered(struct session *s, uint16_t channel, const struct consumer *c,
                           bool no_ack, const struct delivery *message, uint32_t life)
{
    struct life_record record = {
        .event = c->is_getter ? LIFE_GOT : LIFE_DELIVERED,
        .flags = (uint8_t)((message->redelivered ? LIFE_IS_REDELIVERED : 0) |
                           (no_ack ? LIFE_IS_NO_ACK : 0)),
        .channel = channel,
        .connection = s->id,
        .position = no_ack ? LIFE_NO_POSITION : message->position,
        .texts = {queue_name(c->queue), c->tag, slice_str(s->name), session_user_name(s)},
    };
    lives_record(s->loop, s->vhost->topology, life, &record);
}

void session_watch_delivery(struct session *s, uint16_t channel, const struct consumer *c,
                            bool no_ack, const struct delivery *message)
{
    const struct trace_channel who = trace_channel_of(s, channel);
    uint32_t life = message->message ? message_life(message->message) : 0;
    if (trace_is_on(s->vhost))
        trace_delivered(s->loop, s->vhost, &who, queue_name(c->queue), message);
    if (life)
        life_delivered(s, channel, c, no_ack, message, life);
}

void session_watch_reply(struct session *s, uint16_t channel, const struct consumer *c,
                         const struct delivery *message)
{
    uint32_t life = message->message ? message_life(message->message) : 0;
    if (life)
        life_delivered(s, channel, c, true, message, life);
}

void session_life_confirmed(struct session *s, uint16_t channel, uint32_t life, uint64_t number,
                            bool is_nack)
{
    struct life_record record = {
        .event = is_nack ? LIFE_NACKED : LIFE_CONFIRMED,
        .channel = channel,
        .connection = s->id,
        .value = number,
    };
    lives_record(s->loop, s->vhost->topology, life, &record);
}

void session_hold_for_trace(struct session *s, struct slice exchange)
{
    if (!trace_is_on(s->vhost) || s->state != SESSION_RUNNING || s->held_for)
        return;
    struct queue *q = trace_find_behind(s->loop, s->vhost, exchange);
    if (q)
        session_hold(s, q);
}
