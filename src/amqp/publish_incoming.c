/* A publish that comes in pieces: method, header and bodies, which gather in `incoming` until the
 * message is whole.
 *
 * The body is read into its final place. If the header shows that the message will be refused, its
 * body is counted and dropped, and the client is told when all of it has come, as in RabbitMQ. */
#include <stdlib.h>
#include <string.h>

#include "amqp/publish_private.h"
#include "base/memory.h"

/* Stops a connection that has sent part of a message while an alarm is on: the rest is read after
 * the alarm. */
static void incoming_block(struct channel *ch)
{
    if (alarms_hold(session_alarms(&ch->connection->session)))
        session_block(&ch->connection->session);
}

void channel_begin_publish(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, basic_publish, AMQP_BASIC_PUBLISH, m);
    if (m.immediate) {
        channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_NOT_IMPLEMENTED, "immediate=true");
        return;
    }
    lv_assert(!ch->incoming && ch->content == CONTENT_NONE);
    struct incoming *in = lv_malloc(sizeof *in + m.exchange.n + m.routing_key.n);
    *in = (struct incoming){.mandatory = m.mandatory};
    in->exchange = slice_of(in->names, m.exchange.n);
    in->routing_key = slice_of(in->names + m.exchange.n, m.routing_key.n);
    wire_put_bytes(wire_put_bytes(in->names, m.exchange), m.routing_key);
    ch->incoming = in;
    ch->content = CONTENT_AWAIT_HEADER;
    incoming_block(ch);
}

static struct incoming *incoming_take(struct channel *ch)
{
    struct incoming *in = ch->incoming;
    lv_assert(in);
    channel_release_room(ch);
    ch->incoming = NULL;
    ch->content = CONTENT_NONE;
    return in;
}

static void incoming_publish(struct channel *ch)
{
    struct incoming *in = incoming_take(ch);
    struct publication p = {
        .publish.content =
            {
                .exchange = in->exchange,
                .routing_key = in->routing_key,
                .header = message_header(in->message),
                .body = message_body(in->message),
                .message = in->message,
            },
        .mandatory = in->mandatory,
    };
    publish_whole(ch, &p);
    free(in);
}

static void incoming_refuse(struct channel *ch)
{
    struct incoming *in = incoming_take(ch);
    lv_assert(in->refusal);
    channel_refuse(ch, AMQP_BASIC_PUBLISH, in->refusal);
    free(in->refusal);
    free(in);
}

static void incoming_finish(struct channel *ch)
{
    if (ch->incoming->message)
        incoming_publish(ch);
    else
        incoming_refuse(ch);
}

void publish_await_access(struct channel *ch, const struct publication *p)
{
    const struct delivery *content = &p->publish.content;
    const struct amqp_basic_publish m = {.exchange = content->exchange,
                                         .routing_key = content->routing_key,
                                         .mandatory = p->mandatory};
    size_t bytes = amqp_basic_publish_size(&m);
    uint8_t *frame = lv_malloc(bytes);
    amqp_basic_publish_put(frame, ch->number, &m);
    channel_await_access(ch, AMQP_BASIC_PUBLISH);
    channel_keep_frame(ch, FRAME_METHOD,
                       slice_of(frame + FRAME_HEADER_BYTES, bytes - FRAME_OVERHEAD));
    free(frame);
    size_t header_bytes = CONTENT_HEADER_FIXED_BYTES + content->header.n;
    uint8_t *header = lv_malloc(header_bytes);
    uint8_t *at = wire_put_u32(header, 60u << 16); /* class 60, weight 0 */
    wire_put_bytes(wire_put_u64(at, content->body.n), content->header);
    channel_keep_frame(ch, FRAME_HEADER, slice_of(header, header_bytes));
    free(header);
    if (content->body.n > 0)
        channel_keep_frame(ch, FRAME_BODY, content->body);
}

/* Makes the message without its body, or the refusal. Returns false if the channel waits until a
 * backend has said whether the user may publish this: then the header, whose frame has this
 * payload, is taken again. Also returns false if there is no memory: then the connection is
 * closing. */
static bool begin_message(struct channel *ch, struct slice payload, struct slice header,
                          bool is_persistent)
{
    struct incoming *in = ch->incoming;
    const struct publication p = {
        .publish.content = {.exchange = in->exchange, .routing_key = in->routing_key},
    };
    struct broker_error error;
    bool is_allowed = publish_is_allowed(ch, &p, in->body_bytes, &error);
    if (!is_allowed && error.refusal == REFUSAL_UNANSWERED) {
        channel_await_access(ch, AMQP_BASIC_PUBLISH);
        channel_repeat_frame(ch, FRAME_HEADER, payload);
        return false;
    }
    if (!is_allowed) {
        in->refusal = lv_malloc(sizeof *in->refusal);
        *in->refusal = error;
        return true;
    }
    in->message = message_create(in->exchange, in->routing_key, header, 0, is_persistent);
    if (!in->message)
        channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_RESOURCE_ERROR, "out of memory");
    return in->message != NULL;
}

void channel_take_header(struct channel *ch, struct slice payload)
{
    struct incoming *in = ch->incoming;
    lv_assert(in && ch->content == CONTENT_AWAIT_HEADER);
    if (payload.n < CONTENT_HEADER_FIXED_BYTES + 2) {
        connection_fail(ch->connection, ch->number, REPLY_INTERNAL_ERROR, 0, "%s", "");
        return;
    }
    unsigned class_id = wire_u16(payload.p);
    if (wire_u16(payload.p + 2) != 0) {
        connection_fail(ch->connection, ch->number, REPLY_UNEXPECTED_FRAME, AMQP_BASIC_PUBLISH,
                        "expected content header for class 60, got non content header frame "
                        "instead");
        return;
    }
    if (class_id != 60) {
        connection_fail(ch->connection, ch->number, REPLY_UNEXPECTED_FRAME, AMQP_BASIC_PUBLISH,
                        "expected content header for class 60, got one for class %u instead",
                        class_id);
        return;
    }
    struct properties properties;
    struct slice header =
        slice_of(payload.p + CONTENT_HEADER_FIXED_BYTES, payload.n - CONTENT_HEADER_FIXED_BYTES);
    if (!properties_read(header, &properties)) {
        connection_fail(ch->connection, ch->number, REPLY_INTERNAL_ERROR, 0, "%s", "");
        return;
    }
    in->body_bytes = wire_u64(payload.p + 4);
    if (!begin_message(ch, payload, header, properties.delivery_mode == DELIVERY_MODE_PERSISTENT))
        return;
    ch->content = CONTENT_AWAIT_BODY;
    if (in->body_bytes == 0)
        incoming_finish(ch);
    else
        incoming_block(ch);
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
    lv_assert(in && ch->content == CONTENT_AWAIT_BODY);
    uint64_t room = in->body_bytes > in->body_got ? in->body_bytes - in->body_got : 0;
    size_t n = part.n < room ? part.n : (size_t)room;
    if (in->message && n > 0) {
        if (!channel_make_room(ch, in->body_got + n))
            return;
        memcpy(message_body_space(in->message) + in->body_got, part.p, n);
    }
    in->body_got += part.n;
    /* If more came than was announced, the message stays incomplete, and the next method frame is
     * refused. */
    if (in->body_got == in->body_bytes)
        incoming_finish(ch);
    else
        incoming_block(ch);
}
