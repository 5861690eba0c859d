/* From the client to the broker: basic.publish, its content, confirms and returns.
 *
 * A publish whose frames all lie in the read buffer is taken at once, without a copy: what is
 * known of the last one (its exchange, route and permissions) mostly holds for this one too, and
 * when a consumer waits for it, its bytes go from here straight into that consumer's output. One
 * that comes in pieces gathers in `incoming` first. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/channel.h"
#include "base/memory.h"
#include "wire/erlang_text.h"
#include "wire/properties.h"
#include "wire/table.h"

/* One whole message on its way in. */
struct publication {
    struct slice exchange;
    struct slice routing_key;
    struct slice header; /* property flags and values */
    struct slice body;
    struct message *message; /* made already, or NULL: the slices lie in the read buffer */
    bool mandatory;
    struct properties properties;
    struct slice bcc;           /* the header BCC's values: the message itself has lost them */
    struct message *original;   /* owned; `message` before its header was written anew, else NULL */
    struct dedup_claims claims; /* owned; of the route that was found */
};

/* --- confirms ------------------------------------------------------------------------------------- */

static void send_confirm(void *arg, uint64_t number, bool multiple, bool nack)
{
    struct channel *ch = arg;
    if (nack)
        CHANNEL_SEND(ch, basic_nack, .delivery_tag = number, .multiple = multiple,
                     .requeue = true);
    else
        CHANNEL_SEND(ch, basic_ack, .delivery_tag = number, .multiple = multiple);
}

static void confirm_now(struct loop *loop, struct loop_task *task)
{
    (void)loop;
    struct channel *ch = lv_container_of(task, struct channel, confirm_task);
    confirms_flush(ch->confirms, send_confirm, ch);
}

void channel_init_confirm_task(struct channel *ch)
{
    loop_task_init(&ch->confirm_task, confirm_now);
}

void channel_confirm_soon(struct channel *ch)
{
    loop_schedule(connection_loop(ch->connection), &ch->confirm_task);
}

static void publisher_answer(struct confirm_sink *sink, uint64_t number, bool taken)
{
    struct publisher *p = lv_container_of(sink, struct publisher, sink);
    struct channel *ch = p->channel;
    p->waiting--;
    if (!ch) {
        if (p->waiting == 0)
            free(p);
        return;
    }
    if (ch->mode != CHANNEL_TX) {
        if (confirms_answer(ch->confirms, number, taken))
            channel_confirm_soon(ch);
        return;
    }
    p->has_failed |= !taken;
    if (p->waiting == 0)
        tx_is_committed(ch);
}

struct publisher *channel_publisher(struct channel *ch)
{
    if (!ch->publisher) {
        ch->publisher = lv_calloc(1, sizeof *ch->publisher);
        ch->publisher->sink.loop = connection_loop(ch->connection);
        ch->publisher->sink.answer = publisher_answer;
        ch->publisher->channel = ch;
    }
    return ch->publisher;
}

void channel_forget_publisher(struct channel *ch)
{
    struct publisher *p = ch->publisher;
    /* A commit under way keeps the channel waiting: its last answer ends that, also for one that has
     * gone meanwhile. */
    if (!p || (ch->mode == CHANNEL_TX && p->waiting > 0))
        return;
    ch->publisher = NULL;
    p->channel = NULL;
    if (p->waiting == 0)
        free(p);
}

/* --- returns --------------------------------------------------------------------------------------- */

void channel_return(struct channel *ch, struct slice exchange, struct slice routing_key,
                    struct slice header, struct slice body, struct message *message)
{
    CHANNEL_SEND(ch, basic_return, .reply_code = REPLY_NO_ROUTE,
                 .reply_text = slice_str("NO_ROUTE"), .exchange = exchange,
                 .routing_key = routing_key);
    channel_write_content(ch, header, body, message);
}

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

/* The exchange, once the user may publish to it by this key. NULL after refusing. */
static struct exchange *find_exchange(struct channel *ch, const struct publication *p)
{
    struct vhost *vhost = ch->connection->vhost;
    if (!channel_allows(ch, AMQP_BASIC_PUBLISH, AUTH_WRITE, "exchange", p->exchange))
        return NULL;
    struct exchange *x = exchange_find(vhost, p->exchange);
    if (!x) {
        channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_NOT_FOUND, "no exchange '%.*s' in vhost '%.*s'",
                     SLICE_ARG(p->exchange), SLICE_ARG(vhost_name(vhost)));
        return NULL;
    }
    if (x->is_internal) {
        channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_ACCESS_REFUSED,
                     "cannot publish to internal exchange '%.*s' in vhost '%.*s'",
                     SLICE_ARG(p->exchange), SLICE_ARG(vhost_name(vhost)));
        return NULL;
    }
    if (slice_is(slice_str(x->type_name), "topic") &&
        !channel_allows_topic(ch, AMQP_BASIC_PUBLISH, p->exchange, AUTH_WRITE, p->routing_key))
        return NULL;
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

/* --- what is in it ------------------------------------------------------------------------------------ */

static bool check_user_id(struct channel *ch, const struct properties *props)
{
    const struct auth_identity *who = ch->connection->identity;
    if (!(props->flags & PROPERTY_USER_ID) ||
        slice_equal(props->user_id, auth_identity_name(who)) || auth_is_impersonator(who))
        return true;
    channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_PRECONDITION_FAILED,
                 "user_id property set to '%.*s' but authenticated user was '%.*s'",
                 SLICE_ARG(props->user_id), SLICE_ARG(auth_identity_name(who)));
    return false;
}

/* Ten years: what RabbitMQ's timers can do. */
#define EXPIRATION_MS_MAX 315360000000u

/* The digits at the beginning; *ret_value is cut to UINT64_MAX. */
static size_t read_digits(struct slice s, uint64_t *ret_value)
{
    size_t n = 0;
    uint64_t value = 0;
    for (; n < s.n && s.p[n] >= '0' && s.p[n] <= '9'; n++) {
        uint64_t digit = (uint64_t)(s.p[n] - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    *ret_value = value;
    return n;
}

/* What is wrong with it, in the words of Erlang; false when nothing is. */
static bool describe_bad_expiration(struct lv_buffer *why, struct slice e)
{
    size_t sign = e.n > 0 && (e.p[0] == '-' || e.p[0] == '+');
    uint64_t value;
    size_t digits = read_digits(slice_of(e.p + sign, e.n - sign), &value);
    size_t zeros = 0;
    while (zeros + 1 < digits && e.p[sign + zeros] == '0')
        zeros++;
    struct slice number = slice_of(e.p + sign + zeros, digits - zeros);
    struct slice rest = slice_of(e.p + sign + digits, e.n - sign - digits);
    if (digits == 0) {
        lv_buffer_printf(why, "no_integer");
    } else if (rest.n > 0) {
        lv_buffer_printf(why, "{leftover_string,");
        erlang_put_string(why, rest);
        lv_buffer_printf(why, "}");
    } else if (e.p[0] == '-' && value > 0) {
        lv_buffer_printf(why, "{value_negative,-%.*s}", SLICE_ARG(number));
    } else if (value > EXPIRATION_MS_MAX) {
        lv_buffer_printf(why, "{value_too_large,%.*s}", SLICE_ARG(number));
    }
    return why->n > 0;
}

static bool check_expiration(struct channel *ch, const struct properties *props)
{
    struct lv_buffer why = {0};
    if (!(props->flags & PROPERTY_EXPIRATION) || !describe_bad_expiration(&why, props->expiration))
        return true;
    channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_PRECONDITION_FAILED,
                 "invalid expiration '%.*s': %.*s", SLICE_ARG(props->expiration), (int)why.n,
                 (const char *)why.p);
    lv_buffer_free(&why);
    return false;
}

static bool check_delivery_mode(struct channel *ch, const struct properties *props)
{
    if (!(props->flags & PROPERTY_DELIVERY_MODE) ||
        props->delivery_mode == DELIVERY_MODE_PERSISTENT ||
        props->delivery_mode == DELIVERY_MODE_TRANSIENT)
        return true;
    channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_PRECONDITION_FAILED,
                 "invalid message: {delivery_mode_unknown,%u}", props->delivery_mode);
    return false;
}

static bool check_size(struct channel *ch, uint64_t bytes)
{
    uint64_t most = connection_server(ch->connection)->settings.message_bytes_max;
    if (bytes <= most)
        return true;
    channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_PRECONDITION_FAILED,
                 "message size %llu is larger than configured max size %llu",
                 (unsigned long long)bytes, (unsigned long long)most);
    return false;
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
static bool need_message(struct channel *ch, struct publication *p)
{
    if (!p->message)
        p->message = make_message(p);
    if (!p->message)
        channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_RESOURCE_ERROR, "out of memory");
    return p->message != NULL;
}

/* Hands the message to one queue; `later` counts answers that will come by mail. False when the
 * connection is closed. */
static bool publish_to(struct channel *ch, struct queue *q, struct publication *p,
                       struct confirm_sink *sink, uint64_t number, uint32_t *later, bool *refused)
{
    struct loop *loop = connection_loop(ch->connection);
    const struct delivery delivery = delivery_of(p);
    if (queue_pass_through(loop, q, &delivery))
        return true;
    if (!need_message(ch, p))
        return false;
    enum queue_answer answer = queue_publish(loop, q, p->message, sink, number);
    if (queue_is_behind(q))
        connection_hold(ch->connection, q);
    *later += answer == QUEUE_LATER;
    *refused |= answer == QUEUE_REFUSED;
    return true;
}

static void confirm_later(struct channel *ch, uint64_t number, uint32_t later, bool refused)
{
    if (later > 0) {
        ch->publisher->waiting += later;
        confirms_wait(ch->confirms, number, later);
    } else if (refused) {
        confirms_refuse(ch->confirms, number);
    }
    channel_confirm_soon(ch);
}

/* To all queues of the route. False when the connection is closed. */
static bool publish_to_each(struct channel *ch, struct publication *p, const struct route *route,
                            struct confirm_sink *sink, uint64_t number, uint32_t *later,
                            bool *refused)
{
    for (size_t i = 0; i < route->count; i++) {
        if (!publish_to(ch, route->queues[i], p, sink, number, later, refused))
            return false;
    }
    return true;
}

/* The same for a message that exchanges have looked at for duplicates. */
static bool publish_once(struct channel *ch, struct publication *p, const struct route *route,
                         struct confirm_sink *sink, uint64_t number, uint32_t *later, bool *refused)
{
    bool is_persistent = p->properties.delivery_mode == DELIVERY_MODE_PERSISTENT;
    struct dedup_publish *publish =
        dedup_publish_begin(connection_loop(ch->connection), &p->claims, is_persistent);
    uint32_t queues_later = 0;
    bool queues_refused = false;
    if (!publish_to_each(ch, p, route, dedup_publish_sink(publish), 0, &queues_later,
                         &queues_refused)) {
        dedup_publish_end(&publish, queues_later, true, NULL, 0);
        return false;
    }
    enum queue_answer answers[2] = {
        dedup_publish_end(&publish, queues_later, queues_refused, sink, number), QUEUE_TOOK};
    if (p->claims.seen_by)
        answers[1] = dedup_answer_duplicate(&p->claims, sink, number);
    for (size_t i = 0; i < 2; i++) {
        *later += answers[i] == QUEUE_LATER;
        *refused |= answers[i] == QUEUE_REFUSED;
    }
    if (route->count > 0 && dedup_is_behind(connection_server(ch->connection)->broker))
        connection_hold_for_values(ch->connection, route->queues[0]);
    return true;
}

static void publish_to_all(struct channel *ch, struct publication *p, const struct route *route)
{
    uint64_t number = ch->mode == CHANNEL_CONFIRM ? confirms_number(ch->confirms) : 0;
    uint32_t later = 0;
    bool refused = false;
    if (route->count == 0 && p->mandatory)
        channel_return(ch, p->exchange, p->routing_key, p->header, p->body, p->message);
    struct confirm_sink *sink = number > 0 ? &channel_publisher(ch)->sink : NULL;
    bool is_looked_at = !dedup_claims_are_empty(&p->claims);
    bool is_open = (is_looked_at ? publish_once : publish_to_each)(ch, p, route, sink, number,
                                                                   &later, &refused);
    if (is_open && number > 0)
        confirm_later(ch, number, later, refused);
}

/* --- publishing ------------------------------------------------------------------------------------------- */

/* CC and BCC are arrays, where they are there. */
static bool check_extra_keys(struct channel *ch, const struct properties *props, const char *name,
                             struct field *ret)
{
    if (!table_find(props->headers, name, ret) || ret->type == FIELD_ARRAY)
        return true;
    channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_PRECONDITION_FAILED,
                 "invalid message: {unacceptable_type_in_header,\"%s\",%s}", name,
                 field_type_name(ret->type));
    return false;
}

static bool check_reply_to(struct channel *ch, const struct properties *props)
{
    if (!slice_is(props->reply_to, REPLY_TO_NAME) || reply_to_own_name(ch).n > 0)
        return true;
    channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_PRECONDITION_FAILED,
                 "fast reply consumer does not exist");
    return false;
}

/* Appends the table without the first field of this name. */
static void copy_table_without(struct lv_buffer *out, struct slice table, const char *name)
{
    struct slice rest = table, field_name;
    struct field field;
    size_t before = 0;
    while (table_next(&rest, &field_name, &field) && !slice_is(field_name, name))
        before = table.n - rest.n;
    lv_buffer_add(out, table.p, before);
    lv_buffer_add_slice(out, rest);
}

/* Whether the history that a client publishes is to count for nothing: dead_letter.republished_x_death. */
static bool forgets_history(struct channel *ch, const struct properties *props)
{
    struct field history;
    return atomic_load_explicit(&connection_server(ch->connection)->settings.forgets_histories,
                                memory_order_relaxed) &&
           table_find(props->headers, "x-death", &history);
}

/* The header is written anew: what is addressed to amq.rabbitmq.reply-to is addressed to this channel,
 * and nobody who gets the message sees who else did. `space` is freed by the caller. */
static bool rewrite_header(struct channel *ch, struct publication *p, struct lv_buffer *space)
{
    struct properties fresh = p->properties;
    if (slice_is(fresh.reply_to, REPLY_TO_NAME))
        fresh.reply_to = reply_to_own_name(ch);
    struct lv_buffer headers = {0}, shorter = {0};
    copy_table_without(&headers, fresh.headers, "BCC");
    fresh.headers = lv_buffer_slice(&headers);
    if (forgets_history(ch, &fresh)) {
        copy_table_without(&shorter, fresh.headers, "x-death");
        fresh.headers = lv_buffer_slice(&shorter);
    }
    size_t n = properties_size(&fresh);
    properties_put(lv_buffer_reserve(space, n), &fresh);
    space->n = n;
    lv_buffer_free(&headers);
    lv_buffer_free(&shorter);
    p->header = lv_buffer_slice(space);
    if (!properties_read(p->header, &p->properties))
        lv_unreachable();
    if (!p->message)
        return true;
    p->original = p->message;
    p->message = NULL;
    if (!need_message(ch, p))
        return false;
    p->body = message_body(p->message);
    return true;
}

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
    struct field cc = {0}, bcc = {0};
    if (!(props->flags & PROPERTIES_TO_CHECK))
        return check_delivery_mode(ch, props);
    if (!check_reply_to(ch, props) || !check_user_id(ch, props) || !check_expiration(ch, props) ||
        !check_delivery_mode(ch, props) || !check_extra_keys(ch, props, "CC", &cc) ||
        !check_extra_keys(ch, props, "BCC", &bcc))
        return false;
    p->bcc = bcc.bytes;
    bool is_as_it_came =
        bcc.type == 0 && !slice_is(props->reply_to, REPLY_TO_NAME) && !forgets_history(ch, props);
    return is_as_it_came || rewrite_header(ch, p, space);
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
    if (need_message(ch, p))
        tx_add_publish(ch, &p->message, p->mandatory, route, &p->claims);
}

static void send_publication(struct channel *ch, struct publication *p, const struct route *route)
{
    struct connection *conn = ch->connection;
    if (!trace_is_on(conn->vhost)) {
        send_on(ch, p, route);
        return;
    }
    trace(ch, p, route);
    send_on(ch, p, route);
    connection_hold_for_trace(conn, p->exchange);
}

/* To a channel that waits for an answer. */
static void publish_reply(struct channel *ch, struct publication *p)
{
    static const struct route nowhere = {0};
    if (!need_message(ch, p))
        return;
    if (trace_is_on(ch->connection->vhost))
        trace(ch, p, &nowhere);
    if (ch->mode == CHANNEL_TX) {
        tx_add_publish(ch, &p->message, false, &nowhere, &p->claims);
        return;
    }
    reply_to_publish(ch, p->routing_key, p->message);
    if (ch->mode == CHANNEL_CONFIRM)
        confirm_later(ch, confirms_number(ch->confirms), 0, false);
}

/* Finds out where it goes and sends it there. */
static void route_publication(struct channel *ch, struct publication *p)
{
    ch->published += ch->mode != CHANNEL_TX;
    if (p->exchange.n == 0 && reply_to_is_made_name(p->routing_key)) {
        publish_reply(ch, p);
        return;
    }
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
    if (!exchange)
        return;
    find_route(ch, exchange, p, &route);
    if (!has_headers)
        memo_write(ch, p, exchange, &route, topology, auth);
    send_publication(ch, p, &route);
}

/* Takes p->message where there is one. The channel may be gone afterwards. */
static void publish(struct channel *ch, struct publication *p)
{
    struct connection *conn = ch->connection;
    struct loop *loop = connection_loop(conn);
    struct lv_buffer space = {0};
    bool is_fine = check_size(ch, p->body.n);
    if (is_fine && !memo_find(ch, p))
        is_fine = find_exchange(ch, p) != NULL;
    if (is_fine && check_properties(ch, p, &space))
        route_publication(ch, p);
    bool is_persistent = p->message && p->message->is_persistent;
    if (p->message)
        message_unref(&p->message);
    if (p->original)
        message_unref(&p->original);
    if (!dedup_claims_are_empty(&p->claims))
        dedup_claims_drop(loop, &p->claims);
    lv_buffer_free(&space);
    unsigned alarms =
        atomic_load_explicit(&connection_server(conn)->broker->alarms, memory_order_relaxed);
    /* A failed disk holds up those who need it, and nobody else. */
    if ((alarms & ~(unsigned)BROKER_ALARM_STORE) || (alarms && is_persistent))
        connection_block(conn);
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
    publish(ch, &publication);
    return (size_t)(at - p);
}

/* --- piece by piece --------------------------------------------------------------------------------------------- */

void channel_begin_publish(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, basic_publish, AMQP_BASIC_PUBLISH, m);
    if (m.immediate) {
        channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_NOT_IMPLEMENTED, "immediate=true");
        return;
    }
    struct incoming *in = lv_malloc(sizeof *in + m.exchange.n + m.routing_key.n);
    *in = (struct incoming){.mandatory = m.mandatory};
    in->exchange = slice_of(in->names, m.exchange.n);
    in->routing_key = slice_of(in->names + m.exchange.n, m.routing_key.n);
    wire_put_bytes(wire_put_bytes(in->names, m.exchange), m.routing_key);
    ch->incoming = in;
    ch->content = CONTENT_AWAIT_HEADER;
}

static void publish_incoming(struct channel *ch)
{
    struct incoming *in = ch->incoming;
    ch->incoming = NULL;
    ch->content = CONTENT_NONE;
    struct publication p = {
        .exchange = in->exchange,
        .routing_key = in->routing_key,
        .header = message_header(in->message),
        .body = message_body(in->message),
        .message = in->message,
        .mandatory = in->mandatory,
    };
    publish(ch, &p);
    free(in);
}

/* The message was too large to keep: its body has been dropped, and now that all of it has come the
 * channel hears about it. */
static void refuse_incoming(struct channel *ch)
{
    uint64_t bytes = ch->incoming->body_bytes;
    free(ch->incoming);
    ch->incoming = NULL;
    ch->content = CONTENT_NONE;
    check_size(ch, bytes);
}

static void finish_incoming(struct channel *ch)
{
    if (ch->incoming->message)
        publish_incoming(ch);
    else
        refuse_incoming(ch);
}

void channel_take_header(struct channel *ch, struct slice payload)
{
    struct incoming *in = ch->incoming;
    if (payload.n < CONTENT_HEADER_FIXED_BYTES + 2) {
        connection_fail(ch->connection, REPLY_INTERNAL_ERROR, 0, "%s", "");
        return;
    }
    unsigned class_id = wire_u16(payload.p);
    if (wire_u16(payload.p + 2) != 0) {
        connection_fail(ch->connection, REPLY_UNEXPECTED_FRAME, AMQP_BASIC_PUBLISH,
                        "expected content header for class 60, got non content header frame "
                        "instead");
        return;
    }
    if (class_id != 60) {
        connection_fail(ch->connection, REPLY_UNEXPECTED_FRAME, AMQP_BASIC_PUBLISH,
                        "expected content header for class 60, got one for class %u instead",
                        class_id);
        return;
    }
    struct properties properties;
    struct slice header =
        slice_of(payload.p + CONTENT_HEADER_FIXED_BYTES, payload.n - CONTENT_HEADER_FIXED_BYTES);
    if (!properties_read(header, &properties)) {
        connection_fail(ch->connection, REPLY_INTERNAL_ERROR, 0, "%s", "");
        return;
    }
    in->body_bytes = wire_u64(payload.p + 4);
    if (in->body_bytes <= connection_server(ch->connection)->settings.message_bytes_max) {
        in->message = message_create(in->exchange, in->routing_key, header, in->body_bytes,
                                     properties.delivery_mode == DELIVERY_MODE_PERSISTENT);
        if (!in->message) {
            channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_RESOURCE_ERROR, "out of memory");
            return;
        }
    }
    ch->content = CONTENT_AWAIT_BODY;
    if (in->body_bytes == 0)
        finish_incoming(ch);
}

bool channel_misses_body(const struct channel *ch, uint64_t bytes)
{
    const struct incoming *in = ch->incoming;
    return ch->content == CONTENT_AWAIT_BODY && in->body_got <= in->body_bytes &&
           bytes <= in->body_bytes - in->body_got;
}

void channel_take_body(struct channel *ch, struct slice part)
{
    struct incoming *in = ch->incoming;
    uint64_t room = in->body_bytes > in->body_got ? in->body_bytes - in->body_got : 0;
    size_t n = part.n < room ? part.n : (size_t)room;
    if (in->message && n > 0)
        memcpy(message_body_space(in->message) + in->body_got, part.p, n);
    in->body_got += part.n;
    /* More than was announced is no whole message: the next method frame will be refused. */
    if (in->body_got == in->body_bytes)
        finish_incoming(ch);
}
