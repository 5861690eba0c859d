/* Back pressure: when a connection's socket is not read, why, and until when.
 *
 *   (1) `stops` has every reason; the socket is paused while there is one.
 *   (2) Frames that came before and are kept by channels (channel.h: deferred) are not executed either,
 *       except that STOP_DEFERRED alone does not hold them up.
 *   (3) Only a running connection is stopped. One that is closing is read, for the sake of close-ok.
 *
 * A peer whose connection an alarm stops may go away unnoticed, since its end of input lies behind
 * bytes that nobody reads; and what it holds (unacknowledged messages, a transaction) may be what fills
 * the memory. So the kernel is asked now and then what has become of it. */
#include "amqp/channel.h"
#include "base/log.h"

enum {
    HELD_LOOK_MS = 1, /* how often it is looked whether a home has caught up */
    BLOCKED_LOOK_MS = 2000,
    DEFERRED_BYTES_HIGH = 256 * 1024,
    DEFERRED_BYTES_LOW = 64 * 1024,
};

/* --- stopping and going on ---------------------------------------------------------------------- */

void connection_stop(struct connection *conn, enum connection_stop why)
{
    if (conn->stops & why || conn->state != CONNECTION_RUNNING)
        return;
    if (conn->stops == 0)
        net_pause(conn->net);
    conn->stops |= why;
}

void connection_go(struct connection *conn, unsigned whys)
{
    unsigned before = conn->stops;
    conn->stops &= ~whys;
    if (before == 0 || !conn->net)
        return;
    if (conn->stops == 0)
        net_resume(conn->net);
    if (!connection_executes(conn) || !lv_list_is_empty(&conn->resumed_link))
        return;
    lv_list_push(&conn->home->resumed, &conn->resumed_link);
    loop_schedule(connection_loop(conn), &conn->home->resume);
}

/* Executes what the channels have kept. What that does to them, and to the set of them, it may do. */
static void execute_channels(struct connection *conn)
{
    for (size_t i = 0; i < conn->channel_count && connection_executes(conn);) {
        struct channel *ch = conn->channels[i];
        channel_execute_deferred(ch);
        if (i < conn->channel_count && conn->channels[i] == ch)
            i++;
    }
    if (conn->is_finishing)
        connection_finish(conn);
}

static void execute_resumed(struct loop *loop, struct loop_task *task)
{
    (void)loop;
    struct amqp_loop *home = lv_container_of(task, struct amqp_loop, resume);
    while (!lv_list_is_empty(&home->resumed)) {
        struct connection *conn = lv_list_item(home->resumed.next, struct connection, resumed_link);
        lv_list_remove(&conn->resumed_link);
        execute_channels(conn);
    }
}

/* --- turns that are used up --------------------------------------------------------------------- */

void connection_stop_for_turn(struct connection *conn)
{
    if (conn->stops & STOP_TURN || conn->state != CONNECTION_RUNNING)
        return;
    connection_stop(conn, STOP_TURN);
    lv_list_push(&conn->home->next_turn, &conn->next_turn_link);
    loop_job_start(connection_loop(conn), &conn->home->go_on);
}

/* Lets the first one go, in this slice: what it asks for is charged to it. */
static bool go_on(struct loop *loop, struct loop_job *job)
{
    (void)loop;
    struct amqp_loop *home = lv_container_of(job, struct amqp_loop, go_on);
    if (lv_list_is_empty(&home->next_turn))
        return false;
    struct connection *conn = lv_list_item(home->next_turn.next, struct connection, next_turn_link);
    lv_list_remove(&conn->next_turn_link);
    connection_go(conn, STOP_TURN);
    if (!lv_list_is_empty(&conn->resumed_link)) {
        lv_list_remove(&conn->resumed_link);
        execute_channels(conn);
    }
    net_present(conn->net);
    return !lv_list_is_empty(&home->next_turn);
}

/* --- queues whose homes are behind -------------------------------------------------------------- */

void connection_hold_for_values(struct connection *conn, struct queue *q)
{
    connection_hold(conn, q);
    conn->is_held_for_values = conn->held_for != NULL;
}

void connection_hold(struct connection *conn, struct queue *q)
{
    if (conn->held_for || conn->state != CONNECTION_RUNNING)
        return;
    conn->held_for = queue_ref(q);
    lv_list_push(&conn->home->held, &conn->held_link);
    connection_stop(conn, STOP_HELD);
    if (!loop_timer_is_running(&conn->home->held_timer))
        loop_timer_start(connection_loop(conn), &conn->home->held_timer, HELD_LOOK_MS);
}

static void forget_hold(struct connection *conn)
{
    lv_list_remove(&conn->held_link);
    conn->is_held_for_values = false;
    if (conn->held_for)
        queue_unref(&conn->held_for);
}

static bool is_to_be_held(const struct connection *conn)
{
    return queue_is_behind(conn->held_for) ||
           (conn->is_held_for_values && dedup_is_behind(connection_server(conn)->broker));
}

static void look_at_held(struct loop *loop, struct loop_timer *timer)
{
    struct amqp_loop *home = lv_container_of(timer, struct amqp_loop, held_timer);
    struct lv_list *it, *after;
    lv_list_each (it, after, &home->held) {
        struct connection *conn = lv_list_item(it, struct connection, held_link);
        if (is_to_be_held(conn))
            continue;
        forget_hold(conn);
        connection_go(conn, STOP_HELD);
    }
    if (!lv_list_is_empty(&home->held))
        loop_timer_start(loop, timer, HELD_LOOK_MS);
}

/* --- what is kept and what is unread ------------------------------------------------------------ */

void connection_count_deferred(struct connection *conn, size_t more, size_t less)
{
    conn->deferred_bytes += more;
    conn->deferred_bytes -= less;
    if (conn->deferred_bytes > DEFERRED_BYTES_HIGH)
        connection_stop(conn, STOP_DEFERRED);
    else if (conn->deferred_bytes < DEFERRED_BYTES_LOW && conn->stops & STOP_DEFERRED)
        connection_go(conn, STOP_DEFERRED);
}

void connection_watch_output(struct connection *conn)
{
    size_t unwritten = net_unwritten(conn->net);
    if (unwritten > ANSWER_BYTES_HIGH ||
        (unwritten > OUTPUT_BYTES_HIGH &&
         atomic_load_explicit(&connection_server(conn)->broker->is_short_of_memory,
                              memory_order_relaxed)))
        connection_stop(conn, STOP_OUTPUT);
}

/* --- alarms ------------------------------------------------------------------------------------- */

static const char *alarm_reason(unsigned alarms)
{
    bool is_disk = (alarms & (BROKER_ALARM_DISK | BROKER_ALARM_LOG)) != 0;
    if (alarms & BROKER_ALARM_STORE)
        return "the disk has failed: nothing persistent can be stored";
    if (alarms & BROKER_ALARM_MEMORY)
        return is_disk ? "low on disk & memory" : "low on memory";
    return "low on disk";
}

void connection_block(struct connection *conn)
{
    struct amqp_loop *home = conn->home;
    if (conn->stops & STOP_ALARM || conn->state != CONNECTION_RUNNING)
        return;
    connection_stop(conn, STOP_ALARM);
    lv_list_push(&home->blocked, &conn->blocked_link);
    if (!loop_timer_is_running(&home->blocked_timer))
        loop_timer_start(home->loop, &home->blocked_timer, BLOCKED_LOOK_MS);
    if (conn->can.connection_blocked) {
        CONNECTION_SEND(conn, 0, connection_blocked,
                        .reason = slice_str(alarm_reason(connection_alarms(conn))));
        conn->was_told_blocked = true;
    }
}

static void connection_unblock(struct connection *conn)
{
    lv_list_remove(&conn->blocked_link);
    if (conn->was_told_blocked) {
        CONNECTION_SEND(conn, 0, connection_unblocked, .none = 0);
        conn->was_told_blocked = false;
    }
    connection_go(conn, STOP_ALARM);
}

/* Who needs what the alarms that are left hold up is blocked again by its next publish. */
void amqp_alarms_changed(struct loop *loop)
{
    struct amqp_loop *home = loop_slot(loop, LOOP_SLOT_AMQP);
    struct lv_list *it, *after;
    if (alarms_hold(atomic_load(&home->server->broker->alarms)))
        return;
    lv_list_each (it, after, &home->blocked)
        connection_unblock(lv_list_item(it, struct connection, blocked_link));
}

/* Whether its end gives back anything that others wait for. */
static bool holds_anything(const struct connection *conn)
{
    for (size_t i = 0; i < conn->channel_count; i++) {
        const struct channel *ch = conn->channels[i];
        if (ch->unacked.count > 0 || tx_publish_count(ch) > 0 || ch->incoming)
            return true;
    }
    return false;
}

/* What a peer that has said goodbye has sent before is taken once the alarm ends, unless it holds
 * something meanwhile. One that has vanished with bytes under way cannot say goodbye: its machine
 * refuses the heartbeat that we send, and the next look finds that out. */
static void look_after(struct connection *conn)
{
    enum net_peer_state peer = net_look_at_peer(conn->net);
    if (peer == NET_PEER_RESET || (peer == NET_PEER_ENDED && holds_anything(conn)))
        net_close(conn->net, false);
    else if (peer == NET_PEER_THERE && net_unwritten(conn->net) == 0)
        connection_send_heartbeat(conn);
}

static void look_at_blocked(struct loop *loop, struct loop_timer *timer)
{
    struct amqp_loop *home = lv_container_of(timer, struct amqp_loop, blocked_timer);
    struct lv_list *it, *after;
    lv_list_each (it, after, &home->blocked)
        look_after(lv_list_item(it, struct connection, blocked_link));
    if (!lv_list_is_empty(&home->blocked))
        loop_timer_start(loop, timer, BLOCKED_LOOK_MS);
}

/* --- beginning and end --------------------------------------------------------------------------- */

void connection_go_for_good(struct connection *conn)
{
    forget_hold(conn);
    lv_list_remove(&conn->blocked_link);
    lv_list_remove(&conn->next_turn_link);
    connection_go(conn, ~0u);
    lv_list_remove(&conn->resumed_link);
}

void pressure_free(struct amqp_loop *home)
{
    loop_timer_stop(home->loop, &home->held_timer);
    loop_timer_stop(home->loop, &home->blocked_timer);
    loop_unschedule(home->loop, &home->resume);
    loop_job_stop(home->loop, &home->go_on);
}

void pressure_init(struct amqp_loop *home)
{
    lv_list_init(&home->held);
    lv_list_init(&home->blocked);
    lv_list_init(&home->resumed);
    lv_list_init(&home->next_turn);
    loop_job_init(&home->go_on, go_on);
    loop_timer_init(&home->held_timer, look_at_held);
    loop_timer_init(&home->blocked_timer, look_at_blocked);
    loop_task_init(&home->resume, execute_resumed);
}
