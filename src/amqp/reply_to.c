/* Direct reply-to: answers to a request go straight to the channel that asked.
 *
 *   consume amq.rabbitmq.reply-to (no-ack)       the channel gets a name of its own, and a queue
 *                                                of that name (queue/reply_queue.h) with one
 *                                                consumer
 *   publish, reply_to = amq.rabbitmq.reply-to    reply_to becomes that name
 *   publish to that name, default exchange       the queue passes the message on
 *
 * A name carries a secret that makes it hard to guess, with numbers in hexadecimal:
 * amq.rabbitmq.reply-to.CONNECTION.CHANNEL.SECRET. */
#include <stdio.h>

#include "amqp/channel.h"
#include "queue/reply_queue.h"
#include "session/names.h"

bool reply_to_is_name(struct slice name)
{
    return slice_is(name, REPLY_TO_NAME) || reply_queue_is_name(name);
}

struct slice reply_to_own_name(const struct channel *ch)
{
    return ch->reply_to ? queue_name(ch->reply_to->queue) : SLICE_EMPTY;
}

void reply_to_free(struct channel *ch)
{
    if (!ch->reply_to)
        return;
    struct queue *q = ch->reply_to->queue;
    queue_detach(q, ch->reply_to, false);
    reply_queue_end(&q);
    consumer_release(&ch->reply_to);
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool reply_deliver(struct consumer *c, const struct delivery *d)
{
    struct channel *ch = c->session;
    CHANNEL_SEND(ch, basic_deliver, .consumer_tag = c->tag, .delivery_tag = ++ch->delivery_tag,
                 .exchange = d->exchange, .routing_key = d->routing_key);
    channel_write_content(ch, d->header, d->body, d->message);
    ch->counts.deliver_no_ack++;
    if (vhost_is_watched(ch->connection->session.vhost))
        session_watch_reply(&ch->connection->session, ch->number, c, d);
    net_dirty(ch->connection->session.net);
    return net_unwritten(ch->connection->session.net) <= OUTPUT_BYTES_HIGH;
}

/* The queue is deleted after its consumer, and none of its settings can change. */
static void never_called(struct consumer *c)
{
    (void)c;
    lv_unreachable();
}

static const struct consumer_calls reply_calls = {
    .deliver = reply_deliver,
    .cancelled = never_called,
    .timeout_changed = never_called,
};

/* --- consuming -------------------------------------------------------------------------------- */

static struct slice reply_name_make(const struct channel *ch, char name[SHORTSTR_BYTES_MAX])
{
    char secret[GENERATED_NAME_MAX];
    struct slice random = name_generate("", secret);
    int n = snprintf(name, SHORTSTR_BYTES_MAX, "%s%llx.%x.%.*s", REPLY_QUEUE_PREFIX,
                     (unsigned long long)ch->connection->session.id, ch->number, SLICE_ARG(random));
    lv_assert(n > 0 && n < SHORTSTR_BYTES_MAX);
    return slice_of(name, (size_t)n);
}

static void reply_to_begin(struct channel *ch, struct slice tag)
{
    struct loop *loop = connection_loop(ch->connection);
    lv_assert(!ch->reply_to);
    char name[SHORTSTR_BYTES_MAX];
    struct queue *q =
        reply_queue_create(loop, ch->connection->session.vhost, reply_name_make(ch, name));
    ch->reply_to = consumer_create(q, loop, &reply_calls, ch, tag, SLICE_EMPTY);
    ch->reply_to->no_ack = true;
    queue_attach(q, ch->reply_to);
}

void reply_to_consume(struct channel *ch, const struct amqp_basic_consume *m)
{
    if (!m->no_ack) {
        channel_fail(ch, AMQP_BASIC_CONSUME, REPLY_PRECONDITION_FAILED,
                     "reply consumer cannot acknowledge");
        return;
    }
    if (ch->reply_to) {
        channel_fail(ch, AMQP_BASIC_CONSUME, REPLY_PRECONDITION_FAILED,
                     "reply consumer already set");
        return;
    }
    char generated[GENERATED_NAME_MAX];
    struct slice tag = m->consumer_tag.n ? m->consumer_tag : name_generate("amq.ctag-", generated);
    reply_to_begin(ch, tag);
    if (!m->no_wait)
        CHANNEL_SEND(ch, basic_consume_ok, .consumer_tag = tag);
}

bool reply_to_cancel(struct channel *ch, struct slice consumer_tag)
{
    if (!ch->reply_to || !slice_equal(ch->reply_to->tag, consumer_tag))
        return false;
    reply_to_free(ch);
    return true;
}

/* --- declaring: clients check with it whether a requester still waits for an answer ----------- */

void reply_to_declare(struct channel *ch, const struct amqp_queue_declare *m)
{
    struct slice name = m->queue;
    if (slice_is(name, REPLY_TO_NAME) ||
        reply_queue_find(&connection_server(ch->connection)->broker->topology, name))
        CHANNEL_SEND(ch, queue_declare_ok, .queue = name, .consumer_count = 1);
    else
        channel_fail(ch, AMQP_QUEUE_DECLARE, REPLY_NOT_FOUND, "no queue '%.*s' in vhost '%.*s'",
                     SLICE_ARG(name), SLICE_ARG(vhost_name(ch->connection->session.vhost)));
}
