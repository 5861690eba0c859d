/* Timers of a connection: a handshake that takes too long, a client that has gone silent, our own
 * heartbeats. */
#include "amqp/channel.h"

void connection_start_heartbeats(struct connection *conn)
{
    lv_assert(conn->state == CONNECTION_RUNNING);
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
    outbuf_add(net_out(conn->session.net), heartbeat, sizeof heartbeat);
    net_dirty(conn->session.net);
}

/* Runs every half interval. The timer is not patient: after a stall a heartbeat is due at once. */
static void heartbeat_tick(struct loop *loop, struct loop_timer *timer)
{
    struct connection *conn = lv_container_of(timer, struct connection, beat_timer);
    if (!connection_is_open(conn))
        return;
    if (loop_now_ms(loop) - net_sent_at_ms(conn->session.net) >= conn->heartbeat_s * 500u)
        connection_send_heartbeat(conn);
    loop_timer_start(loop, timer, conn->heartbeat_s * 500u);
}

/* Checks, every interval, whether anything has come since the last check (for the first check, the
 * handshake counts). The connection is closed at the second check in a row that finds nothing,
 * between two and three intervals after the client's last octet, as in RabbitMQ. While the socket
 * is not read, its silence does not count. */
static void check_silence(struct connection *conn)
{
    uint64_t heard_bytes = net_received(conn->session.net);
    bool is_silent = heard_bytes == conn->heard_bytes && !net_is_paused(conn->session.net);
    conn->heard_bytes = heard_bytes;
    conn->silent_checks = is_silent ? conn->silent_checks + 1 : 0;
    if (conn->silent_checks == 2) {
        connection_log_silent(conn);
        connection_enter(conn, CONNECTION_SILENT);
        net_close(conn->session.net, false);
        return;
    }
    loop_timer_start(connection_loop(conn), &conn->timer, conn->heartbeat_s * 1000u);
}

static void connection_on_timer(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    struct connection *conn = lv_container_of(timer, struct connection, timer);
    lv_assert(conn->magic == CONNECTION_MAGIC);
    if (connection_is_open(conn)) {
        check_silence(conn);
        return;
    }
    if (conn->state < CONNECTION_RUNNING)
        connection_log_late(conn, connection_server(conn)->settings.handshake_timeout_ms);
    connection_enter(conn, CONNECTION_SILENT);
    net_close(conn->session.net, false);
}

void connection_init_timers(struct connection *conn)
{
    loop_timer_init(&conn->beat_timer, heartbeat_tick);
    loop_timer_init_patient(&conn->timer, connection_on_timer);
}
