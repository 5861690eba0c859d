/* Messages that a session publishes or is sent are copied to the firehose. */
#include "broker/trace.h"
#include "session/frontend.h"

static struct trace_channel trace_channel_of(const struct session *s, uint16_t channel)
{
    return (struct trace_channel){
        .connection = slice_str(s->name),
        .user = session_user_name(s),
        .number = channel,
    };
}

void session_trace_publish(struct session *s, uint16_t channel, const struct delivery *message,
                           struct slice bcc, const struct route *route)
{
    const struct trace_channel who = trace_channel_of(s, channel);
    trace_published(s->loop, s->vhost, &who, message, bcc, route);
}

void session_trace_delivery(struct session *s, uint16_t channel, struct slice queue,
                            const struct delivery *message)
{
    const struct trace_channel who = trace_channel_of(s, channel);
    trace_delivered(s->loop, s->vhost, &who, queue, message);
}

void session_hold_for_trace(struct session *s, struct slice exchange)
{
    if (s->state != SESSION_RUNNING || s->held_for)
        return;
    struct queue *q = trace_find_behind(s->loop, s->vhost, exchange);
    if (q)
        session_hold(s, q);
}
