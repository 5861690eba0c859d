/* From the client to the broker: basic.publish.
 *
 * A publish whose frames are all in the read buffer is taken at once, without a copy: the memo of
 * the last one (its exchange, route and permissions) mostly holds for this one too, and if a
 * consumer waits for it, its bytes are written from here straight into that consumer's output. One
 * that comes in pieces is gathered in publish_incoming.c first; properties that ask something of
 * the broker are in publish_properties.c, and what the publisher is sent later in
 * publish_answers.c. Everything that is called for each message is here. */
#include <stdio.h>

#include "amqp/publish_private.h"
#include "auth/access.h"
#include "base/counters.h"
#include "wire/properties.h"

/* --- exchange and memo ------------------------------------------------------------------------ */

static struct exchange *find_exchange(struct channel *ch, const struct publication *p,
                                      struct broker_error *error)
{
    const struct connection *conn = ch->connection;
    const struct delivery *content = &p->publish.content;
    return access_publish(conn->session.identity, conn->session.vhost, content->exchange,
                          content->routing_key, error);
}

/* For a publish that was allowed a moment ago, to an exchange that has been deleted since. */
static struct exchange *find_or_refuse(struct channel *ch, const struct publication *p)
{
    struct broker_error error;
    struct exchange *x = find_exchange(ch, p, &error);
    if (!x && error.refusal == REFUSAL_UNANSWERED)
        exchange_refuse_missing(p->publish.content.exchange, ch->connection->session.vhost, &error);
    if (!x)
        channel_refuse(ch, AMQP_BASIC_PUBLISH, &error);
    return x;
}

/* Returns the memo if it holds for this publish, else NULL. */
static const struct publish_memo *memo_find(struct channel *ch, const struct publication *p)
{
    struct broker *broker = connection_server(ch->connection)->broker;
    const struct delivery *content = &p->publish.content;
    return publish_memo_holds(ch->memo, &broker->topology, auth_generation(), content->exchange,
                              content->routing_key)
               ? ch->memo
               : NULL;
}

/* --- into the queues -------------------------------------------------------------------------- */

bool publish_fail_without_memory(struct channel *ch)
{
    channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_RESOURCE_ERROR, "out of memory");
    return false;
}

/* Hands the publication to the queues of the route. Returns false if memory is short: then the
 * connection is closing. */
static bool send_to_queues(struct channel *ch, struct publication *p, const struct route *route,
                           struct confirm_sink *sink, uint64_t number,
                           struct confirm_answers *answers)
{
    struct publish_result result;
    bool is_looked_at = !dedup_claims_are_empty(&p->publish.claims);
    publish_send(connection_loop(ch->connection), &p->publish, route, sink, number, &result);
    if (result.is_out_of_memory)
        return publish_fail_without_memory(ch);
    if (result.behind)
        session_hold(&ch->connection->session, result.behind);
    if (is_looked_at && route->count > 0 &&
        dedup_is_behind(&connection_server(ch->connection)->broker->topology))
        session_hold_for_values(&ch->connection->session, queue_of_entry(route->queues[0]));
    *answers = result.answers;
    return true;
}

/* Returns or drops a publication that is routed to no queue. */
static void drop_publication(struct channel *ch, const struct publication *p)
{
    if (p->mandatory)
        channel_return(ch, &p->publish.content, p->publish.counts);
    else
        channel_count_dropped(ch, p->publish.counts);
}

/* Handles what the queues have answered at once, and notes how many will answer later. */
static void take_answers(struct channel *ch, const struct publication *p,
                         const struct confirm_answers *answers)
{
    struct confirms *confirms = ch->mode == CHANNEL_CONFIRM ? ch->confirms : NULL;
    if (confirms)
        confirms->tag = ch->tallies.current;
    if (answers->later > 0) {
        ch->publisher->waiting += answers->later;
        if (confirms)
            confirms_wait(confirms, answers, p->mandatory,
                          loop_now_ms(connection_loop(ch->connection)));
        else
            channel_watch(ch, answers);
        return;
    }
    enum confirm_answer sum = confirm_answers_sum(answers);
    if (sum == CONFIRM_GONE && p->mandatory) {
        channel_return(ch, &p->publish.content, p->publish.counts);
        sum = CONFIRM_TOOK;
    }
    if (confirms && sum == CONFIRM_TOOK)
        confirms_take(confirms);
    else if (confirms)
        confirms_refuse(confirms);
}

static void publish_to_all(struct channel *ch, struct publication *p, const struct route *route)
{
    struct confirm_answers answers = {0};
    uint64_t number = ch->mode == CHANNEL_CONFIRM ? confirms_next(ch->confirms) : 0;
    COUNT_MANY(routed, route->count);
    if (route->count == 0)
        drop_publication(ch, p);
    else if (p->mandatory && number == 0)
        number = channel_watch_next(ch);
    struct confirm_sink *sink = number > 0 ? &channel_publisher(ch)->sink : NULL;
    if (!send_to_queues(ch, p, route, sink, number, &answers) || number == 0)
        return;
    take_answers(ch, p, &answers);
    if (ch->mode == CHANNEL_CONFIRM)
        channel_confirm_soon(ch);
}

/* --- publishing ------------------------------------------------------------------------------- */

enum {
    PROPERTIES_TO_CHECK =
        PROPERTY_HEADERS | PROPERTY_USER_ID | PROPERTY_EXPIRATION | PROPERTY_REPLY_TO,
};

/* Reads the properties, and checks those for which a message may be refused. Returns false after
 * refusing. */
static bool check_properties(struct channel *ch, struct publication *p, struct lv_buffer *space)
{
    if (!properties_read(p->publish.content.header, &p->publish.properties)) {
        connection_fail(ch->connection, ch->number, REPLY_INTERNAL_ERROR, 0, "%s", "");
        return false;
    }
    const struct properties *props = &p->publish.properties;
    if (!(props->flags & PROPERTIES_TO_CHECK))
        return publish_check_delivery_mode(ch, props);
    return publish_check_properties(ch, p, space);
}

/* Sends a publication to its queues, or keeps it for commit with its route, as RabbitMQ does. */
static void send_or_keep(struct channel *ch, struct publication *p, const struct route *route)
{
    if (ch->mode != CHANNEL_TX) {
        publish_to_all(ch, p, route);
        return;
    }
    if (publish_keep(&p->publish, route))
        tx_add_publish(ch, p, route);
    else
        publish_fail_without_memory(ch);
}

/* Sends a publication while its vhost is watched. This is rare and in a function of its own, so
 * that the usual case needs less stack. */
__attribute__((noinline)) static void send_watched(struct channel *ch, struct publication *p,
                                                   const struct route *route)
{
    struct connection *conn = ch->connection;
    uint32_t life =
        session_watch_publish(&conn->session, ch->number, &p->publish, p->mandatory, route);
    struct slice exchange = p->publish.content.exchange;
    if (life && ch->mode == CHANNEL_CONFIRM)
        channel_follow_confirm(ch, life);
    send_or_keep(ch, p, route);
    session_hold_for_trace(&conn->session, exchange);
}

static void send_publication(struct channel *ch, struct publication *p, const struct route *route)
{
    (vhost_is_watched(ch->connection->session.vhost) ? send_watched : send_or_keep)(ch, p, route);
}

/* Returns what the route cost, in units. With few queues only the work of exchanges counts: as many
 * messages as are read at once are sent to few queues in little time. */
static unsigned cost_of(const struct route *route)
{
    enum { QUEUES_FREE = 32 };
    return route->count > QUEUES_FREE ? route_cost(route) : route->units;
}

/* What a transaction publishes is counted when it is committed. */
static void count_published(struct channel *ch, const struct publication *p, bool is_of_memo)
{
    if (ch->mode != CHANNEL_PLAIN) {
        if (ch->mode == CHANNEL_TX)
            return;
        COUNT(published_confirming);
        ch->transient_confirming += p->publish.properties.delivery_mode != DELIVERY_MODE_PERSISTENT;
    }
    if (is_of_memo)
        tallies_count_memo(&ch->tallies);
    else
        tallies_count(&ch->tallies, channel_counted_exchange(ch, p->publish.content.exchange));
    channel_count_published(ch, p->publish.content.body.n);
}

/* Remembers the route, and in which tally publishes that take it are counted: the current one, as
 * count_published() has just made it this exchange's. In a transaction it has not, and `of_memo`
 * is not used: a commit counts by the exchange's name, and a channel stays transactional. */
static void remember_route(struct channel *ch, const struct exchange *exchange,
                           const struct publish *publish, const struct route *route,
                           uint64_t topology, uint64_t auth)
{
    if (publish_memo_write(&ch->memo, exchange, publish, route, topology, auth))
        ch->tallies.of_memo = ch->tallies.current;
}

/* Routes a publication and sends it. `memo` is NULL unless it holds for this publish. */
static void route_publication(struct channel *ch, struct publication *p,
                              const struct publish_memo *memo)
{
    struct publish *publish = &p->publish;
    struct slice name = publish->content.exchange;
    count_published(ch, p, memo);
    bool has_headers = (publish->properties.flags & PROPERTY_HEADERS) != 0;
    struct route route;
    if (memo && !has_headers) {
        route = (struct route){.queues = memo->queues, .count = memo->count};
        publish->counts = memo->counts;
        exchange_count(publish->counts, memo->count);
        send_publication(ch, p, &route);
        return;
    }
    uint64_t topology = topology_generation(&connection_server(ch->connection)->broker->topology);
    struct exchange *exchange = exchange_find(ch->connection->session.vhost, name);
    uint64_t auth = auth_generation();
    if (!exchange && !(exchange = find_or_refuse(ch, p))) /* deleted since it was checked */
        return;
    publish->is_once = true;
    publish_route(connection_loop(ch->connection), exchange, publish, &route);
    if (!has_headers)
        remember_route(ch, exchange, publish, &route, topology, auth);
    session_charge(&ch->connection->session, cost_of(&route));
    send_publication(ch, p, &route);
}

/* Sends a publication to the channel's target, which no exchange is asked about. It is counted as a
 * message of the default exchange, which also hands messages to a queue by its name. */
static void publish_to_target(struct channel *ch, struct publication *p)
{
    struct broker_error error;
    struct queue_entry *queue = publish_find_target(ch, &error);
    if (!queue) { /* deleted since it was checked */
        channel_refuse(ch, AMQP_BASIC_PUBLISH, &error);
        return;
    }
    const struct route route = {.queues = &queue, .count = 1};
    count_published(ch, p, false);
    p->publish.counts = channel_counts_of_exchange(ch, SLICE_EMPTY);
    exchange_count(p->publish.counts, 1);
    send_publication(ch, p, &route);
}

static bool is_small_enough(const struct channel *ch, uint64_t body_bytes)
{
    return body_bytes <= connection_server(ch->connection)->settings.message_bytes_max;
}

bool publish_is_allowed(struct channel *ch, const struct publication *p, uint64_t body_bytes,
                        struct broker_error *error)
{
    if (is_small_enough(ch, body_bytes))
        return ch->target.n > 0 ? publish_find_target(ch, error) != NULL
                                : memo_find(ch, p) || find_exchange(ch, p, error);
    uint64_t most = connection_server(ch->connection)->settings.message_bytes_max;
    return broker_refuse(error, REPLY_PRECONDITION_FAILED,
                         "message size %llu is larger than configured max size %llu",
                         (unsigned long long)body_bytes, (unsigned long long)most);
}

static bool check_closely(struct channel *ch, const struct publication *p)
{
    struct broker_error error;
    bool is_allowed = publish_is_allowed(ch, p, p->publish.content.body.n, &error);
    if (!is_allowed && error.refusal == REFUSAL_UNANSWERED) {
        if (p->publish.content.message)
            return true; /* it was allowed when its header came */
        publish_await_access(ch, p);
        return false;
    }
    if (!is_allowed)
        channel_refuse(ch, AMQP_BASIC_PUBLISH, &error);
    return is_allowed;
}

void publish_whole(struct channel *ch, struct publication *p)
{
    struct connection *conn = ch->connection;
    struct loop *loop = connection_loop(conn);
    struct lv_buffer space = {0};
    /* While the memo holds, the publish is allowed. The other checks are in a function of their
     * own, as they need room for an error. */
    const struct publish_memo *memo =
        is_small_enough(ch, p->publish.content.body.n) ? memo_find(ch, p) : NULL;
    if ((memo || check_closely(ch, p)) && check_properties(ch, p, &space)) {
        if (memo || ch->target.n == 0)
            route_publication(ch, p, memo);
        else
            publish_to_target(ch, p);
    }
    const struct message *message = p->publish.content.message;
    if (message && message->is_persistent && session_alarms(&conn->session))
        session_block(&conn->session); /* the store has failed */
    publish_end(loop, &p->publish);
    if (p->original)
        message_unref(&p->original);
    lv_buffer_free(&space);
}

/* --- all of it at once ------------------------------------------------------------------------ */

/* Finds a whole frame of this type on this channel at p. *ret is its payload. */
static bool whole_frame(const struct channel *ch, uint8_t type, const uint8_t *p,
                        const uint8_t *end, struct slice *ret)
{
    if (end - p < FRAME_OVERHEAD || p[0] != type || wire_u16(p + 1) != ch->number)
        return false;
    uint32_t n = wire_u32(p + 3);
    uint32_t most = ch->connection->frame_bytes_max;
    if ((most != 0 && n > most) || (size_t)(end - p) < (size_t)n + FRAME_OVERHEAD ||
        p[FRAME_HEADER_BYTES + n] != FRAME_END)
        return false;
    *ret = slice_of(p + FRAME_HEADER_BYTES, n);
    return true;
}

size_t channel_publish_at_once(struct channel *ch, const uint8_t *p, const uint8_t *end)
{
    struct slice method, header, body = SLICE_EMPTY;
    struct amqp_basic_publish m;
    if (ch->state != CHANNEL_OPEN || ch->is_waiting || ch->deferred.n > 0 ||
        ch->content != CONTENT_NONE)
        return 0;
    if (!whole_frame(ch, FRAME_METHOD, p, end, &method) ||
        amqp_basic_publish_read(slice_of(method.p + 4, method.n - 4), &m) != WIRE_OK || m.immediate)
        return 0;
    const uint8_t *at = method.p + method.n + 1;
    if (!whole_frame(ch, FRAME_HEADER, at, end, &header) ||
        header.n < CONTENT_HEADER_FIXED_BYTES + 2 || wire_u32(header.p) != 60u << 16)
        return 0;
    uint64_t body_bytes = wire_u64(header.p + 4);
    at = header.p + header.n + 1;
    if (body_bytes > 0) {
        if (!whole_frame(ch, FRAME_BODY, at, end, &body) || body.n != body_bytes)
            return 0;
        at = body.p + body.n + 1;
    }
    struct publication publication = {
        .publish.content =
            {
                .exchange = m.exchange,
                .routing_key = m.routing_key,
                .header = slice_of(header.p + CONTENT_HEADER_FIXED_BYTES,
                                   header.n - CONTENT_HEADER_FIXED_BYTES),
                .body = body,
            },
        .mandatory = m.mandatory,
    };
    if (alarms_hold(session_alarms(&ch->connection->session))) {
        session_block(&ch->connection->session);
        return 0;
    }
    publish_whole(ch, &publication);
    return (size_t)(at - p);
}
