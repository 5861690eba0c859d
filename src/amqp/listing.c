/* What listings show of a connection, its channels and its consumers. */
#include "amqp/channel.h"

const char *connection_state_name(const struct connection *conn)
{
    static const char *const names[] = {
        [CONNECTION_AWAIT_HEADER] = "starting", [CONNECTION_AWAIT_START_OK] = "starting",
        [CONNECTION_LOGGING_IN] = "starting",   [CONNECTION_AWAIT_TUNE_OK] = "tuning",
        [CONNECTION_AWAIT_OPEN] = "opening",    [CONNECTION_ENTERING] = "opening",
        [CONNECTION_RUNNING] = "running",       [CONNECTION_FINISHING] = "running",
        [CONNECTION_CLOSING] = "closing",       [CONNECTION_OWES_CLOSE_OK] = "closing",
        [CONNECTION_SILENT] = "closing",        [CONNECTION_GONE] = "closed",
    };
    return names[conn->state];
}

static const char *activity_name(const struct consumer *c)
{
    static const char *const names[] = {
        [CONSUMER_UP] = "up",
        [CONSUMER_SINGLE_ACTIVE] = "single_active",
        [CONSUMER_WAITING] = "waiting",
    };
    return names[atomic_load(&c->activity)];
}

static void visit_consumers(struct channel *ch, const struct session_channel_facts *facts,
                            const struct session_visitor *visitor, void *arg)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &ch->consumers) {
        const struct consumer *c = lv_list_item(it, struct consumer, session_link);
        struct session_consumer_facts consumer = {
            .channel = facts,
            .queue = queue_name(c->queue),
            .tag = c->tag,
            .no_ack = c->no_ack,
            .exclusive = c->exclusive,
            .is_active = atomic_load(&c->activity) != CONSUMER_WAITING,
            .activity = activity_name(c),
            .prefetch_count = credit_prefetch(&c->credit),
            .unacknowledged = consumer_held(c),
            .priority = c->priority,
            .arguments = c->arguments,
        };
        visitor->consumer(arg, &consumer);
    }
}

static struct channel_counts counts_of(const struct consumer *c)
{
    struct channel_counts counts = {.redeliver = c->redelivered, .ack = c->acked};
    if (c->is_getter) {
        counts.get = c->delivered;
        counts.get_no_ack = c->got_no_ack;
        counts.get_empty = c->got_empty;
    } else if (c->no_ack) {
        counts.deliver_no_ack = c->delivered;
    } else {
        counts.deliver = c->delivered;
    }
    return counts;
}

static void visit_deliveries(const struct lv_list *consumers,
                             const struct session_channel_facts *facts,
                             const struct session_visitor *visitor, void *arg)
{
    for (const struct lv_list *it = consumers->next; it != consumers; it = it->next) {
        const struct consumer *c = lv_list_item(it, struct consumer, session_link);
        const struct session_delivery_facts delivery = {
            .channel = facts,
            .queue = queue_name(c->queue),
            .counts = counts_of(c),
        };
        visitor->delivery(arg, &delivery);
    }
}

static void visit_publishes(const struct channel *ch, const struct session_channel_facts *channel,
                            const struct session_visitor *visitor, void *arg)
{
    for (unsigned i = 0; i < ch->tallies.count; i++) {
        const struct publish_tally *tally = &ch->tallies.of[i];
        const struct session_publish_facts facts = {
            .channel = channel,
            .exchange = tally->exchange,
            .counts = {.publish = tally->publish,
                       .confirm = ch->confirms ? ch->confirms->acked[i] : 0,
                       .return_unroutable = tally->return_unroutable,
                       .drop_unroutable = tally->drop_unroutable},
        };
        visitor->publish(arg, &facts);
    }
}

static void visit_channel(struct channel *ch, const struct session_facts *connection,
                          const struct session_visitor *visitor, void *arg)
{
    struct session_channel_facts facts = {
        .connection = connection,
        .number = ch->number,
        .consumers = ch->consumer_count,
        .unacknowledged = ch->unacked.count,
        .unconfirmed = ch->confirms ? confirms_outstanding(ch->confirms) : 0,
        .uncommitted = tx_publish_count(ch),
        .acks_uncommitted = tx_settle_count(ch),
        .prefetch_count = ch->prefetch_count,
        .global_prefetch_count = ch->limit_count,
        .is_transactional = ch->mode == CHANNEL_TX,
        .is_confirming = ch->mode == CHANNEL_CONFIRM,
        .transient_confirming = ch->transient_confirming,
        .counts = channel_counts(ch),
    };
    if (visitor->wants_timeouts)
        channel_nearest_timeout(ch, &facts.held_ms, &facts.held_timeout_ms);
    if (visitor->channel)
        visitor->channel(arg, &facts);
    if (visitor->consumer)
        visit_consumers(ch, &facts, visitor, arg);
    if (visitor->publish)
        visit_publishes(ch, &facts, visitor, arg);
    if (visitor->delivery) {
        visit_deliveries(&ch->consumers, &facts, visitor, arg);
        visit_deliveries(&ch->getters, &facts, visitor, arg);
    }
}

void connection_add_facts(const struct session *s, struct session_facts *facts)
{
    const struct connection *conn = lv_container_of(s, const struct connection, session);
    facts->state = connection_state_name(conn);
    facts->channels = conn->channel_count;
    facts->channel_max = conn->channel_max;
    facts->frame_bytes_max = conn->frame_bytes_max;
    facts->heartbeat_s = conn->heartbeat_s;
}

void connection_visit_channels(struct session *s, const struct session_facts *facts,
                               const struct session_visitor *visitor, void *arg)
{
    struct connection *conn = connection_of(s);
    for (size_t i = 0; i < conn->channel_count; i++)
        visit_channel(conn->channels[i], facts, visitor, arg);
}
