#include "amqp/connection.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "amqp/channel.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

enum {
    CLOSE_LIMIT_MS = 10000, /* for the client's close-ok */
    SILENT_DELAY_MS = 3000,
};

static void connection_on_timer(struct loop *loop, struct loop_timer *timer);
static bool end_queues_job(struct loop *loop, struct loop_job *job);
static void beat(struct loop *loop, struct loop_timer *timer);

/* --- its life --------------------------------------------------------------------------------- */

static void on_drained(void *owner);
static void on_end(void *owner, int error);

static const struct net_owner net_calls = {
    .on_bytes = connection_on_bytes,
    .on_drained = on_drained,
    .on_end = on_end,
};

static char *connection_make_name(const struct net_peer *peer)
{
    struct lv_buffer name = {0};
    lv_buffer_printf(&name, "%s:%u -> %s:%u", peer->peer.text, peer->peer.port, peer->local.text,
                     peer->local.port);
    return (char *)name.p;
}

void amqp_accepted(struct loop *loop, void *arg, struct net_conn *net, const struct net_peer *peer)
{
    struct amqp_server *server = arg;
    struct amqp_loop *home = loop_slot(loop, LOOP_SLOT_AMQP);
    struct connection *conn = lv_calloc(1, sizeof *conn);
    conn->magic = CONNECTION_MAGIC;
    conn->home = home;
    conn->net = net;
    conn->id = (home->last_id += LOOPS_MAX) | loop_index(loop);
    conn->peer = *peer;
    conn->name = connection_make_name(peer);
    conn->connected_at_ms = loop_wall_ms(loop);
    conn->frame_bytes_max = server->settings.initial_frame_bytes_max;
    lv_list_init(&conn->exclusive_queues);
    loop_job_init(&conn->queues_end, end_queues_job);
    lv_list_init(&conn->held_link);
    lv_list_init(&conn->blocked_link);
    lv_list_init(&conn->body_link);
    lv_list_init(&conn->resumed_link);
    lv_list_init(&conn->next_turn_link);
    lv_list_push(&home->connections, &conn->link);
    home->connection_count++;
    atomic_fetch_add_explicit(&server->connections_opened, 1, memory_order_relaxed);
    loop_timer_init(&conn->beat_timer, beat);
    loop_timer_init_patient(&conn->timer, connection_on_timer);
    loop_timer_start(loop, &conn->timer, server->settings.handshake_timeout_ms);
    net_set_watermarks(net, OUTPUT_BYTES_HIGH, OUTPUT_BYTES_LOW);
    net_set_send_timeout(net, server->settings.send_timeout_ms);
    net_attach(net, &net_calls, conn);
}

static void connection_free(struct connection *conn)
{
    lv_assert(conn->channel_count == 0);
    lv_assert(conn->zombies == 0);
    loop_timer_stop(connection_loop(conn), &conn->timer);
    loop_timer_stop(connection_loop(conn), &conn->beat_timer);
    lv_list_remove(&conn->link);
    conn->home->connection_count--;
    atomic_fetch_add_explicit(&connection_server(conn)->connections_closed, 1,
                              memory_order_relaxed);
    if (conn->vhost)
        vhost_unref(&conn->vhost);
    auth_identity_unref(&conn->identity);
    free((void *)conn->client_properties.p);
    free(conn->channels);
    free(conn->name);
    conn->magic = 0;
    free(conn);
}

static void say_close_ok(struct connection *conn)
{
    CONNECTION_SEND(conn, 0, connection_close_ok, .none = 0);
    net_close(conn->net, true);
}

void connection_zombie_gone(struct connection *conn)
{
    conn->zombies--;
    if (conn->zombies > 0)
        return;
    if (conn->state == CONNECTION_GONE)
        connection_free(conn);
    else if (conn->owes_close_ok)
        say_close_ok(conn);
}

enum { QUEUE_UNITS = 4 };

/* As far as the slice goes. Whether all exclusive queues have gone. */
static bool end_queues(struct connection *conn)
{
    while (!lv_list_is_empty(&conn->exclusive_queues)) {
        if (!loop_spend(connection_loop(conn), QUEUE_UNITS))
            return false;
        queue_delete(lv_list_item(conn->exclusive_queues.next, struct queue, owner_link));
    }
    return true;
}

static bool end_queues_job(struct loop *loop, struct loop_job *job)
{
    (void)loop;
    struct connection *conn = lv_container_of(job, struct connection, queues_end);
    if (!end_queues(conn))
        return true;
    connection_zombie_gone(conn);
    return false;
}

/* All channels go, and then the queues that were this connection's alone. */
static void end_channels(struct connection *conn)
{
    while (conn->channel_count > 0) {
        struct channel *ch = conn->channels[conn->channel_count - 1];
        if (ch->state != CHANNEL_GONE)
            channel_shut(ch, CHANNEL_GONE);
        channel_leave(ch);
    }
    connection_give_places(conn);
    if (loop_job_is_under_way(&conn->queues_end) || end_queues(conn))
        return;
    conn->zombies++; /* until all have gone */
    loop_job_start(connection_loop(conn), &conn->queues_end);
}

static void on_end(void *owner, int error)
{
    struct connection *conn;
    CAST_OBJ(conn, owner, CONNECTION_MAGIC);
    connection_log_vanished(conn, error);
    conn->state = CONNECTION_GONE;
    conn->net = NULL;
    loop_timer_stop(connection_loop(conn), &conn->timer);
    loop_timer_stop(connection_loop(conn), &conn->beat_timer);
    end_channels(conn);
    connection_go_for_good(conn);
    connection_event_closed(conn);
    if (conn->zombies == 0)
        connection_free(conn);
}

/* Resumes this one if it was told to wait, unless `skip` others were before it, of *n. */
static void resume_if_full(struct consumer *c, size_t skip, size_t *n)
{
    if (c->is_full && (*n)++ >= skip)
        consumer_resume(c);
}

/* Resumes the connection's consumers that were told to wait, but for the first `skip` of them; returns
 * how many there were. With SIZE_MAX it only counts. */
static size_t resume_full(struct connection *conn, size_t skip)
{
    size_t n = 0;
    for (size_t i = 0; i < conn->channel_count; i++) {
        struct channel *ch = conn->channels[i];
        struct lv_list *it, *after;
        lv_list_each (it, after, &ch->consumers)
            resume_if_full(lv_list_item(it, struct consumer, session_link), skip, &n);
        if (ch->reply_to)
            resume_if_full(ch->reply_to, skip, &n);
    }
    return n;
}

/* The socket takes output again: consumers that were told to wait go on. The first one's queue may
 * fill all the room there is, so each time another one is first. */
static void on_drained(void *owner)
{
    struct connection *conn;
    CAST_OBJ(conn, owner, CONNECTION_MAGIC);
    connection_go(conn, STOP_OUTPUT);
    size_t count = resume_full(conn, SIZE_MAX);
    if (count == 0)
        return;
    resume_full(conn, conn->drained++ % count);
    resume_full(conn, 0);
}

/* --- ending it --------------------------------------------------------------------------------- */

void connection_drop(struct connection *conn)
{
    if (!conn->net || conn->state == CONNECTION_GONE)
        return;
    conn->state = CONNECTION_SILENT;
    net_close(conn->net, true);
}

void connection_drop_late(struct connection *conn)
{
    conn->state = CONNECTION_SILENT;
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

/* Before its last word, whatever that is. */
static void tell_settled(struct connection *conn)
{
    for (size_t i = 0; i < conn->channel_count; i++)
        channel_tell_settled(conn->channels[i]);
}

/* Exclusive queues go before close-ok: who sees it finds their names free. */
static void finish_now(struct connection *conn)
{
    tell_settled(conn);
    conn->state = CONNECTION_SILENT;
    end_channels(conn);
    /* Who sees close-ok finds the consumers gone, and what went with them. */
    conn->owes_close_ok = conn->zombies > 0;
    if (!conn->owes_close_ok)
        say_close_ok(conn);
}

void connection_finish(struct connection *conn)
{
    conn->is_finishing = true;
    if (conn->state == CONNECTION_RUNNING && !has_waiting_channel(conn))
        finish_now(conn);
}

/* A reply text is a short string: what does not fit ends in three dots, as RabbitMQ cuts it. */
size_t reply_text_make(char *text, uint16_t code, const char *format, va_list args)
{
    char whole[1024];
    const char *name = wire_reply_name(code);
    int n = snprintf(whole, sizeof whole, "%s - ", name ? name : "UNKNOWN");
    int m = vsnprintf(whole + n, sizeof whole - (size_t)n, format, args);
    size_t size = m <= 0 ? strlen(name) : (size_t)n + (size_t)m; /* nothing to say: the name */
    if (size >= sizeof whole)
        size = sizeof whole - 1;
    if (size > SHORTSTR_BYTES_MAX) {
        memcpy(whole + SHORTSTR_BYTES_MAX - 3, "...", 3);
        size = SHORTSTR_BYTES_MAX;
    }
    memcpy(text, whole, size);
    return size;
}

/* A client that is silent for three heartbeats is gone, whatever it has been told. */
static uint64_t close_limit_ms(const struct connection *conn)
{
    uint64_t silence_ms = conn->heartbeat_s * UINT64_C(3000);
    return silence_ms > 0 && silence_ms < CLOSE_LIMIT_MS ? silence_ms : CLOSE_LIMIT_MS;
}

static void close_for(struct connection *conn, uint16_t code, uint32_t method, const char *format,
                      va_list args)
{
    char text[SHORTSTR_BYTES_MAX];
    size_t n = reply_text_make(text, code, format, args);
    if (conn->is_finishing) { /* the client has said close already */
        finish_now(conn);
        return;
    }
    tell_settled(conn);
    CONNECTION_SEND(conn, 0, connection_close, .reply_code = code, .reply_text = slice_of(text, n),
                    .class_id = amqp_class_of(method), .method_id = amqp_method_of(method));
    conn->state = CONNECTION_CLOSING;
    end_channels(conn);
    connection_go_for_good(conn); /* its close-ok must be heard */
    loop_timer_start(connection_loop(conn), &conn->timer, close_limit_ms(conn));
}

void connection_fail(struct connection *conn, uint16_t code, uint32_t method, const char *format,
                     ...)
{
    if (!conn->net || conn->state >= CONNECTION_CLOSING)
        return;
    va_list args, args_for_log;
    va_start(args, format);
    va_copy(args_for_log, args);
    connection_log_exception(conn, NULL, code, method, format, args_for_log);
    close_for(conn, code, method, format, args);
    va_end(args_for_log);
    va_end(args);
}

void connection_fail_unsaid(struct connection *conn, uint16_t code, uint32_t method,
                            const char *format, ...)
{
    if (!conn->net || conn->state >= CONNECTION_CLOSING)
        return;
    va_list args;
    va_start(args, format);
    close_for(conn, code, method, format, args);
    va_end(args);
}

/* --- timers ------------------------------------------------------------------------------------ */

void connection_start_heartbeats(struct connection *conn)
{
    if (conn->heartbeat_s == 0) {
        loop_timer_stop(connection_loop(conn), &conn->timer);
        return;
    }
    loop_timer_start(connection_loop(conn), &conn->timer, conn->heartbeat_s * 1000u);
    loop_timer_start(connection_loop(conn), &conn->beat_timer, conn->heartbeat_s * 500u);
}

void connection_send_heartbeat(struct connection *conn)
{
    static const uint8_t heartbeat[8] = {FRAME_HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END};
    outbuf_add(net_out(conn->net), heartbeat, sizeof heartbeat);
    net_dirty(conn->net);
}

/* Every half interval. Not patient: after a stall the client has waited for it long enough. */
static void beat(struct loop *loop, struct loop_timer *timer)
{
    struct connection *conn = lv_container_of(timer, struct connection, beat_timer);
    if (conn->state != CONNECTION_RUNNING)
        return;
    if (loop_now_ms(loop) - net_sent_at_ms(conn->net) >= conn->heartbeat_s * 500u)
        connection_send_heartbeat(conn);
    loop_timer_start(loop, timer, conn->heartbeat_s * 500u);
}

/* Every interval: whether anything has come since the last check (the handshake counts for the first).
 * A client is given up at the second check in a row that finds nothing, between two and three
 * intervals after its last octet, as in RabbitMQ. While its socket is not read it is not judged. */
static void check_silence(struct connection *conn)
{
    uint64_t heard_bytes = net_received(conn->net);
    bool is_silent = heard_bytes == conn->heard_bytes && !net_is_paused(conn->net);
    conn->heard_bytes = heard_bytes;
    conn->silent_checks = is_silent ? conn->silent_checks + 1 : 0;
    if (conn->silent_checks == 2) {
        log_error("connection %s: missed heartbeats from the client: nothing received for two "
                  "intervals of %u s, closing",
                  CONNECTION_TITLE(conn), conn->heartbeat_s);
        conn->state = CONNECTION_SILENT;
        net_close(conn->net, false);
        return;
    }
    loop_timer_start(connection_loop(conn), &conn->timer, conn->heartbeat_s * 1000u);
}

static void connection_on_timer(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    struct connection *conn = lv_container_of(timer, struct connection, timer);
    lv_assert(conn->magic == CONNECTION_MAGIC);
    if (conn->state == CONNECTION_RUNNING) {
        check_silence(conn);
        return;
    }
    if (conn->state < CONNECTION_RUNNING)
        connection_log_late(conn, connection_server(conn)->settings.handshake_timeout_ms);
    conn->state = CONNECTION_SILENT;
    net_close(conn->net, false);
}

/* --- the room's door ---------------------------------------------------------------------------- */

void amqp_init(struct loops *loops, struct amqp_server *server)
{
    for (unsigned i = 0; i < loops_count(loops); i++) {
        struct amqp_loop *home = lv_calloc(1, sizeof *home);
        home->server = server;
        home->loop = loops_at(loops, i);
        lv_list_init(&home->connections);
        pressure_init(home);
        bodies_init(home);
        loop_set_slot(home->loop, LOOP_SLOT_AMQP, home);
    }
}

void amqp_stop(struct loops *loops)
{
    for (unsigned i = 0; i < loops_count(loops); i++) {
        struct loop *loop = loops_at(loops, i);
        bodies_free(loop_slot(loop, LOOP_SLOT_AMQP));
        pressure_free(loop_slot(loop, LOOP_SLOT_AMQP));
        free(loop_slot(loop, LOOP_SLOT_AMQP));
        loop_set_slot(loop, LOOP_SLOT_AMQP, NULL);
    }
}

size_t amqp_connection_count(struct loop *loop)
{
    struct amqp_loop *home = loop_slot(loop, LOOP_SLOT_AMQP);
    return home->connection_count;
}

/* A close that the client did not ask for: 320. One that has not come so far is just closed. Neither is
 * an error, since somebody has ordered it. */
static void force_close(struct connection *conn, const char *reason)
{
    if (conn->state == CONNECTION_RUNNING) {
        connection_fail(conn, REPLY_CONNECTION_FORCED, 0, "%s", reason);
    } else if (conn->state < CONNECTION_RUNNING) {
        log_warning("connection %s: %s, closing", CONNECTION_TITLE(conn), reason);
        connection_drop(conn);
    }
}

static bool matches(struct slice want, struct slice have)
{
    return want.n == 0 || slice_equal(want, have);
}

static struct slice vhost_of(const struct connection *conn)
{
    return conn->vhost ? vhost_name(conn->vhost) : SLICE_EMPTY;
}

static struct slice user_of(const struct connection *conn)
{
    return conn->identity ? auth_identity_name(conn->identity) : SLICE_EMPTY;
}

void amqp_close_matching(struct loop *loop, struct slice vhost, struct slice user,
                         const char *reason)
{
    struct amqp_loop *home = loop_slot(loop, LOOP_SLOT_AMQP);
    struct lv_list *it, *after;
    lv_list_each (it, after, &home->connections) {
        struct connection *conn = lv_list_item(it, struct connection, link);
        if (matches(vhost, vhost_of(conn)) && matches(user, user_of(conn)))
            force_close(conn, reason);
    }
}

void amqp_close_all(struct loop *loop, const char *reason)
{
    amqp_close_matching(loop, SLICE_EMPTY, SLICE_EMPTY, reason);
}

bool amqp_close_connection(struct loop *loop, uint64_t id, const char *reason)
{
    struct amqp_loop *home = loop_slot(loop, LOOP_SLOT_AMQP);
    struct lv_list *it, *after;
    lv_list_each (it, after, &home->connections) {
        struct connection *conn = lv_list_item(it, struct connection, link);
        if (conn->id == id && conn->state != CONNECTION_GONE) {
            force_close(conn, reason);
            return true;
        }
    }
    return false;
}

/* --- listings ----------------------------------------------------------------------------------- */

static const char *state_name(const struct connection *conn)
{
    static const char *const names[] = {
        [CONNECTION_AWAIT_HEADER] = "starting", [CONNECTION_AWAIT_START_OK] = "starting",
        [CONNECTION_AWAIT_TUNE_OK] = "tuning",  [CONNECTION_AWAIT_OPEN] = "opening",
        [CONNECTION_RUNNING] = "running",       [CONNECTION_CLOSING] = "closing",
        [CONNECTION_SILENT] = "closing",        [CONNECTION_GONE] = "closed",
    };
    return conn->stops & STOP_ALARM ? "blocked" : names[conn->state];
}

static const char *activity_name(const struct consumer *c)
{
    static const char *const names[] = {
        [CONSUMER_UP] = "up",
        [CONSUMER_SINGLE_ACTIVE] = "single_active",
        [CONSUMER_WAITING] = "waiting",
    };
    return names[atomic_load(&c->activity)];
}

static void visit_consumers(struct channel *ch, const struct amqp_channel_facts *facts,
                            const struct amqp_visitor *visitor, void *arg)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &ch->consumers) {
        const struct consumer *c = lv_list_item(it, struct consumer, session_link);
        struct amqp_consumer_facts consumer = {
            .channel = facts,
            .queue = queue_name(c->queue),
            .tag = c->tag,
            .no_ack = c->no_ack,
            .exclusive = c->exclusive,
            .is_active = atomic_load(&c->activity) != CONSUMER_WAITING,
            .activity = activity_name(c),
            .prefetch_count = credit_prefetch(&c->credit),
            .priority = c->priority,
            .arguments = c->arguments,
        };
        visitor->consumer(arg, &consumer);
    }
}

static void visit_channel(struct channel *ch, const struct amqp_connection_facts *connection,
                          const struct amqp_visitor *visitor, void *arg)
{
    struct amqp_channel_facts facts = {
        .connection = connection,
        .number = ch->number,
        .consumers = ch->consumer_count,
        .unacknowledged = ch->unacked.count,
        .unconfirmed = ch->confirms ? confirms_outstanding(ch->confirms) : 0,
        .uncommitted = tx_publish_count(ch),
        .acks_uncommitted = tx_settle_count(ch),
        .prefetch_count = ch->prefetch_count,
        .global_prefetch_count = ch->limit_count,
        .is_transactional = ch->mode == CHANNEL_TX,
        .is_confirming = ch->mode == CHANNEL_CONFIRM,
        .published = ch->published,
        .delivered = ch->delivered,
        .acked = ch->acked,
    };
    if (visitor->channel)
        visitor->channel(arg, &facts);
    if (visitor->consumer)
        visit_consumers(ch, &facts, visitor, arg);
}

static void visit_connection(struct connection *conn, const struct amqp_visitor *visitor, void *arg)
{
    struct amqp_connection_facts facts = {
        .id = conn->id,
        .name = slice_str(conn->name),
        .user = user_of(conn),
        .vhost = vhost_of(conn),
        .peer = &conn->peer,
        .state = state_name(conn),
        .auth_mechanism = slice_str(conn->mechanism),
        .client_properties = conn->client_properties,
        .channels = conn->channel_count,
        .channel_max = conn->channel_max,
        .frame_bytes_max = conn->frame_bytes_max,
        .heartbeat_s = conn->heartbeat_s,
        .connected_at_ms = conn->connected_at_ms,
        .received_bytes = net_received(conn->net),
        .sent_bytes = net_sent(conn->net),
        .unwritten_bytes = net_unwritten(conn->net),
        .reads = net_reads(conn->net),
        .writes = net_writes(conn->net),
    };
    if (visitor->connection)
        visitor->connection(arg, &facts);
    if (!visitor->channel && !visitor->consumer)
        return;
    for (size_t i = 0; i < conn->channel_count; i++)
        visit_channel(conn->channels[i], &facts, visitor, arg);
}

void amqp_visit(struct loop *loop, const struct amqp_visitor *visitor, void *arg)
{
    struct amqp_loop *home = loop_slot(loop, LOOP_SLOT_AMQP);
    struct lv_list *it, *after;
    lv_list_each (it, after, &home->connections) {
        struct connection *conn = lv_list_item(it, struct connection, link);
        if (conn->net)
            visit_connection(conn, visitor, arg);
    }
}
