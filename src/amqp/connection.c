/* A connection's life: its states, and how it ends.
 *
 * Only connection_enter() changes the state; the session, which has fewer states, follows it.
 * Whatever ends a connection ends its channels first (channels_end()), so that consumers are
 * cancelled and deliveries requeued. The struct is kept, and what it waits for counted in
 * `zombies`, until nothing is under way at queues' homes any longer. */
#include "amqp/connection.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "amqp/channel.h"
#include "base/log.h"
#include "base/memory.h"

enum {
    CLOSE_LIMIT_MS = 10000, /* for the client's close-ok */
    SILENT_DELAY_MS = 3000,
};

/* --- states ----------------------------------------------------------------------------------- */

#define TO(state) (1u << CONNECTION_##state)
#define TO_THE_END (TO(CLOSING) | TO(SILENT) | TO(GONE))

static const unsigned connection_moves[] = {
    [CONNECTION_AWAIT_HEADER] = TO(AWAIT_START_OK) | TO_THE_END,
    [CONNECTION_AWAIT_START_OK] = TO(LOGGING_IN) | TO_THE_END,
    [CONNECTION_LOGGING_IN] = TO(AWAIT_TUNE_OK) | TO_THE_END,
    [CONNECTION_AWAIT_TUNE_OK] = TO(AWAIT_OPEN) | TO_THE_END,
    [CONNECTION_AWAIT_OPEN] = TO(ENTERING) | TO_THE_END,
    [CONNECTION_ENTERING] = TO(RUNNING) | TO_THE_END,
    [CONNECTION_RUNNING] = TO(FINISHING) | TO_THE_END,
    [CONNECTION_FINISHING] = TO(SILENT) | TO(GONE),
    [CONNECTION_CLOSING] = TO(SILENT) | TO(GONE),
    [CONNECTION_OWES_CLOSE_OK] = TO(SILENT) | TO(GONE),
    /* SILENT to SILENT: after a refused login nothing is sent for a while, then the socket is
     * closed. */
    [CONNECTION_SILENT] = TO(OWES_CLOSE_OK) | TO(SILENT) | TO(GONE),
    [CONNECTION_GONE] = 0,
};

/* Returns the session's state that goes with this state of the connection. */
static enum session_state session_state_of(enum connection_state state)
{
    if (state < CONNECTION_RUNNING)
        return SESSION_STARTING;
    if (state <= CONNECTION_FINISHING)
        return SESSION_RUNNING;
    return state < CONNECTION_GONE ? SESSION_ENDING : SESSION_GONE;
}

void connection_enter(struct connection *conn, enum connection_state next)
{
    connection_assert_home(conn);
    lv_assert(connection_moves[conn->state] & 1u << next);
    conn->state = next;
    session_enter(&conn->session, session_state_of(next));
}

/* --- its life --------------------------------------------------------------------------------- */

static void on_drained(void *owner);
static void on_end(void *owner, int error);

static const struct net_owner net_calls = {
    .on_bytes = connection_on_bytes,
    .on_drained = on_drained,
    .on_end = on_end,
};

void connection_accepted(struct loop *loop, void *arg, struct net_conn *net,
                         const struct net_peer *peer)
{
    struct session_server *server = arg;
    struct connection *conn = lv_calloc(1, sizeof *conn);
    conn->magic = CONNECTION_MAGIC;
    conn->frame_bytes_max = server->settings.initial_frame_bytes_max;
    session_begin(&conn->session, &amqp_frontend, server, loop, net, peer);
    connection_init_timers(conn);
    uint64_t limit_ms = server->settings.handshake_timeout_ms, age_ms = net_age_ms(net);
    loop_timer_start(loop, &conn->timer, age_ms < limit_ms ? limit_ms - age_ms : 0);
    net_attach(net, &net_calls, conn);
}

static void connection_free(struct connection *conn)
{
    lv_assert(conn->channel_count == 0);
    lv_assert(conn->zombies == 0);
    loop_timer_stop(connection_loop(conn), &conn->timer);
    loop_timer_stop(connection_loop(conn), &conn->beat_timer);
    session_free(&conn->session);
    free(conn->channels);
    conn->magic = 0;
    free(conn);
}

static void close_ok_send(struct connection *conn)
{
    connection_enter(conn, CONNECTION_SILENT);
    CONNECTION_SEND(conn, 0, connection_close_ok, .none = 0);
    net_close(conn->session.net, true);
}

void connection_zombie_gone(struct connection *conn)
{
    connection_assert_home(conn);
    lv_assert(conn->zombies > 0);
    conn->zombies--;
    if (conn->zombies > 0)
        return;
    if (conn->state == CONNECTION_GONE)
        connection_free(conn);
    else if (conn->state == CONNECTION_OWES_CLOSE_OK)
        close_ok_send(conn);
}

/* Ends all channels, and then deletes the connection's exclusive queues. */
static void channels_end(struct connection *conn)
{
    while (conn->channel_count > 0) {
        struct channel *ch = conn->channels[conn->channel_count - 1];
        if (ch->state != CHANNEL_GONE)
            channel_shut(ch, CHANNEL_GONE);
        channel_leave(ch);
    }
    if (!session_end_queues(&conn->session))
        conn->zombies++; /* until queues_ended() */
}

static void on_end(void *owner, int error)
{
    struct connection *conn;
    CAST_OBJ(conn, owner, CONNECTION_MAGIC);
    connection_log_gone(conn, error);
    connection_enter(conn, CONNECTION_GONE);
    loop_timer_stop(connection_loop(conn), &conn->timer);
    loop_timer_stop(connection_loop(conn), &conn->beat_timer);
    channels_end(conn);
    session_ended(&conn->session);
    if (conn->zombies == 0)
        connection_free(conn);
}

/* Resumes this consumer if it is paused, and counts it in *n, unless it is among the first `skip`
 * paused ones: those are only counted. */
static void consumer_resume_if_full(struct consumer *c, size_t skip, size_t *n)
{
    if (c->is_full && (*n)++ >= skip)
        consumer_resume(c);
}

/* Resumes the connection's paused consumers, except the first `skip` of them. Returns how many were
 * paused; with SIZE_MAX it only counts them. */
static size_t consumers_resume(struct connection *conn, size_t skip)
{
    size_t n = 0;
    for (size_t i = 0; i < conn->channel_count; i++) {
        struct channel *ch = conn->channels[i];
        struct lv_list *it, *after;
        lv_list_each (it, after, &ch->consumers)
            consumer_resume_if_full(lv_list_item(it, struct consumer, session_link), skip, &n);
        if (ch->reply_to)
            consumer_resume_if_full(ch->reply_to, skip, &n);
    }
    return n;
}

/* The socket takes output again: resumes the paused consumers. The queue of the first one may fill
 * all the room there is, so a different consumer is first each time. */
static void on_drained(void *owner)
{
    struct connection *conn;
    CAST_OBJ(conn, owner, CONNECTION_MAGIC);
    session_go(&conn->session, STOP_OUTPUT);
    size_t count = consumers_resume(conn, SIZE_MAX);
    if (count == 0)
        return;
    consumers_resume(conn, conn->drained++ % count);
    consumers_resume(conn, 0);
}

/* --- ending it -------------------------------------------------------------------------------- */

void connection_drop(struct connection *conn)
{
    if (!conn->session.net || conn->state == CONNECTION_GONE)
        return;
    connection_enter(conn, CONNECTION_SILENT);
    net_close(conn->session.net, true);
}

void connection_drop_for(struct connection *conn, const char *format, ...)
{
    char text[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (conn->session.net && conn->state <= CONNECTION_CLOSING)
        connection_log_mistake(conn, "%s", text);
    connection_drop(conn);
}

void connection_drop_late(struct connection *conn)
{
    connection_enter(conn, CONNECTION_SILENT);
    loop_timer_start(connection_loop(conn), &conn->timer, SILENT_DELAY_MS);
}

static bool has_waiting_channel(const struct connection *conn)
{
    for (size_t i = 0; i < conn->channel_count; i++) {
        const struct channel *ch = conn->channels[i];
        if (ch->is_waiting || ch->deferred.n > 0 || ch->state == CHANNEL_ENDING)
            return true;
    }
    return false;
}

/* Flushes the confirms of all channels, before the connection's last frame. */
static void confirms_flush_all(struct connection *conn)
{
    for (size_t i = 0; i < conn->channel_count; i++)
        channel_flush_confirms(conn->channels[i]);
}

/* Ends all channels, deletes the exclusive queues, and then sends close-ok: a client that has seen
 * it finds the queues' names free. */
static void connection_finish_now(struct connection *conn)
{
    confirms_flush_all(conn);
    connection_enter(conn, CONNECTION_SILENT);
    channels_end(conn);
    /* A client that has seen close-ok finds its consumers gone, and auto-delete queues with
     * them. */
    if (conn->zombies > 0)
        connection_enter(conn, CONNECTION_OWES_CLOSE_OK);
    else
        close_ok_send(conn);
}

void connection_finish(struct connection *conn)
{
    connection_enter(conn, CONNECTION_FINISHING);
    connection_try_to_finish(conn);
}

void connection_try_to_finish(struct connection *conn)
{
    if (conn->state == CONNECTION_FINISHING && !has_waiting_channel(conn))
        connection_finish_now(conn);
}

/* A reply text is a short string: what does not fit ends in three dots, as RabbitMQ cuts it. */
size_t reply_text_make(char *text, uint16_t code, const char *format, va_list args)
{
    char whole[1024];
    const char *name = wire_reply_name(code);
    int n = snprintf(whole, sizeof whole, "%s - ", name ? name : "UNKNOWN");
    int m = vsnprintf(whole + n, sizeof whole - (size_t)n, format, args);
    /* without a text, only the code's name */
    size_t size = m <= 0 ? strlen(name) : (size_t)n + (size_t)m;
    if (size >= sizeof whole)
        size = sizeof whole - 1;
    if (size > SHORTSTR_BYTES_MAX) {
        memcpy(whole + SHORTSTR_BYTES_MAX - 3, "...", 3);
        size = SHORTSTR_BYTES_MAX;
    }
    memcpy(text, whole, size);
    return size;
}

/* Returns how long to wait for close-ok: a client that is silent for three heartbeats is gone. */
static uint64_t close_limit_ms(const struct connection *conn)
{
    uint64_t silence_ms = conn->heartbeat_s * UINT64_C(3000);
    return silence_ms > 0 && silence_ms < CLOSE_LIMIT_MS ? silence_ms : CLOSE_LIMIT_MS;
}

static void connection_close_for(struct connection *conn, uint16_t code, uint32_t method,
                                 const char *format, va_list args)
{
    char text[SHORTSTR_BYTES_MAX];
    size_t n = reply_text_make(text, code, format, args);
    /* the client has sent close already: it gets close-ok */
    if (conn->state == CONNECTION_FINISHING) {
        connection_finish_now(conn);
        return;
    }
    confirms_flush_all(conn);
    CONNECTION_SEND(conn, 0, connection_close, .reply_code = code, .reply_text = slice_of(text, n),
                    .class_id = amqp_class_of(method), .method_id = amqp_method_of(method));
    connection_enter(conn, CONNECTION_CLOSING);
    channels_end(conn);
    session_go_for_good(&conn->session); /* its close-ok must be read */
    loop_timer_start(connection_loop(conn), &conn->timer, close_limit_ms(conn));
}

void connection_fail(struct connection *conn, uint16_t channel, uint16_t code, uint32_t method,
                     const char *format, ...)
{
    if (!conn->session.net || conn->state >= CONNECTION_CLOSING)
        return;
    va_list args, args_for_log;
    va_start(args, format);
    va_copy(args_for_log, args);
    connection_log_error(conn, channel, code, method, format, args_for_log);
    connection_close_for(conn, code, method, format, args);
    va_end(args_for_log);
    va_end(args);
}

void connection_fail_unsaid(struct connection *conn, uint16_t code, uint32_t method,
                            const char *format, ...)
{
    if (!conn->session.net || conn->state >= CONNECTION_CLOSING)
        return;
    va_list args;
    va_start(args, format);
    connection_close_for(conn, code, method, format, args);
    va_end(args);
}
