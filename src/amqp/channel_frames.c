/* A channel's frames: executed in order, or kept while the channel waits.
 *
 * A channel that waits keeps what comes in `deferred`, and executes it when it goes on. `deferred`
 * is first taken out of the channel, since a command may end the channel. The frames that are left
 * then are for the next channel with its number. */
#include <stdlib.h>

#include "amqp/channel.h"
#include "base/memory.h"

/* --- frames that are kept --------------------------------------------------------------------- */

/* The format of a kept frame: type u8, size u32 (this machine's order), payload. */
enum { DEFERRED_HEADER_BYTES = 5 };

void channel_keep_frame(struct channel *ch, uint8_t type, struct slice payload)
{
    uint32_t size = (uint32_t)payload.n;
    lv_buffer_add_u8(&ch->deferred, type);
    lv_buffer_add(&ch->deferred, &size, sizeof size);
    lv_buffer_add_slice(&ch->deferred, payload);
    session_count_deferred(&ch->connection->session, payload.n + DEFERRED_HEADER_BYTES, 0);
}

void channel_repeat_frame(struct channel *ch, uint8_t type, struct slice payload)
{
    struct lv_buffer later = ch->deferred;
    lv_assert(ch->is_waiting);
    ch->deferred = (struct lv_buffer){0};
    channel_keep_frame(ch, type, payload);
    lv_buffer_add_slice(&ch->deferred, lv_buffer_slice(&later));
    lv_buffer_free(&later);
}

void channel_repeat(struct channel *ch, uint32_t method, struct slice args)
{
    uint8_t *payload = lv_malloc(4 + args.n);
    wire_put_bytes(wire_put_u32(payload, method), args);
    channel_repeat_frame(ch, FRAME_METHOD, slice_of(payload, 4 + args.n));
    free(payload);
}

/* Takes the first kept frame out of *frames. Returns its type. */
static uint8_t deferred_take(struct slice *frames, struct slice *ret_payload)
{
    uint32_t size;
    lv_assert(frames->n >= DEFERRED_HEADER_BYTES);
    uint8_t type = frames->p[0];
    memcpy(&size, frames->p + 1, sizeof size);
    lv_assert(size <= frames->n - DEFERRED_HEADER_BYTES);
    *ret_payload = slice_of(frames->p + DEFERRED_HEADER_BYTES, size);
    *frames = slice_of(ret_payload->p + size, frames->n - DEFERRED_HEADER_BYTES - size);
    return type;
}

/* Hands on frames that a channel had kept when it ended: they are for the next channel with its
 * number. */
static void frames_pass_on(struct connection *conn, uint16_t number, struct slice frames)
{
    struct slice payload;
    while (frames.n > 0 && connection_is_open(conn)) {
        uint8_t type = deferred_take(&frames, &payload);
        connection_take_channel_frame(conn, type, number, payload);
    }
}

/* --- frames that are executed ----------------------------------------------------------------- */

/* Checks that the frame is of the type that comes next: a method, or the header or a body of a
 * content. Returns false after ending the connection. */
static bool check_type(struct channel *ch, uint8_t type)
{
    static const uint8_t expected[] = {
        [CONTENT_NONE] = FRAME_METHOD,
        [CONTENT_AWAIT_HEADER] = FRAME_HEADER,
        [CONTENT_AWAIT_BODY] = FRAME_BODY,
    };
    static const char *const texts[] = {
        [CONTENT_NONE] = "expected method frame, got non method frame instead",
        [CONTENT_AWAIT_HEADER] =
            "expected content header for class 60, got non content header frame instead",
        [CONTENT_AWAIT_BODY] = "expected content body, got non content body frame instead",
    };
    if (type == expected[ch->content])
        return true;
    connection_fail(ch->connection, ch->number, REPLY_UNEXPECTED_FRAME,
                    ch->content == CONTENT_NONE ? 0 : AMQP_BASIC_PUBLISH, "%s", texts[ch->content]);
    return false;
}

/* Drops a header or body frame of a content that is no longer wanted. */
static void drop_content_frame(struct channel *ch, struct slice payload)
{
    if (ch->content == CONTENT_AWAIT_HEADER)
        /* frames.c has checked that a header frame is long enough */
        ch->dropped_body_left = wire_u64(payload.p + 4);
    else
        ch->dropped_body_left -= payload.n;
    ch->content = ch->dropped_body_left > 0 ? CONTENT_AWAIT_BODY : CONTENT_NONE;
}

/* Takes a method after our channel.close. The client's close is answered, and its close-ok ends the
 * channel. channel.open is refused. Any other method was sent before the client knew of our close,
 * and is dropped. */
static void take_closing_method(struct channel *ch, uint32_t method, struct slice args)
{
    if (!connection_check_method(ch->connection, ch->number, method, args))
        return;
    if (amqp_method_find(method)->has_content) {
        ch->content = CONTENT_AWAIT_HEADER;
    } else if (method == AMQP_CHANNEL_OPEN) {
        channel_refuse_open(ch);
    } else if (method == AMQP_CHANNEL_CLOSE) {
        CHANNEL_SEND(ch, channel_close_ok, .none = 0);
    } else if (method == AMQP_CHANNEL_CLOSE_OK) {
        channel_enter(ch, CHANNEL_GONE);
        channel_leave(ch);
    }
}

static void take_closing_frame(struct channel *ch, uint8_t type, struct slice payload)
{
    if (ch->state == CHANNEL_ENDING)
        channel_keep_frame(ch, type, payload);
    else if (!check_type(ch, type))
        return;
    else if (type == FRAME_METHOD)
        take_closing_method(ch, wire_u32(payload.p), slice_of(payload.p + 4, payload.n - 4));
    else
        drop_content_frame(ch, payload);
}

static void execute_frame(struct channel *ch, uint8_t type, struct slice payload)
{
    if (ch->state != CHANNEL_OPEN)
        take_closing_frame(ch, type, payload);
    else if (!check_type(ch, type))
        return;
    else if (type == FRAME_METHOD)
        channel_take_method(ch, wire_u32(payload.p), slice_of(payload.p + 4, payload.n - 4));
    else if (type == FRAME_HEADER)
        channel_take_header(ch, payload);
    else
        channel_take_body(ch, payload);
}

void channel_take_frame(struct channel *ch, uint8_t type, struct slice payload)
{
    if (ch->is_waiting || ch->deferred.n > 0 || !session_executes(&ch->connection->session))
        channel_keep_frame(ch, type, payload);
    else
        execute_frame(ch, type, payload);
}

/* --- waiting and going on --------------------------------------------------------------------- */

void channel_wait(struct channel *ch, uint32_t method)
{
    channel_assert_home(ch);
    lv_assert(!ch->is_waiting);
    ch->is_waiting = true;
    ch->waiting_for = method;
}

static bool can_execute(const struct channel *ch)
{
    return !ch->is_waiting && ch->state != CHANNEL_ENDING &&
           session_executes(&ch->connection->session);
}

/* Executes kept frames until the channel must wait again. Frames that are left stay in front of any
 * that come later. */
void channel_execute_deferred(struct channel *ch)
{
    struct connection *conn = ch->connection;
    if (ch->deferred.n == 0 || !can_execute(ch))
        return;
    uint16_t number = ch->number;
    struct lv_buffer frames = ch->deferred;
    struct slice left = lv_buffer_slice(&frames), payload;
    ch->deferred = (struct lv_buffer){0};
    bool is_there = true;
    while (left.n > 0 && is_there && can_execute(ch)) {
        uint8_t type = deferred_take(&left, &payload);
        execute_frame(ch, type, payload);
        session_watch_output(&conn->session);
        is_there = connection_is_open(conn) && connection_find_channel(conn, number) == ch;
    }
    session_count_deferred(&conn->session, 0, frames.n - left.n);
    if (is_there && left.n > 0 && ch->deferred.n > 0) { /* a command is to be repeated first */
        lv_buffer_add_slice(&ch->deferred, left);
        lv_buffer_free(&frames);
        return;
    }
    if (is_there && left.n > 0) {
        lv_buffer_consume(&frames, frames.n - left.n);
        ch->deferred = frames;
        return;
    }
    session_count_deferred(&conn->session, 0, left.n);
    frames_pass_on(conn, number, left);
    lv_buffer_free(&frames);
}

void channel_go_on(struct channel *ch)
{
    lv_assert(ch->is_waiting);
    ch->is_waiting = false;
    if (ch->state == CHANNEL_LEFT) {
        channel_bury(ch);
        return;
    }
    struct connection *conn = ch->connection;
    channel_execute_deferred(ch);
    connection_try_to_finish(conn);
}

void channel_end(struct channel *ch)
{
    struct connection *conn = ch->connection;
    uint16_t number = ch->number;
    lv_assert(ch->state == CHANNEL_ENDING);
    if (ch->detaching > 0)
        return;
    CHANNEL_SEND(ch, channel_close_ok, .none = 0);
    struct lv_buffer frames = ch->deferred;
    ch->deferred = (struct lv_buffer){0};
    session_count_deferred(&conn->session, 0, frames.n);
    channel_enter(ch, CHANNEL_GONE);
    channel_leave(ch);
    frames_pass_on(conn, number, lv_buffer_slice(&frames));
    lv_buffer_free(&frames);
}
