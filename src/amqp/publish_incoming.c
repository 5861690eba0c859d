/* A publish that comes in pieces: method, header and bodies, which gather in `incoming` until the
 * message is whole.
 *
 * The body is read into its final place. One that is too large is counted and dropped, and refused
 * when all of it has come. */
#include <stdlib.h>
#include <string.h>

#include "amqp/publish_private.h"
#include "base/memory.h"

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
    publish_whole(ch, &p);
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
    publish_check_size(ch, bytes);
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
