/* The commands of the class basic that make consumers and deliveries: qos, consume, cancel, get. */
#include <inttypes.h>

#include <stdlib.h>

#include "amqp/channel.h"
#include "base/memory.h"
#include "message/delivery_header.h"
#include "queue/consumer_arguments.h"
#include "session/names.h"

enum { CONSUMER_UNITS = 4, GET_UNITS = 1 }; /* costs (loop.h: work in slices) */

/* --- qos -------------------------------------------------------------------------------------- */

/* Sets one limit on unacknowledged deliveries for the whole channel (0: none). Existing consumers
 * share it, and what they hold counts. */
static void shared_credit_apply(struct channel *ch, uint32_t count)
{
    ch->limit_count = count;
    if (!ch->limit && count == 0)
        return;
    if (!ch->limit) {
        ch->limit = shared_credit_create(connection_loop(ch->connection));
        struct lv_list *it, *after;
        lv_list_each (it, after, &ch->consumers)
            consumer_share_credit(lv_list_item(it, struct consumer, session_link), ch->limit);
    }
    shared_credit_set(ch->limit, count);
}

void channel_set_prefetch(struct channel *ch, uint32_t count, bool reaches_running)
{
    ch->prefetch_count = count;
    if (!reaches_running)
        return;
    struct lv_list *it, *after;
    lv_list_each (it, after, &ch->consumers) {
        struct consumer *c = lv_list_item(it, struct consumer, session_link);
        if (!c->no_ack)
            consumer_set_prefetch(c, count);
    }
}

static bool qos_reaches_running(const struct channel *ch)
{
    return atomic_load_explicit(&connection_server(ch->connection)->settings.qos_reaches_running,
                                memory_order_relaxed);
}

void cmd_basic_qos(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, basic_qos, AMQP_BASIC_QOS, m);
    if (m.prefetch_size != 0) {
        channel_fail(ch, AMQP_BASIC_QOS, REPLY_NOT_IMPLEMENTED, "prefetch_size!=0 (%u)",
                     m.prefetch_size);
        return;
    }
    if (!m.global)
        channel_set_prefetch(ch, m.prefetch_count, qos_reaches_running(ch));
    /* without `global` RabbitMQ, too, removes the channel's limit */
    shared_credit_apply(ch, m.global ? m.prefetch_count : 0);
    CHANNEL_SEND(ch, basic_qos_ok, .none = 0);
}

/* --- consume, cancel -------------------------------------------------------------------------- */

static void consume_done(struct channel *ch, struct queue_call *call)
{
    struct consumer *c = call->consumer;
    lv_assert(c);
    if (call->refused) {
        consumer_release(&c);
    } else if (!ch) {
        /* The channel ended while its command was under way. */
        channel_cancel_consumer(c->session, c, true);
    } else {
        channel_add_consumer(ch, c);
        session_event_consumer_created(&ch->connection->session, ch->number, ch->prefetch_count, c);
        if (!call->owner)
            CHANNEL_SEND(ch, basic_consume_ok, .consumer_tag = c->tag);
    }
}

static void consumer_start(struct channel *ch, const struct amqp_basic_consume *m, struct queue *q,
                           struct slice tag, const struct consumer_arguments *arguments)
{
    struct consumer *c = consumer_create(q, connection_loop(ch->connection),
                                         &channel_consumer_calls, ch, tag, m->arguments);
    c->no_ack = m->no_ack;
    c->connection_id = ch->connection->session.id;
    c->channel = ch->number;
    /* quorum queues have no exclusive consumers */
    c->exclusive = m->exclusive && queue_type(q) != QUEUE_QUORUM;
    if (!m->no_ack)
        credit_begin_prefetch(&c->credit, ch->prefetch_count);
    c->priority = arguments->priority;
    c->is_browser = arguments->browsing.is_wanted;
    c->browsing = arguments->browsing;
    if (ch->limit) /* before the queue's home attaches the consumer, and may deliver to it */
        consumer_share_credit(c, ch->limit);
    struct queue_call *call =
        channel_call(ch, q, AMQP_BASIC_CONSUME, queue_call_consume, consume_done);
    call->consumer = c;
    call->owner = m->no_wait ? ch : NULL;
    channel_call_start(call);
}

/* Returns whether the channel may have one consumer more; fails it if not. */
static bool check_consumer_limit(struct channel *ch)
{
    int64_t max = connection_server(ch->connection)->settings.channel_consumers_max;
    if (max < 1 || (int64_t)ch->consumer_count < max)
        return true;
    channel_fail(ch, AMQP_BASIC_CONSUME, REPLY_NOT_ALLOWED,
                 "reached maximum (%" PRId64 ") of consumers per channel", max);
    return false;
}

void cmd_basic_consume(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, basic_consume, AMQP_BASIC_CONSUME, m);
    ch->arguments = args;
    session_charge(&ch->connection->session, CONSUMER_UNITS);
    if (!check_consumer_limit(ch))
        return;
    if (slice_is(m.queue, REPLY_TO_NAME)) {
        reply_to_consume(ch, &m);
        return;
    }
    if (m.consumer_tag.n > 0 && channel_find_consumer(ch, m.consumer_tag)) {
        channel_fail(ch, AMQP_BASIC_CONSUME, REPLY_NOT_ALLOWED,
                     "attempt to reuse consumer tag '%.*s'", SLICE_ARG(m.consumer_tag));
        return;
    }
    struct slice name;
    if (!channel_name_queue(ch, AMQP_BASIC_CONSUME, m.queue, &name) ||
        !channel_allows_queue(ch, AMQP_BASIC_CONSUME, AUTH_READ, name))
        return;
    struct queue *q = channel_find_queue(ch, AMQP_BASIC_CONSUME, name);
    if (!q)
        return;
    struct consumer_arguments arguments;
    struct broker_error error = {0};
    if (!consumer_arguments_read(m.arguments, queue_type(q), name,
                                 vhost_name(ch->connection->session.vhost), &arguments, &error)) {
        channel_refuse(ch, AMQP_BASIC_CONSUME, &error);
        return;
    }
    channel_remark_arguments(ch, AMQP_BASIC_CONSUME, name, m.arguments, consumer_argument_is_known);
    char generated[GENERATED_NAME_MAX];
    struct slice tag = m.consumer_tag.n ? m.consumer_tag : name_generate("amq.ctag-", generated);
    consumer_start(ch, &m, q, tag, &arguments);
}

/* After basic.cancel the consumer keeps what it holds, and cancel-ok follows the last delivery. */
static void cancel_done(struct channel *ch, struct queue_call *call)
{
    struct consumer *c = call->consumer;
    if (ch && !call->owner)
        CHANNEL_SEND(ch, basic_cancel_ok, .consumer_tag = c->tag);
    c->is_closed = true;
    consumer_release(&c);
}

void cmd_basic_cancel(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, basic_cancel, AMQP_BASIC_CANCEL, m);
    session_charge(&ch->connection->session, CONSUMER_UNITS);
    struct consumer *c = channel_find_consumer(ch, m.consumer_tag);
    if (!c) {
        reply_to_cancel(ch, m.consumer_tag);
        if (!m.no_wait)
            CHANNEL_SEND(ch, basic_cancel_ok, .consumer_tag = m.consumer_tag);
        return;
    }
    channel_remove_consumer(ch, c);
    session_event_consumer_deleted(&ch->connection->session, ch->number, c, true);
    struct queue_call *call =
        channel_call(ch, c->queue, AMQP_BASIC_CANCEL, queue_call_cancel, cancel_done);
    call->consumer = c;
    call->owner = m.no_wait ? ch : NULL;
    channel_call_start(call);
}

/* --- get -------------------------------------------------------------------------------------- */

/* Returns the channel's getter for a queue: a consumer that holds what basic.get takes from the
 * queue, and gets no deliveries. Creates it at first use. */
static struct consumer *getter_of(struct channel *ch, struct queue *q)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &ch->getters) {
        struct consumer *c = lv_list_item(it, struct consumer, session_link);
        if (c->queue == q)
            return c;
    }
    struct consumer *c = consumer_create(q, connection_loop(ch->connection),
                                         &channel_consumer_calls, ch, SLICE_EMPTY, SLICE_EMPTY);
    c->is_getter = true;
    c->connection_id = ch->connection->session.id;
    c->channel = ch->number;
    lv_list_push(&ch->getters, &c->session_link);
    return c;
}

static void got_count(struct channel *ch, const struct queue_call *call)
{
    struct consumer *getter = call->consumer;
    bool redelivered = call->get.got.redelivered;
    if (call->get.no_ack) {
        ch->counts.get_no_ack++;
        getter->got_no_ack++;
    } else {
        ch->counts.get++;
        getter->delivered++;
    }
    ch->counts.redeliver += redelivered;
    getter->redelivered += redelivered;
}

static void got_send(struct channel *ch, struct queue_call *call)
{
    struct delivery got = call->get.got;
    lv_assert(call->consumer->is_getter);
    struct lv_buffer header = {0};
    if (got.tells_count)
        got.header = delivery_header_with_count(&header, got.header, got.delivery_count);
    uint64_t tag = ++ch->delivery_tag;
    got_count(ch, call);
    if (!call->get.no_ack)
        channel_add_unacked(ch, tag, call->consumer, got.position);
    if (vhost_is_watched(ch->connection->session.vhost))
        session_watch_delivery(&ch->connection->session, ch->number, call->consumer,
                               call->get.no_ack, &got);
    CHANNEL_SEND(ch, basic_get_ok, .delivery_tag = tag, .redelivered = got.redelivered,
                 .exchange = got.exchange, .routing_key = got.routing_key,
                 .message_count = (uint32_t)call->get.ready);
    channel_write_content(ch, got.header, got.body, got.message);
    lv_buffer_free(&header);
    net_dirty(ch->connection->session.net);
}

static void get_done(struct channel *ch, struct queue_call *call)
{
    if (call->get.got.message) {
        if (ch)
            got_send(ch, call);
        else if (!call->get.no_ack)
            consumer_settle(call->consumer, call->get.got.position, 1, SETTLE_REQUEUE);
        message_unref(&call->get.got.message);
    } else if (ch && !call->refused) {
        CHANNEL_SEND(ch, basic_get_empty, .reserved1 = SLICE_EMPTY);
        ch->counts.get_empty++;
        call->consumer->got_empty++;
    }
    consumer_release(&call->consumer);
}

void cmd_basic_get(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, basic_get, AMQP_BASIC_GET, m);
    ch->arguments = args;
    session_charge(&ch->connection->session, GET_UNITS);
    struct slice name;
    if (!channel_name_queue(ch, AMQP_BASIC_GET, m.queue, &name) ||
        !channel_allows_queue(ch, AMQP_BASIC_GET, AUTH_READ, name))
        return;
    struct queue *q = channel_find_queue(ch, AMQP_BASIC_GET, name);
    if (!q)
        return;
    struct queue_call *call = channel_call(ch, q, AMQP_BASIC_GET, queue_call_get, get_done);
    call->consumer = getter_of(ch, q);
    consumer_hold(call->consumer);
    call->get.no_ack = m.no_ack;
    channel_call_start(call);
}
