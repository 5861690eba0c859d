/* The firehose: while a vhost is traced, a copy of each message that is published in it (routing
 * key "publish.EXCHANGE") or delivered ("deliver.QUEUE") is published to its exchange
 * amq.rabbitmq.trace, with the details in headers, as in RabbitMQ (docs/tracing.md).
 *
 * In a vhost that is not watched, a message costs one relaxed load and a branch. The setting is
 * kept in memory only, as in RabbitMQ. */
#ifndef LEVERET_BROKER_TRACE_H
#define LEVERET_BROKER_TRACE_H

#include "queue/consumer.h"
#include "topology/route.h"
#include "topology/vhost.h"

#define TRACE_EXCHANGE "amq.rabbitmq.trace"

/* Turns the firehose on or off. Any thread; takes effect at once. */
static inline void trace_set(struct vhost *vhost, bool is_traced)
{
    (is_traced ? vhost_watch : vhost_unwatch)(vhost, VHOST_WATCH_FIREHOSE);
}

static inline bool trace_is_on(const struct vhost *vhost)
{
    return (vhost_watches(vhost) & VHOST_WATCH_FIREHOSE) != 0;
}

/* The channel that published the message, or to which it is delivered. Borrowed for the call. */
struct trace_channel {
    struct slice connection; /* its name */
    struct slice user;
    uint16_t number;
};

/* Copies a message that is about to be sent by this route; `bcc` is the array of its header BCC.
 * The copy is published later, at the end of this turn, so the caller's borrowed route stays valid.
 * On `loop`'s thread. */
void trace_published(struct loop *loop, struct vhost *vhost, const struct trace_channel *channel,
                     const struct delivery *message, struct slice bcc, const struct route *route);

/* Copies a message that is sent to a client from this queue, unless it was published to the trace
 * exchange itself. On `loop`'s thread. */
void trace_delivered(struct loop *loop, struct vhost *vhost, const struct trace_channel *channel,
                     struct slice queue, const struct delivery *message);

/* Returns a queue that copies of what is published to this exchange are routed to and whose home is
 * behind, or NULL. The publisher should then be held back. Valid until the end of the turn. On
 * `loop`'s thread. */
struct queue *trace_find_behind(struct loop *loop, struct vhost *vhost, struct slice exchange);

#endif
