/* The firehose: while a vhost is traced, its exchange amq.rabbitmq.trace gets a copy of each
 * message that is published in it (key "publish.EXCHANGE") and of each that is delivered
 * ("deliver.QUEUE"), with the facts in headers, as RabbitMQ lays them out (docs/tracing.md).
 *
 * A vhost that is not traced costs its messages one relaxed load and a branch each. The setting
 * is kept in memory only, as in RabbitMQ. */
#ifndef LEVERET_BROKER_TRACE_H
#define LEVERET_BROKER_TRACE_H

#include "queue/consumer.h"
#include "topology/route.h"
#include "topology/vhost.h"

#define TRACE_EXCHANGE "amq.rabbitmq.trace"

/* Any thread; takes hold at once. */
static inline void trace_set(struct vhost *vhost, bool is_traced)
{
    atomic_store_explicit(&vhost->is_traced, is_traced, memory_order_relaxed);
}

static inline bool trace_is_on(const struct vhost *vhost)
{
    bool is_traced = atomic_load_explicit(&vhost->is_traced, memory_order_relaxed);
    return __builtin_expect(is_traced, false);
}

/* Whose command it was. Borrowed for the call. */
struct trace_channel {
    struct slice connection; /* its name */
    struct slice user;
    uint16_t number;
};

/* A message has come in and is about to go this way; `bcc` is the array it had under that name. The
 * copy leaves at the end of this turn, so what is borrowed stays untouched. On `loop`'s thread. */
void trace_published(struct loop *loop, struct vhost *vhost, const struct trace_channel *channel,
                     const struct delivery *message, struct slice bcc, const struct route *route);

/* A message goes out to a consumer, or to who has got it, from this queue. What was itself
 * published to the trace exchange is left out. On `loop`'s thread. */
void trace_delivered(struct loop *loop, struct vhost *vhost, const struct trace_channel *channel,
                     struct slice queue, const struct delivery *message);

/* A queue that copies of what is published to this exchange go to and whose home is behind: the
 * publisher should be held back. NULL: none. Until the end of the turn. On `loop`'s thread. */
struct queue *trace_find_behind(struct loop *loop, struct vhost *vhost, struct slice exchange);

#endif
