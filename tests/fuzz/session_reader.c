/* The strict reader: methods, headers, bodies, protocol headers. */
#include "session_reader.h"

#include "wire/methods.h"
#include "wire/properties.h"

static enum wire_result read_arguments(uint32_t id, struct slice args)
{
    switch (id) {
#define CASE_METHOD(class, method, ID, ...)                                                        \
    case AMQP_##ID: {                                                                              \
        struct amqp_##class##_##method m;                                                          \
        return amqp_##class##_##method##_read(args, &m);                                           \
    }
        AMQP_METHODS(CASE_METHOD, AMQP_NO_FIELD, AMQP_NO_END)
    }
    return WIRE_MALFORMED;
}

/* The text of a close may quote bytes that the peer has sent, and is cut at 255 bytes: it need not
 * be UTF-8, as with RabbitMQ. */
static bool arguments_are_right(uint32_t id, struct slice args)
{
    enum wire_result result = read_arguments(id, args);
    bool is_close = id == AMQP_CONNECTION_CLOSE || id == AMQP_CHANNEL_CLOSE;
    return result == WIRE_OK || (is_close && result == WIRE_BAD_UTF8);
}

/* Returns whether a server may send this method. */
static bool is_server_method(uint32_t id)
{
    switch (id) {
    case AMQP_CONNECTION_START:
    case AMQP_CONNECTION_TUNE:
    case AMQP_CONNECTION_OPEN_OK:
    case AMQP_CONNECTION_CLOSE:
    case AMQP_CONNECTION_CLOSE_OK:
    case AMQP_CONNECTION_BLOCKED:
    case AMQP_CONNECTION_UNBLOCKED:
    case AMQP_CONNECTION_UPDATE_SECRET_OK:
    case AMQP_CHANNEL_OPEN_OK:
    case AMQP_CHANNEL_FLOW_OK:
    case AMQP_CHANNEL_CLOSE:
    case AMQP_CHANNEL_CLOSE_OK:
    case AMQP_ACCESS_REQUEST_OK:
    case AMQP_EXCHANGE_DECLARE_OK:
    case AMQP_EXCHANGE_DELETE_OK:
    case AMQP_EXCHANGE_BIND_OK:
    case AMQP_EXCHANGE_UNBIND_OK:
    case AMQP_QUEUE_DECLARE_OK:
    case AMQP_QUEUE_DELETE_OK:
    case AMQP_QUEUE_BIND_OK:
    case AMQP_QUEUE_UNBIND_OK:
    case AMQP_QUEUE_PURGE_OK:
    case AMQP_BASIC_QOS_OK:
    case AMQP_BASIC_CONSUME_OK:
    case AMQP_BASIC_CANCEL:
    case AMQP_BASIC_CANCEL_OK:
    case AMQP_BASIC_RETURN:
    case AMQP_BASIC_DELIVER:
    case AMQP_BASIC_GET_OK:
    case AMQP_BASIC_GET_EMPTY:
    case AMQP_BASIC_RECOVER_OK:
    case AMQP_BASIC_ACK:
    case AMQP_BASIC_NACK:
    case AMQP_CONFIRM_SELECT_OK:
    case AMQP_TX_SELECT_OK:
    case AMQP_TX_COMMIT_OK:
    case AMQP_TX_ROLLBACK_OK: return true;
    default: return false;
    }
}

static void remember(char name[SHORTSTR_BYTES_MAX + 1], struct slice received)
{
    if (received.n == 0 || received.n > SHORTSTR_BYTES_MAX)
        return;
    memcpy(name, received.p, received.n);
    name[received.n] = '\0';
}

static void remember_queue(struct session_reader *r, struct slice args)
{
    struct amqp_queue_declare_ok ok;
    if (amqp_queue_declare_ok_read(args, &ok) == WIRE_OK)
        remember(r->queue, ok.queue);
}

static void read_method(struct session_reader *r, uint16_t channel, struct slice payload)
{
    lv_assert(payload.n >= 4);
    uint32_t id = wire_u32(payload.p);
    lv_assert(is_server_method(id));
    lv_assert(arguments_are_right(id, slice_of(payload.p + 4, payload.n - 4)));
    lv_assert((channel == 0) == (amqp_class_of(id) == amqp_class_of(AMQP_CONNECTION_START)));
    lv_assert(!r->awaits_header);
    lv_assert(r->body_left == 0);
    r->channel = channel;
    r->awaits_header = amqp_method_find(id)->has_content;
    r->deliveries += id == AMQP_BASIC_DELIVER;
    if (id == AMQP_QUEUE_DECLARE_OK)
        remember_queue(r, slice_of(payload.p + 4, payload.n - 4));
    r->has_opened |= id == AMQP_CONNECTION_OPEN_OK;
    r->was_refused |= id == AMQP_CONNECTION_CLOSE;
    r->is_closed |= id == AMQP_CONNECTION_CLOSE_OK;
}

static void read_header(struct session_reader *r, uint16_t channel, struct slice payload)
{
    lv_assert(r->awaits_header);
    lv_assert(r->channel == channel);
    lv_assert(payload.n >= CONTENT_HEADER_FIXED_BYTES);
    lv_assert(wire_u16(payload.p) == amqp_class_of(AMQP_BASIC_DELIVER));
    struct properties properties;
    lv_assert(properties_read(
        slice_of(payload.p + CONTENT_HEADER_FIXED_BYTES, payload.n - CONTENT_HEADER_FIXED_BYTES),
        &properties));
    remember(r->reply_to, properties.reply_to);
    r->awaits_header = false;
    r->body_left = wire_u64(payload.p + 4);
}

static bool is_another_close_ok(const struct session_reader *r, uint8_t type, struct slice payload)
{
    return r->was_refused && type == FRAME_METHOD && payload.n == 4 &&
           wire_u32(payload.p) == AMQP_CONNECTION_CLOSE_OK;
}

static void read_frame(struct session_reader *r, uint8_t type, uint16_t channel,
                       struct slice payload)
{
    lv_assert(!r->is_closed || is_another_close_ok(r, type, payload));
    switch (type) {
    case FRAME_METHOD: read_method(r, channel, payload); break;
    case FRAME_HEADER: read_header(r, channel, payload); break;
    case FRAME_BODY:
        lv_assert(payload.n > 0);
        lv_assert(payload.n <= r->body_left);
        lv_assert(r->channel == channel);
        r->body_left -= payload.n;
        break;
    default:
        lv_assert(type == FRAME_HEARTBEAT);
        lv_assert(channel == 0);
        lv_assert(payload.n == 0);
        lv_assert(!r->awaits_header && r->body_left == 0);
    }
}

/* Reads one frame, or the protocol header with which the broker answers another one: it is the last
 * thing that the broker sends. Returns how many bytes it has, 0 if it is not whole. */
static size_t read_next(struct session_reader *r, struct slice bytes)
{
    if (bytes.n >= 1 && bytes.p[0] == 'A') {
        if (bytes.n < 8)
            return 0;
        lv_assert(!r->is_closed);
        lv_assert(slice_equal(slice_of(bytes.p, 8), slice_of("AMQP\0\0\x09\x01", 8)));
        r->is_closed = true;
        return 8;
    }
    if (bytes.n < FRAME_HEADER_BYTES)
        return 0;
    size_t size = wire_u32(bytes.p + 3);
    lv_assert(r->frame_bytes_max == 0 || size + FRAME_OVERHEAD <= r->frame_bytes_max);
    if (bytes.n < size + FRAME_OVERHEAD)
        return 0;
    lv_assert(bytes.p[FRAME_HEADER_BYTES + size] == FRAME_END);
    read_frame(r, bytes.p[0], wire_u16(bytes.p + 1), slice_of(bytes.p + FRAME_HEADER_BYTES, size));
    return size + FRAME_OVERHEAD;
}

void session_read(struct session_reader *r, struct lv_buffer *bytes)
{
    struct slice rest = lv_buffer_slice(bytes);
    for (size_t used; (used = read_next(r, rest)) > 0;)
        rest = slice_of(rest.p + used, rest.n - used);
    lv_buffer_consume(bytes, bytes->n - rest.n);
}
