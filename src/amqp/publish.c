/* From the client to the broker: basic.publish, and where it goes.
 *
 * A publish whose frames all lie in the read buffer is taken at once, without a copy: what is
 * known of the last one (its exchange, route and permissions) mostly holds for this one too, and
 * when a consumer waits for it, its bytes go from here straight into that consumer's output. One
 * that comes in pieces gathers in publish_incoming.c first; properties that ask for more than to be
 * passed on are in publish_properties.c, and what the publisher is told later in publish_answers.c.
 * What is called for every message stands here together. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/publish_private.h"
#include "auth/access.h"
#include "base/memory.h"
#include "broker/delayed.h"
#include "wire/properties.h"
#include "wire/table.h"

static struct delivery delivery_of(const struct publication *p)
{
    return (struct delivery){
        .exchange = p->exchange,
        .routing_key = p->routing_key,
        .header = p->header,
        .body = p->body,
        .message = p->message,
    };
}

/* --- where it goes ----------------------------------------------------------------------------------- */

static struct exchange *find_exchange(struct channel *ch, const struct publication *p,
                                      struct broker_error *error)
{
    struct connection *conn = ch->connection;
    return access_publish(conn->identity, conn->vhost, p->exchange, p->routing_key, error);
}

static struct exchange *find_or_refuse(struct channel *ch, const struct publication *p)
{
    struct broker_error error;
    struct exchange *x = find_exchange(ch, p, &error);
    if (!x)
        channel_refuse(ch, AMQP_BASIC_PUBLISH, &error);
    return x;
}

static bool memo_is_about(const struct publish_memo *memo, const struct publication *p)
{
    return memo->exchange_bytes == p->exchange.n && memo->routing_key_bytes == p->routing_key.n &&
           memcmp(memo->names, p->exchange.p, p->exchange.n) == 0 &&
           memcmp(memo->names + p->exchange.n, p->routing_key.p, p->routing_key.n) == 0;
}

/* The memo, when it holds for this publish. */
static struct publish_memo *memo_find(struct channel *ch, const struct publication *p)
{
    struct publish_memo *memo = ch->memo;
    if (!memo || !memo->is_valid || !memo_is_about(memo, p))
        return NULL;
    struct broker *broker = connection_server(ch->connection)->broker;
    bool holds = memo->topology_generation == topology_generation(broker) &&
                 memo->auth_generation == auth_generation();
    memo->is_valid = holds;
    return holds ? memo : NULL;
}

static void memo_write(struct channel *ch, const struct publication *p, struct exchange *exchange,
                       const struct route *route, uint64_t topology, uint64_t auth)
{
    if (exchange->is_never_cached || route->count > MEMO_QUEUES_MAX)
        return;
    if (!ch->memo)
        ch->memo = lv_malloc(sizeof *ch->memo);
    struct publish_memo *memo = ch->memo;
    memo->topology_generation = topology;
    memo->auth_generation = auth;
    memo->exchange = exchange;
    memo->exchange_bytes = (uint8_t)p->exchange.n;
    memo->routing_key_bytes = (uint8_t)p->routing_key.n;
    memcpy(memo->names, p->exchange.p, p->exchange.n);
    memcpy(memo->names + p->exchange.n, p->routing_key.p, p->routing_key.n);
    memo->count = route->count;
    for (size_t i = 0; i < route->count; i++)
        memo->queues[i] = route->queues[i];
    memo->is_valid = route->is_cacheable;
}

static size_t count_values(struct slice array)
{
    struct field value;
    size_t count = 0;
    while (array_next(&array, &value))
        count++;
    return count;
}

/* Appends the strings of an array; the new count. */
static size_t add_keys(struct slice *keys, size_t count, struct slice array)
{
    struct field key;
    while (array_next(&array, &key)) {
        if (key.type == FIELD_LONGSTR)
            keys[count++] = key.bytes;
    }
    return count;
}

/* By its routing key, and by those in its headers CC and BCC, which were checked to be arrays. */
static void find_route(struct channel *ch, struct exchange *exchange, struct publication *p,
                       struct route *ret)
{
    struct loop *loop = connection_loop(ch->connection);
    const struct delivery whole = delivery_of(p);
    const struct routing_input input = {
        .routing_key = p->routing_key,
        .headers = p->properties.headers,
        .has_headers = (p->properties.flags & PROPERTY_HEADERS) != 0,
        .message = &whole,
        .claims = &p->claims,
    };
    struct field cc = {0};
    if (!table_find(input.headers, "CC", &cc) && p->bcc.n == 0) {
        route_find(loop, exchange, &input, ret);
        return;
    }
    size_t most = 1 + count_values(cc.bytes) + count_values(p->bcc);
    struct slice *keys = lv_malloc(most * sizeof *keys);
    keys[0] = p->routing_key;
    size_t count = add_keys(keys, 1, cc.bytes);
    count = add_keys(keys, count, p->bcc);
    route_find_many(loop, exchange, keys, count, &input, ret);
    free(keys);
}

/* --- into the queues ------------------------------------------------------------------------------------ */

static struct message *make_message(const struct publication *p)
{
    struct message *m = message_create(p->exchange, p->routing_key, p->header, p->body.n,
                                       p->properties.delivery_mode == DELIVERY_MODE_PERSISTENT);
    if (m && p->body.n > 0)
        memcpy(message_body_space(m), p->body.p, p->body.n);
    return m;
}

/* The publication has a message from here on. False, with the connection closed, without memory. */
bool publish_need_message(struct channel *ch, struct publication *p)
{
    if (!p->message)
        p->message = make_message(p);
    if (!p->message)
        channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_RESOURCE_ERROR, "out of memory");
    return p->message != NULL;
}

/* The message in the form in which this queue is to have it; borrowed. NULL: the connection is closed. */
static struct message *need_message_for(struct channel *ch, struct publication *p,
                                        const struct queue *q)
{
    if (!publish_need_message(ch, p))
        return NULL;
    if (p->bcc.n == 0 || !queue_is_delaying(q))
        return p->message;
    if (!p->waiting && !delayed_keep_bcc(p->message, p->bcc, &p->waiting))
        channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_RESOURCE_ERROR, "out of memory");
    return p->waiting;
}

/* Hands the message to one queue. False when the connection is closed. */
static bool publish_to(struct channel *ch, struct queue *q, struct publication *p,
                       struct confirm_sink *sink, uint64_t number, struct confirm_answers *answers)
{
    struct loop *loop = connection_loop(ch->connection);
    const struct delivery delivery = delivery_of(p);
    if (queue_pass_through(loop, q, &delivery)) {
        answers->taken = true;
        return true;
    }
    struct message *message = need_message_for(ch, p, q);
    if (!message)
        return false;
    confirm_answers_add(answers, queue_publish(loop, q, message, sink, number));
    if (queue_is_behind(q))
        connection_hold(ch->connection, q);
    return true;
}

/* To all queues of the route. False when the connection is closed. */
static bool publish_to_each(struct channel *ch, struct publication *p, const struct route *route,
                            struct confirm_sink *sink, uint64_t number,
                            struct confirm_answers *answers)
{
    for (size_t i = 0; i < route->count; i++) {
        if (!publish_to(ch, route->queues[i], p, sink, number, answers))
            return false;
    }
    return true;
}

/* The same for a message that exchanges have looked at for duplicates. */
static bool publish_once(struct channel *ch, struct publication *p, const struct route *route,
                         struct confirm_sink *sink, uint64_t number,
                         struct confirm_answers *answers)
{
    bool is_persistent = p->properties.delivery_mode == DELIVERY_MODE_PERSISTENT;
    struct dedup_publish *publish =
        dedup_publish_begin(connection_loop(ch->connection), &p->claims, is_persistent);
    struct confirm_answers of_queues = {0};
    if (!publish_to_each(ch, p, route, dedup_publish_sink(publish), 0, &of_queues)) {
        of_queues.refused = true;
        dedup_publish_end(&publish, &of_queues, NULL, 0);
        return false;
    }
    confirm_answers_add(answers, dedup_publish_end(&publish, &of_queues, sink, number));
    if (p->claims.seen_by)
        confirm_answers_add(answers, dedup_answer_duplicate(&p->claims, sink, number));
    if (route->count > 0 && dedup_is_behind(connection_server(ch->connection)->broker))
        connection_hold_for_values(ch->connection, route->queues[0]);
    return true;
}

static void return_publication(struct channel *ch, const struct publication *p)
{
    channel_return(ch, p->exchange, p->routing_key, p->header, p->body, p->message);
}

/* Its queues have been asked, and this is what they have said. */
static void publish_end(struct channel *ch, const struct publication *p,
                        const struct confirm_answers *answers)
{
    struct confirms *confirms = ch->mode == CHANNEL_CONFIRM ? ch->confirms : NULL;
    if (answers->later > 0) {
        ch->publisher->waiting += answers->later;
        if (confirms)
            confirms_wait(confirms, answers, p->mandatory);
        else
            channel_watch(ch, answers);
        return;
    }
    enum confirm_answer sum = confirm_answers_sum(answers);
    if (sum == CONFIRM_GONE && p->mandatory) {
        return_publication(ch, p);
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
    if (p->mandatory && route->count == 0)
        return_publication(ch, p);
    else if (p->mandatory && number == 0)
        number = channel_watch_next(ch);
    struct confirm_sink *sink = number > 0 ? &channel_publisher(ch)->sink : NULL;
    bool is_looked_at = !dedup_claims_are_empty(&p->claims);
    bool is_open =
        (is_looked_at ? publish_once : publish_to_each)(ch, p, route, sink, number, &answers);
    if (!is_open || number == 0)
        return;
    publish_end(ch, p, &answers);
    if (ch->mode == CHANNEL_CONFIRM)
        channel_confirm_soon(ch);
}

/* --- publishing ------------------------------------------------------------------------------------------- */

enum {
    PROPERTIES_TO_CHECK =
        PROPERTY_HEADERS | PROPERTY_USER_ID | PROPERTY_EXPIRATION | PROPERTY_REPLY_TO,
};

/* Everything about the properties that could refuse the message. */
static bool check_properties(struct channel *ch, struct publication *p, struct lv_buffer *space)
{
    if (!properties_read(p->header, &p->properties)) {
        connection_fail(ch->connection, REPLY_INTERNAL_ERROR, 0, "%s", "");
        return false;
    }
    const struct properties *props = &p->properties;
    if (!(props->flags & PROPERTIES_TO_CHECK))
        return publish_check_delivery_mode(ch, props);
    return publish_check_properties(ch, p, space);
}

/* Its copy goes to the firehose, before the message itself goes anywhere. */
static void trace(struct channel *ch, const struct publication *p, const struct route *route)
{
    const struct delivery message = {
        .exchange = p->exchange,
        .routing_key = p->routing_key,
        .header = p->header,
        .body = p->body,
    };
    channel_trace_publish(ch, &message, p->bcc, route);
}

/* Says something to the queues, or keeps it for commit: then with its route, as RabbitMQ does. */
static void send_on(struct channel *ch, struct publication *p, const struct route *route)
{
    if (ch->mode != CHANNEL_TX) {
        publish_to_all(ch, p, route);
        return;
    }
    if (!publish_need_message(ch, p))
        return;
    for (size_t i = 0; i < route->count; i++) {
        if (!need_message_for(ch, p, route->queues[i]))
            return;
    }
    tx_add_publish(ch, p, route);
}

/* Rare: kept apart, so that what is sent untraced needs no room for it. */
__attribute__((noinline)) static void send_traced(struct channel *ch, struct publication *p,
                                                  const struct route *route)
{
    struct connection *conn = ch->connection;
    trace(ch, p, route);
    send_on(ch, p, route);
    connection_hold_for_trace(conn, p->exchange);
}

static void send_publication(struct channel *ch, struct publication *p, const struct route *route)
{
    (trace_is_on(ch->connection->vhost) ? send_traced : send_on)(ch, p, route);
}

/* What goes to a few queues by a short way is not worth counting: as much of it as is read at once takes no
 * long time. */
static unsigned cost_of(const struct route *route)
{
    enum { QUEUES_FREE = 32 };
    return route->count > QUEUES_FREE ? route_cost(route) : route->units;
}

/* Finds out where it goes and sends it there. */
static void route_publication(struct channel *ch, struct publication *p)
{
    ch->published += ch->mode != CHANNEL_TX;
    bool has_headers = (p->properties.flags & PROPERTY_HEADERS) != 0;
    struct publish_memo *memo = memo_find(ch, p);
    struct route route;
    if (memo && !has_headers) {
        route = (struct route){.queues = memo->queues, .count = memo->count};
        send_publication(ch, p, &route);
        return;
    }
    uint64_t topology = topology_generation(connection_server(ch->connection)->broker);
    struct exchange *exchange = exchange_find(ch->connection->vhost, p->exchange);
    uint64_t auth = auth_generation();
    if (!exchange && !(exchange = find_or_refuse(ch, p))) /* it has gone since it was looked at */
        return;
    find_route(ch, exchange, p, &route);
    if (!has_headers)
        memo_write(ch, p, exchange, &route, topology, auth);
    connection_charge(ch->connection, cost_of(&route));
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
        return memo_find(ch, p) || find_exchange(ch, p, error);
    uint64_t most = connection_server(ch->connection)->settings.message_bytes_max;
    return broker_refuse(error, REPLY_PRECONDITION_FAILED,
                         "message size %llu is larger than configured max size %llu",
                         (unsigned long long)body_bytes, (unsigned long long)most);
}

static bool check_closely(struct channel *ch, const struct publication *p)
{
    struct broker_error error;
    bool is_allowed = publish_is_allowed(ch, p, p->body.n, &error);
    if (!is_allowed)
        channel_refuse(ch, AMQP_BASIC_PUBLISH, &error);
    return is_allowed;
}

/* What was allowed a moment ago is allowed; whatever else there is to check needs room for an error. */
static bool check_publication(struct channel *ch, const struct publication *p)
{
    return (is_small_enough(ch, p->body.n) && memo_find(ch, p)) || check_closely(ch, p);
}

/* Takes p->message where there is one. The channel may be gone afterwards. */
void publish_whole(struct channel *ch, struct publication *p)
{
    struct connection *conn = ch->connection;
    struct loop *loop = connection_loop(conn);
    struct lv_buffer space = {0};
    if (check_publication(ch, p) && check_properties(ch, p, &space))
        route_publication(ch, p);
    if (p->message) {
        if (p->message->is_persistent && connection_alarms(conn))
            connection_block(conn); /* the store has failed */
        message_unref(&p->message);
    }
    if (p->waiting)
        message_unref(&p->waiting);
    if (p->original)
        message_unref(&p->original);
    if (!dedup_claims_are_empty(&p->claims))
        dedup_claims_drop(loop, &p->claims);
    lv_buffer_free(&space);
}

/* --- all of it at once --------------------------------------------------------------------------------------- */

/* A whole frame of this type on this channel at p: its payload, else nothing. */
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
        .exchange = m.exchange,
        .routing_key = m.routing_key,
        .header =
            slice_of(header.p + CONTENT_HEADER_FIXED_BYTES, header.n - CONTENT_HEADER_FIXED_BYTES),
        .body = body,
        .mandatory = m.mandatory,
    };
    if (alarms_hold(connection_alarms(ch->connection))) {
        connection_block(ch->connection);
        return 0;
    }
    publish_whole(ch, &publication);
    return (size_t)(at - p);
}
