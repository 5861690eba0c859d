/* From bytes to frames: net hands over what has come, whole frames are taken in place.
 *
 * A body frame that has not come whole is taken piece by piece, so that no large body is ever
 * copied twice. Any other frame waits in net's buffer until it is whole; it is no larger than
 * frame_max. */
#include <inttypes.h>

#include "amqp/channel.h"
#include "wire/erlang_text.h"

enum { CHANNEL_UNITS = 2 }; /* the cost of a new one (loop.h: work in slices) */

/* RabbitMQ lets payloads be as large as frame_max, although the frame then is 8 bytes larger. */
static bool is_too_large(const struct connection *conn, uint32_t payload_bytes)
{
    return conn->frame_bytes_max != 0 && payload_bytes > conn->frame_bytes_max;
}

/* Refuses a frame in the words of Erlang: `type 1, all octets = <<...>>`, `separator`, and what is
 * wrong. Sends connection.close if the connection is open or awaits connection.open; otherwise
 * closes the socket without it. */
static void refuse_frame(struct connection *conn, uint16_t number, uint16_t code, unsigned type,
                         struct slice payload, const char *separator, struct slice what)
{
    struct lv_buffer text = {0};
    erlang_put_octets(&text, type, payload);
    lv_buffer_printf(&text, "%s%.*s", separator, SLICE_ARG(what));
    if (connection_is_open(conn) || conn->state == CONNECTION_AWAIT_OPEN)
        connection_fail(conn, number, code, 0, "%.*s", (int)text.n, (const char *)text.p);
    else
        connection_drop_for(conn, "%.*s", (int)text.n, (const char *)text.p);
    lv_buffer_free(&text);
}

static void refuse_frame_tuple(struct connection *conn, uint16_t number, unsigned type,
                               struct slice payload, const char *atom, const uint64_t *numbers,
                               size_t count)
{
    struct lv_buffer what = {0};
    erlang_put_tuple(&what, atom, numbers, count);
    refuse_frame(conn, number, REPLY_FRAME_ERROR, type, payload, ": ", lv_buffer_slice(&what));
    lv_buffer_free(&what);
}

/* An operator may name, in the reserved field of channel.open, the queue that its publishes go to
 * (publish_target.c). Others' words there are ignored. */
static void take_target(struct channel *ch, struct slice args)
{
    struct amqp_channel_open m;
    enum wire_result result = amqp_channel_open_read(args, &m);
    lv_assert(result == WIRE_OK); /* connection_check_method() */
    ch->target = slice_copy(m.reserved1);
}

void connection_take_channel_frame(struct connection *conn, uint8_t type, uint16_t number,
                                   struct slice payload)
{
    struct channel *ch = connection_find_channel(conn, number);
    if (ch) {
        channel_take_frame(ch, type, payload);
        return;
    }
    if (type != FRAME_METHOD) {
        connection_fail(conn, number, REPLY_UNEXPECTED_FRAME, 0,
                        "expected method frame, got non method frame instead");
        return;
    }
    lv_assert(payload.n >= 4); /* check_frame() */
    uint32_t method = wire_u32(payload.p);
    if (!connection_check_method(conn, number, method, slice_of(payload.p + 4, payload.n - 4)))
        return;
    if (method != AMQP_CHANNEL_OPEN) {
        connection_fail(conn, number, REPLY_CHANNEL_ERROR, method, "expected 'channel.open'");
        return;
    }
    if (conn->channel_max != 0 && conn->channel_count >= conn->channel_max) {
        connection_fail(conn, number, REPLY_NOT_ALLOWED, 0,
                        "number of channels opened (%zu) has reached the negotiated channel_max "
                        "(%u)",
                        conn->channel_count, conn->channel_max);
        return;
    }
    struct broker_error error;
    if (!session_take_channel(&conn->session, &error)) {
        connection_fail(conn, number, error.code, 0, "%s", error.text);
        return;
    }
    ch = channel_create(conn, number);
    if (conn->session.peer.is_operator)
        take_target(ch, slice_of(payload.p + 4, payload.n - 4));
    session_event_channel_created(&ch->connection->session, ch->number);
    session_charge(&conn->session, CHANNEL_UNITS);
    CHANNEL_SEND(ch, channel_open_ok, .reserved1 = SLICE_EMPTY);
}

/* Of the frames that come after our connection.close only the client's close and close-ok count. */
static void take_closing_frame(struct connection *conn, uint8_t type, uint16_t number,
                               struct slice payload)
{
    if (type != FRAME_METHOD || number != 0 || payload.n < 4)
        return;
    uint32_t method = wire_u32(payload.p);
    if (method == AMQP_CONNECTION_CLOSE || method == AMQP_CONNECTION_CLOSE_OK)
        connection_take_method(conn, method, slice_of(payload.p + 4, payload.n - 4));
}

/* A frame of this type with a smaller payload is invalid. */
static const size_t payload_bytes_min[] = {
    [FRAME_METHOD] = 4, [FRAME_HEADER] = CONTENT_HEADER_FIXED_BYTES, [FRAME_BODY] = 0};

static bool frame_is_known(uint8_t type, struct slice payload)
{
    if (type == FRAME_HEARTBEAT)
        return payload.n == 0;
    return type >= FRAME_METHOD && type <= FRAME_BODY && payload.n >= payload_bytes_min[type];
}

/* Returns whether the frame is of a valid form; refuses it if not. */
static bool check_frame(struct connection *conn, uint8_t type, uint16_t number,
                        struct slice payload)
{
    if (!frame_is_known(type, payload)) {
        refuse_frame(conn, number, REPLY_FRAME_ERROR, type, payload, ": ",
                     slice_str("unknown_frame"));
        return false;
    }
    if (type == FRAME_HEARTBEAT && number != 0) {
        refuse_frame(conn, number, REPLY_UNEXPECTED_FRAME, type, payload, "", SLICE_EMPTY);
        return false;
    }
    return true;
}

/* Takes a frame on channel 0, or before there are channels: only a method is valid. */
static void take_connection_frame(struct connection *conn, uint8_t type, uint16_t number,
                                  struct slice payload)
{
    if (number == 0 && type == FRAME_METHOD)
        connection_take_method(conn, wire_u32(payload.p), slice_of(payload.p + 4, payload.n - 4));
    else if (conn->state == CONNECTION_RUNNING)
        connection_fail(conn, number, REPLY_UNEXPECTED_FRAME, 0,
                        "expected method frame, got non method frame instead");
    else
        refuse_frame(conn, number, REPLY_UNEXPECTED_FRAME, type, payload, "", SLICE_EMPTY);
}

static void take_frame(struct connection *conn, uint8_t type, uint16_t number, struct slice payload)
{
    if (conn->state == CONNECTION_CLOSING) {
        take_closing_frame(conn, type, number, payload);
        return;
    }
    if (conn->state == CONNECTION_FINISHING || !check_frame(conn, type, number, payload) ||
        type == FRAME_HEARTBEAT)
        return;
    if (number != 0 && conn->state == CONNECTION_RUNNING)
        connection_take_channel_frame(conn, type, number, payload);
    else
        take_connection_frame(conn, type, number, payload);
}

/* --- bodies in pieces ------------------------------------------------------------------------- */

/* Returns the channel of this incomplete body frame if it can take the frame in pieces, or NULL. A
 * frame that is longer than what its message lacks is invalid as a whole, and must not be taken in
 * pieces. */
static struct channel *body_in_pieces(struct connection *conn, uint8_t type, uint16_t number,
                                      uint32_t size)
{
    if (type != FRAME_BODY || conn->state != CONNECTION_RUNNING || number == 0)
        return NULL;
    struct channel *ch = connection_find_channel(conn, number);
    bool can = ch && ch->state == CHANNEL_OPEN && !ch->is_waiting && channel_misses_body(ch, size);
    return can ? ch : NULL;
}

static size_t take_piece(struct connection *conn, const uint8_t *p, size_t n)
{
    if (n < conn->body_left) {
        conn->body_left -= n;
        if (conn->body_channel)
            channel_take_body(conn->body_channel, slice_of(p, n));
        return n;
    }
    size_t left = (size_t)conn->body_left; /* the last of these bytes is the frame's end octet */
    conn->body_left = 0;
    if (p[left - 1] != FRAME_END) {
        refuse_frame_tuple(conn, conn->body_channel ? conn->body_channel->number : 0, FRAME_BODY,
                           SLICE_EMPTY, "invalid_frame_end_marker", (uint64_t[]){p[left - 1]}, 1);
        return left;
    }
    struct channel *ch = conn->body_channel;
    conn->body_channel = NULL;
    if (ch && left > 1)
        channel_take_body(ch, slice_of(p, left - 1));
    return left;
}

/* --- the way in ------------------------------------------------------------------------------- */

static size_t refused_skip(struct connection *conn, size_t n)
{
    size_t skipped = n < conn->skip_bytes ? n : (size_t)conn->skip_bytes;
    conn->skip_bytes -= skipped;
    return skipped;
}

static size_t take_too_large(struct connection *conn, uint8_t type, uint16_t number, uint32_t size)
{
    bool was_closing = conn->state == CONNECTION_CLOSING;
    conn->skip_bytes = (uint64_t)size + 1;
    if (!was_closing)
        refuse_frame_tuple(conn, number, type, SLICE_EMPTY, "frame_too_large",
                           (uint64_t[]){size, conn->frame_bytes_max - FRAME_OVERHEAD}, 2);
    return FRAME_HEADER_BYTES;
}

/* Takes a frame, or as much of it as can be taken. Returns the bytes taken; 0: more are needed. */
static size_t take_next(struct connection *conn, const uint8_t *p, size_t n)
{
    if (conn->skip_bytes > 0)
        return refused_skip(conn, n);
    if (conn->body_left > 0)
        return take_piece(conn, p, n);
    if (n < FRAME_HEADER_BYTES)
        return 0;
    uint8_t type = p[0];
    uint16_t number = wire_u16(p + 1);
    uint32_t size = wire_u32(p + 3);
    if (is_too_large(conn, size))
        return take_too_large(conn, type, number, size);
    if (n < (size_t)size + FRAME_OVERHEAD) {
        conn->body_channel = body_in_pieces(conn, type, number, size);
        if (!conn->body_channel)
            return 0;
        conn->body_left = (uint64_t)size + 1;
        return FRAME_HEADER_BYTES;
    }
    struct slice payload = slice_of(p + FRAME_HEADER_BYTES, size);
    uint8_t end = p[FRAME_HEADER_BYTES + size];
    if (end != FRAME_END) {
        if (conn->state != CONNECTION_CLOSING)
            refuse_frame_tuple(conn, number, type, payload, "invalid_frame_end_marker",
                               (uint64_t[]){end}, 1);
        return (size_t)size + FRAME_OVERHEAD;
    }
    take_frame(conn, type, number, payload);
    return (size_t)size + FRAME_OVERHEAD;
}

/* Like take_next(), and then checks how much output has gathered. */
static size_t take_frame_or_part(struct connection *conn, const uint8_t *p, size_t n)
{
    size_t used = take_next(conn, p, n);
    session_watch_output(&conn->session);
    return used;
}

/* By far the most frequent case: a whole publish, on the same channel as the one before. */
static size_t publish_at_once(struct connection *conn, const uint8_t *p, const uint8_t *end)
{
    if (end - p < FRAME_HEADER_BYTES + 4 || p[0] != FRAME_METHOD ||
        wire_u32(p + FRAME_HEADER_BYTES) != AMQP_BASIC_PUBLISH)
        return 0;
    if (conn->state != CONNECTION_RUNNING || conn->body_left > 0 || conn->skip_bytes > 0)
        return 0;
    struct channel *ch = connection_find_channel(conn, wire_u16(p + 1));
    return ch ? channel_publish_at_once(ch, p, end) : 0;
}

size_t connection_on_bytes(void *owner, uint8_t *bytes, size_t n)
{
    struct connection *conn;
    CAST_OBJ(conn, owner, CONNECTION_MAGIC);
    const uint8_t *p = bytes, *end = bytes + n;
    if (conn->state == CONNECTION_AWAIT_HEADER) {
        if (!conn->is_accept_logged)
            connection_log_accepted(conn);
        if (n < 8)
            return 0;
        connection_take_header(conn, p, n);
        p += 8;
    }
    while (p < end) {
        if (conn->state > CONNECTION_CLOSING)
            return n;
        if (conn->session.stops)
            break;
        size_t used = publish_at_once(conn, p, end);
        if (used == 0 && !conn->session.stops)
            used = take_frame_or_part(conn, p, (size_t)(end - p));
        if (used == 0)
            break;
        p += used;
    }
    return (size_t)(p - bytes);
}
