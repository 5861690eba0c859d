#include "amqp/channel.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "wire/erlang_text.h"

/* --- its life --------------------------------------------------------------------------------- */

#define TO(state) (1u << CHANNEL_##state)

static const unsigned channel_moves[] = {
    [CHANNEL_OPEN] = TO(CLOSING) | TO(ENDING) | TO(GONE),
    [CHANNEL_CLOSING] = TO(GONE),
    [CHANNEL_ENDING] = TO(GONE),
    [CHANNEL_GONE] = TO(LEFT),
    [CHANNEL_LEFT] = 0,
};

static void channel_enter(struct channel *ch, enum channel_state next)
{
    lv_assert(channel_moves[ch->state] & 1u << next);
    ch->state = next;
}

struct channel *channel_create(struct connection *conn, uint16_t number)
{
    struct channel *ch = lv_calloc(1, sizeof *ch);
    ch->magic = CHANNEL_MAGIC;
    ch->connection = conn;
    ch->number = number;
    lv_list_init(&ch->getters);
    channel_init_consumers(ch);
    unacked_init(&ch->unacked);
    channel_init_confirm_task(ch);
    channel_init_settling(ch);
    channel_init_timeouts(ch);
    connection_add_channel(conn, ch);
    return ch;
}

static void channel_free(struct channel *ch)
{
    lv_assert(ch->unacked.count == 0);
    lv_assert(!channel_is_settling(ch));
    lv_assert(!ch->tags && lv_list_is_empty(&ch->leaving));
    channel_forget_publisher(ch);
    unacked_free(&ch->unacked);
    lv_buffer_free(&ch->deferred);
    lv_buffer_free(&ch->held_reply);
    shared_credit_unref(&ch->limit);
    free(ch->memo);
    free(ch->last_queue);
    ch->magic = 0;
    free(ch);
}

void channel_leave(struct channel *ch)
{
    struct connection *conn = ch->connection;
    lv_assert(ch->state == CHANNEL_GONE);
    session_count_deferred(&conn->session, 0, ch->deferred.n);
    ch->deferred.n = 0;
    connection_remove_channel(conn, ch);
    session_give_channel(&conn->session);
    channel_enter(ch, CHANNEL_LEFT);
    if (ch->is_waiting || ch->detaching > 0)
        conn->zombies++;
    else
        channel_free(ch);
}

static void bury_zombie(struct channel *ch)
{
    struct connection *conn = ch->connection;
    if (ch->is_waiting || ch->detaching > 0)
        return;
    channel_free(ch);
    connection_zombie_gone(conn);
}

void channel_is_detached(struct channel *ch)
{
    struct connection *conn = ch->connection;
    ch->detaching--;
    if (ch->state == CHANNEL_LEFT) {
        bury_zombie(ch);
    } else if (ch->state == CHANNEL_ENDING) {
        channel_end(ch);
        connection_try_to_finish(conn);
    }
}

static void forget_incoming(struct channel *ch)
{
    struct connection *conn = ch->connection;
    uint64_t of_this_frame = 0;
    if (conn->body_channel == ch) { /* the rest of its frame is dropped; one octet is the end's */
        of_this_frame = conn->body_left - 1;
        conn->body_channel = NULL;
    }
    if (!ch->incoming)
        return;
    if (ch->content == CONTENT_AWAIT_BODY)
        ch->dropped_body_left = ch->incoming->body_bytes - ch->incoming->body_got - of_this_frame;
    if (ch->content == CONTENT_AWAIT_BODY && ch->dropped_body_left == 0)
        ch->content = CONTENT_NONE;
    channel_release_room(ch);
    if (ch->incoming->message)
        message_unref(&ch->incoming->message);
    free(ch->incoming->refusal);
    free(ch->incoming);
    ch->incoming = NULL;
}

/* A getter was never attached: only its holds count. */
static void release_getters(struct channel *ch)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &ch->getters) {
        struct consumer *c = lv_list_item(it, struct consumer, session_link);
        lv_list_remove(&c->session_link);
        consumer_release(&c);
    }
}

static void free_confirms(struct confirms **confirms)
{
    if (*confirms)
        confirms_free(*confirms);
    free(*confirms);
    *confirms = NULL;
}

void channel_shut(struct channel *ch, enum channel_state next)
{
    bool was_open = ch->state == CHANNEL_OPEN;
    channel_enter(ch, next);
    ch->detaching++; /* what is let go at once does not end it before the rest is done */
    /* What a consume or cancel under way is about gets nothing any more. */
    if (ch->call && ch->call->consumer)
        ch->call->consumer->is_closed = true;
    forget_incoming(ch);
    session_count_deferred(&ch->connection->session, 0, ch->deferred.n);
    ch->deferred.n = 0;
    /* Consumers first, or what goes back would come to them again. */
    channel_let_consumers_go(ch);
    if (was_open)
        session_event_channel_closed(&ch->connection->session, ch->number);
    tx_end(ch);
    channel_requeue_all(ch);
    release_getters(ch);
    channel_forget_publisher(ch);
    loop_unschedule(connection_loop(ch->connection), &ch->confirm_task);
    loop_timer_stop(connection_loop(ch->connection), &ch->timeout_timer);
    free_confirms(&ch->confirms);
    free_confirms(&ch->watched);
    reply_to_free(ch);
    ch->detaching--;
}

/* --- mistakes ----------------------------------------------------------------------------------- */

/* Errors of these codes are the connection's; the rest are the channel's alone. */
static bool is_hard(uint16_t code)
{
    return code == REPLY_CONNECTION_FORCED || code == REPLY_INVALID_PATH || code >= 500;
}

void channel_fail(struct channel *ch, uint32_t method, uint16_t code, const char *format, ...)
{
    char text[SHORTSTR_BYTES_MAX];
    va_list args;
    va_start(args, format);
    if (is_hard(code)) {
        char whole[600];
        vsnprintf(whole, sizeof whole, format, args);
        va_end(args);
        connection_fail(ch->connection, code, method, "%s", whole);
        return;
    }
    va_list args_for_log;
    va_copy(args_for_log, args);
    size_t n = reply_text_make(text, code, format, args);
    va_end(args);
    if (ch->state == CHANNEL_OPEN)
        connection_log_exception(ch->connection, ch, code, method, format, args_for_log);
    va_end(args_for_log);
    if (ch->state != CHANNEL_OPEN)
        return;
    channel_tell_settled(ch);
    channel_shut(ch, CHANNEL_CLOSING);
    CHANNEL_SEND(ch, channel_close, .reply_code = code, .reply_text = slice_of(text, n),
                 .class_id = amqp_class_of(method), .method_id = amqp_method_of(method));
}

void channel_refuse(struct channel *ch, uint32_t method, const struct broker_error *error)
{
    channel_fail(ch, method, error->code, "%s", error->text);
}

void connection_refuse_arguments(struct connection *conn, enum wire_result result, uint32_t method,
                                 struct slice args)
{
    if (!connection_is_open(conn) || result == WIRE_BAD_TABLE) {
        connection_drop_for(conn, "cannot decode the arguments of %s",
                            amqp_method_find(method)->name);
        return;
    }
    if (result == WIRE_BAD_UTF8) {
        connection_fail(conn, REPLY_FRAME_ERROR, 0, "Malformed UTF-8 in shortstr");
        return;
    }
    struct lv_buffer bytes = {0};
    erlang_put_numbers(&bytes, args);
    connection_fail(conn, REPLY_FRAME_ERROR, method, "cannot decode %.*s", (int)bytes.n,
                    (const char *)bytes.p);
    lv_buffer_free(&bytes);
}

bool connection_check_method(struct connection *conn, uint32_t method, struct slice args)
{
    enum wire_result result = amqp_method_check(method, args);
    if (result == WIRE_OK)
        return true;
    if (amqp_method_find(method))
        connection_refuse_arguments(conn, result, method, args);
    else
        connection_drop_for(conn, "method %u of class %u does not exist", amqp_method_of(method),
                            amqp_class_of(method));
    return false;
}

/* --- standing still -------------------------------------------------------------------------------- */

void channel_wait(struct channel *ch, uint32_t method)
{
    lv_assert(!ch->is_waiting);
    ch->is_waiting = true;
    ch->waiting_for = method;
}

/* Kept frames: type u8, size u32 (this machine's order), payload. */
enum { DEFERRED_HEADER_BYTES = 5 };

static void defer_frame(struct channel *ch, uint8_t type, struct slice payload)
{
    uint32_t size = (uint32_t)payload.n;
    lv_buffer_add_u8(&ch->deferred, type);
    lv_buffer_add(&ch->deferred, &size, sizeof size);
    lv_buffer_add_slice(&ch->deferred, payload);
    session_count_deferred(&ch->connection->session, payload.n + DEFERRED_HEADER_BYTES, 0);
}

void channel_repeat(struct channel *ch, uint32_t method, struct slice args)
{
    struct lv_buffer later = ch->deferred;
    uint8_t *payload = lv_malloc(4 + args.n);
    wire_put_bytes(wire_put_u32(payload, method), args);
    ch->deferred = (struct lv_buffer){0};
    defer_frame(ch, FRAME_METHOD, slice_of(payload, 4 + args.n));
    lv_buffer_add_slice(&ch->deferred, lv_buffer_slice(&later));
    lv_buffer_free(&later);
    free(payload);
}

/* The first kept frame, which leaves them. */
static uint8_t next_deferred(struct slice *frames, struct slice *ret_payload)
{
    uint32_t size;
    uint8_t type = frames->p[0];
    memcpy(&size, frames->p + 1, sizeof size);
    *ret_payload = slice_of(frames->p + DEFERRED_HEADER_BYTES, size);
    *frames = slice_of(ret_payload->p + size, frames->n - DEFERRED_HEADER_BYTES - size);
    return type;
}

/* A channel that has gone left these kept frames: they are for the next one of its number. */
static void say_to_next(struct connection *conn, uint16_t number, struct slice frames)
{
    struct slice payload;
    while (frames.n > 0 && connection_is_open(conn)) {
        uint8_t type = next_deferred(&frames, &payload);
        connection_take_channel_frame(conn, type, number, payload);
    }
}

void channel_end(struct channel *ch)
{
    struct connection *conn = ch->connection;
    uint16_t number = ch->number;
    if (ch->detaching > 0)
        return;
    CHANNEL_SEND(ch, channel_close_ok, .none = 0);
    struct lv_buffer frames = ch->deferred;
    ch->deferred = (struct lv_buffer){0};
    session_count_deferred(&conn->session, 0, frames.n);
    channel_enter(ch, CHANNEL_GONE);
    channel_leave(ch);
    say_to_next(conn, number, lv_buffer_slice(&frames));
    lv_buffer_free(&frames);
}

static void execute_frame(struct channel *ch, uint8_t type, struct slice payload);

static bool can_execute(const struct channel *ch)
{
    return !ch->is_waiting && ch->state != CHANNEL_ENDING &&
           session_executes(&ch->connection->session);
}

/* Executes kept frames until one must wait again. They are taken out of the channel first: what
 * a command does to the channel, its end included, cannot pull them from under us. What is left stands
 * before anything that may come. */
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
        uint8_t type = next_deferred(&left, &payload);
        execute_frame(ch, type, payload);
        session_watch_output(&conn->session);
        is_there = connection_is_open(conn) && connection_find_channel(conn, number) == ch;
    }
    session_count_deferred(&conn->session, 0, frames.n - left.n);
    if (is_there && left.n > 0) {
        lv_assert(ch->deferred.n == 0);
        lv_buffer_consume(&frames, frames.n - left.n);
        ch->deferred = frames;
        return;
    }
    session_count_deferred(&conn->session, 0, left.n);
    say_to_next(conn, number, left);
    lv_buffer_free(&frames);
}

void channel_go_on(struct channel *ch)
{
    lv_assert(ch->is_waiting);
    ch->is_waiting = false;
    if (ch->state == CHANNEL_LEFT) {
        bury_zombie(ch);
        return;
    }
    struct connection *conn = ch->connection;
    channel_execute_deferred(ch);
    connection_try_to_finish(conn);
}

/* --- calls to queues' homes ------------------------------------------------------------------------ */

struct channel_call {
    struct queue_call call;
    struct channel *channel;
    uint32_t method;
    bool waits;
    bool *is_over; /* while it is being started: set when the answer was there at once */
    call_done *done;
};

static void call_is_done(struct queue_call *call)
{
    struct channel_call *c = lv_container_of(call, struct channel_call, call);
    struct channel *ch = c->channel;
    bool waits = c->waits;
    ch->call = NULL;
    if (c->is_over)
        *c->is_over = true;
    if (ch->state == CHANNEL_OPEN && call->refused)
        channel_refuse(ch, c->method, &call->error);
    c->done(ch->state == CHANNEL_OPEN ? ch : NULL, call);
    queue_unref(&call->queue);
    free(c);
    if (waits)
        channel_go_on(ch);
}

struct queue_call *channel_call(struct channel *ch, struct queue *queue, uint32_t method,
                                void (*run)(struct queue_call *), call_done *done)
{
    struct channel_call *c = lv_calloc(1, sizeof *c);
    c->channel = ch;
    c->method = method;
    c->done = done;
    c->call.queue = queue_ref(queue);
    c->call.from = connection_loop(ch->connection);
    c->call.run = run;
    c->call.done = call_is_done;
    c->call.user = auth_identity_name(ch->connection->session.identity);
    return &c->call;
}

void channel_call_start(struct queue_call *call)
{
    struct channel_call *c = lv_container_of(call, struct channel_call, call);
    bool is_over = false;
    c->channel->call = call;
    c->is_over = &is_over;
    queue_call_start(call);
    if (is_over)
        return; /* and so may the channel be */
    c->is_over = NULL;
    c->waits = true;
    channel_wait(c->channel, c->method);
}

/* --- durable changes --------------------------------------------------------------------------------- */

struct durable_wait {
    struct loop *loop;
    struct channel *channel;
    uint32_t method;
};

/* There is none when the client does not wait. */
static void send_held_reply(struct channel *ch)
{
    if (ch->held_reply.n == 0)
        return;
    outbuf_add(net_out(ch->connection->session.net), ch->held_reply.p, ch->held_reply.n);
    net_dirty(ch->connection->session.net);
    ch->held_reply.n = 0;
}

static void durable_arrives(struct loop *at, struct mail *mail)
{
    (void)at;
    struct durable_wait *wait = mail->a;
    struct channel *ch = wait->channel;
    int error = (int)(int64_t)mail->c;
    if (ch->state == CHANNEL_OPEN && error < 0) {
        channel_fail(ch, wait->method, REPLY_INTERNAL_ERROR, "definition could not be stored: %s",
                     lv_error_text(error));
    } else if (ch->state == CHANNEL_OPEN) {
        send_held_reply(ch);
    }
    ch->held_reply.n = 0;
    free(wait);
    channel_go_on(ch);
}

/* On the definitions' thread. */
static void durable_is_done(void *arg, int error)
{
    struct durable_wait *wait = arg;
    struct mail mail = {.deliver = durable_arrives, .a = wait, .c = (uint64_t)(int64_t)error};
    loop_mail_from_outside(wait->loop, &mail);
}

struct durable_done channel_durable(struct channel *ch, uint32_t method)
{
    struct durable_wait *wait = lv_calloc(1, sizeof *wait);
    wait->loop = connection_loop(ch->connection);
    wait->channel = ch;
    wait->method = method;
    return (struct durable_done){durable_is_done, wait};
}

void channel_answer(struct channel *ch, enum change_result result, uint32_t method,
                    const struct broker_error *error, struct durable_done done)
{
    if (result == CHANGE_PENDING) {
        channel_wait(ch, method);
        return;
    }
    free(done.arg);
    if (result == CHANGE_REFUSED) {
        ch->held_reply.n = 0;
        channel_refuse(ch, method, error);
        return;
    }
    send_held_reply(ch);
}

/* --- frames --------------------------------------------------------------------------------------------- */

/* A frame must be what comes next: a method, or the header or a body of a content. */
static bool is_expected(struct channel *ch, uint8_t type)
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
    connection_fail(ch->connection, REPLY_UNEXPECTED_FRAME,
                    ch->content == CONTENT_NONE ? 0 : AMQP_BASIC_PUBLISH, "%s", texts[ch->content]);
    return false;
}

/* A content that nobody wants any more goes by. */
static void drop_content_frame(struct channel *ch, struct slice payload)
{
    if (ch->content == CONTENT_AWAIT_HEADER)
        ch->dropped_body_left = wire_u64(payload.p + 4); /* a header frame has as much: frames.c */
    else
        ch->dropped_body_left -= payload.n;
    ch->content = ch->dropped_body_left > 0 ? CONTENT_AWAIT_BODY : CONTENT_NONE;
}

/* After our channel.close the client's close is answered, its close-ok ends the channel, and
 * everything else is what it had sent before it knew; but that it cannot be open twice it knew. */
static void take_closing_method(struct channel *ch, uint32_t method, struct slice args)
{
    if (!connection_check_method(ch->connection, method, args))
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
        defer_frame(ch, type, payload);
    else if (!is_expected(ch, type))
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
    else if (!is_expected(ch, type))
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
        defer_frame(ch, type, payload);
    else
        execute_frame(ch, type, payload);
}
