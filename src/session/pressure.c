/* Back pressure: when a session's socket is not read, why, and until when.
 *
 *   (1) `stops` has every reason; the socket is paused while there is one.
 *   (2) Input that had come before the stop, and is kept by the front end, is not executed either,
 *       except if STOP_DEFERRED is the only reason.
 *   (3) Only a RUNNING session is stopped, and one that is STARTING for its login alone. One that
 *       is ending is read, for the client's last frames.
 *
 * The peer of a session that an alarm has stopped may disconnect unnoticed, since the end of its
 * input is behind bytes that are not read; and what the session holds (unacknowledged messages, a
 * transaction) may be what fills the memory. So from time to time the kernel is asked whether the
 * peer is still there. */
#include "base/log.h"
#include "queue/queue.h"
#include "session/session_private.h"
#include "topology/dedup.h"

enum {
    HELD_LOOK_MS = 1, /* the pause between two checks whether homes have caught up */
    BLOCKED_LOOK_MS = 2000,
    DEFERRED_BYTES_HIGH = 256 * 1024,
    DEFERRED_BYTES_LOW = 64 * 1024,
};

/* --- stopping and going on -------------------------------------------------------------------- */

void session_stop(struct session *s, enum session_stop why)
{
    session_assert_home(s);
    bool may_stop =
        s->state == SESSION_RUNNING || (why == STOP_LOGIN && s->state == SESSION_STARTING);
    if (s->stops & why || !may_stop)
        return;
    if (s->stops == 0)
        net_pause(s->net);
    s->stops |= why;
}

void session_go(struct session *s, unsigned whys)
{
    session_assert_home(s);
    unsigned before = s->stops;
    s->stops &= ~whys;
    if (before == 0 || !s->net)
        return;
    if (s->stops == 0)
        net_resume(s->net);
    if (!session_executes(s) || !lv_list_is_empty(&s->resumed_link))
        return;
    lv_list_push(&s->home->resumed, &s->resumed_link);
    loop_schedule(s->loop, &s->home->resume);
}

/* Has the front end execute kept input. The session may have ended afterwards. */
static void input_execute(struct session *s)
{
    session_assert_home(s);
    if (s->frontend->execute)
        s->frontend->execute(s);
}

static void execute_resumed(struct loop *loop, struct loop_task *task)
{
    (void)loop;
    struct session_loop *home = lv_container_of(task, struct session_loop, resume);
    while (!lv_list_is_empty(&home->resumed)) {
        struct session *s = lv_list_item(home->resumed.next, struct session, resumed_link);
        lv_list_remove(&s->resumed_link);
        input_execute(s);
    }
}

/* --- turns that are used up ------------------------------------------------------------------- */

void session_stop_for_turn(struct session *s)
{
    if (s->stops & STOP_TURN || s->state != SESSION_RUNNING)
        return;
    session_stop(s, STOP_TURN);
    lv_list_push(&s->home->next_turn, &s->next_turn_link);
    loop_job_start(s->loop, &s->home->go_on);
}

/* Lets the first session of next_turn go on. What the session then does is charged to this slice of
 * the job. */
static bool next_turn_go_on(struct loop *loop, struct loop_job *job)
{
    (void)loop;
    struct session_loop *home = lv_container_of(job, struct session_loop, go_on);
    if (lv_list_is_empty(&home->next_turn))
        return false;
    struct session *s = lv_list_item(home->next_turn.next, struct session, next_turn_link);
    lv_list_remove(&s->next_turn_link);
    session_go(s, STOP_TURN);
    if (!lv_list_is_empty(&s->resumed_link)) {
        lv_list_remove(&s->resumed_link);
        input_execute(s);
    }
    net_present(s->net);
    return !lv_list_is_empty(&home->next_turn);
}

/* --- queues whose homes are behind ------------------------------------------------------------ */

void session_hold_for_values(struct session *s, struct queue *q)
{
    session_hold(s, q);
    s->is_held_for_values = s->held_for != NULL;
}

void session_hold(struct session *s, struct queue *q)
{
    session_assert_home(s);
    if (s->held_for || s->state != SESSION_RUNNING)
        return;
    s->held_for = queue_ref(q);
    lv_list_push(&s->home->held, &s->held_link);
    session_stop(s, STOP_HELD);
    if (!loop_timer_is_running(&s->home->held_timer))
        loop_timer_start(s->loop, &s->home->held_timer, HELD_LOOK_MS);
}

static void hold_forget(struct session *s)
{
    lv_list_remove(&s->held_link);
    s->is_held_for_values = false;
    if (s->held_for)
        queue_unref(&s->held_for);
}

static bool hold_goes_on(const struct session *s)
{
    lv_assert(s->held_for && s->stops & STOP_HELD);
    return queue_is_behind(s->held_for) ||
           (s->is_held_for_values && dedup_is_behind(&s->server->broker->topology));
}

static void held_look(struct loop *loop, struct loop_timer *timer)
{
    struct session_loop *home = lv_container_of(timer, struct session_loop, held_timer);
    struct lv_list *it, *after;
    lv_list_each (it, after, &home->held) {
        struct session *s = lv_list_item(it, struct session, held_link);
        if (hold_goes_on(s))
            continue;
        hold_forget(s);
        s->was_held = true;
        s->held_until_ms = loop_now_ms(loop);
        session_go(s, STOP_HELD);
    }
    if (!lv_list_is_empty(&home->held))
        loop_timer_start(loop, timer, HELD_LOOK_MS);
}

/* --- input that waits, output that is not written --------------------------------------------- */

void session_count_deferred(struct session *s, size_t more, size_t less)
{
    s->deferred_bytes += more;
    lv_assert(s->deferred_bytes >= less);
    s->deferred_bytes -= less;
    if (s->deferred_bytes > DEFERRED_BYTES_HIGH)
        session_stop(s, STOP_DEFERRED);
    else if (s->deferred_bytes < DEFERRED_BYTES_LOW && s->stops & STOP_DEFERRED)
        session_go(s, STOP_DEFERRED);
}

void session_watch_output(struct session *s)
{
    size_t unwritten = net_unwritten(s->net);
    if (unwritten > ANSWER_BYTES_HIGH ||
        (unwritten > OUTPUT_BYTES_HIGH &&
         atomic_load_explicit(&s->server->broker->is_short_of_memory, memory_order_relaxed)))
        session_stop(s, STOP_OUTPUT);
}

/* --- alarms ----------------------------------------------------------------------------------- */

static const char *alarm_reason(unsigned alarms)
{
    bool is_disk = (alarms & (BROKER_ALARM_DISK | BROKER_ALARM_LOG)) != 0;
    if (alarms & BROKER_ALARM_STORE)
        return "the disk has failed: nothing persistent can be stored";
    if (alarms & BROKER_ALARM_MEMORY)
        return is_disk ? "low on disk & memory" : "low on memory";
    return "low on disk";
}

void session_block(struct session *s)
{
    struct session_loop *home = s->home;
    if (s->stops & STOP_ALARM || s->state != SESSION_RUNNING)
        return;
    session_stop(s, STOP_ALARM);
    lv_list_push(&home->blocked, &s->blocked_link);
    if (!loop_timer_is_running(&home->blocked_timer))
        loop_timer_start(home->loop, &home->blocked_timer, BLOCKED_LOOK_MS);
    if (s->frontend->blocked)
        s->frontend->blocked(s, alarm_reason(session_alarms(s)));
}

void session_unblock(struct session *s)
{
    lv_assert(s->stops & STOP_ALARM);
    lv_list_remove(&s->blocked_link);
    if (s->frontend->unblocked)
        s->frontend->unblocked(s);
    session_go(s, STOP_ALARM);
}

static bool session_holds_anything(const struct session *s)
{
    return s->frontend->holds_anything && s->frontend->holds_anything(s);
}

/* Checks whether the peer of a blocked session is still there. If the peer has closed the
 * connection, what it sent before is still executed once the alarm ends, unless the session holds
 * something that others wait for: then the session is closed now. If the peer seems to be there, a
 * probe is sent: should the peer have vanished without closing, its machine answers the probe with
 * a reset, which the next check sees. */
static void blocked_look_at(struct session *s)
{
    enum net_peer_state peer = net_look_at_peer(s->net);
    if (peer == NET_PEER_RESET || (peer == NET_PEER_ENDED && session_holds_anything(s)))
        net_close(s->net, false);
    else if (peer == NET_PEER_THERE && net_unwritten(s->net) == 0 && s->frontend->probe)
        s->frontend->probe(s);
}

static void blocked_look(struct loop *loop, struct loop_timer *timer)
{
    struct session_loop *home = lv_container_of(timer, struct session_loop, blocked_timer);
    struct lv_list *it, *after;
    lv_list_each (it, after, &home->blocked)
        blocked_look_at(lv_list_item(it, struct session, blocked_link));
    if (!lv_list_is_empty(&home->blocked))
        loop_timer_start(loop, timer, BLOCKED_LOOK_MS);
}

/* --- what listings show ----------------------------------------------------------------------- */

/* As in RabbitMQ, a session that was held is shown as such for a moment after: it may be held and
 * go on again many times a second. */
static bool is_in_flow(const struct session *s)
{
    enum { SHOWN_MS = 5000 };
    return s->stops & STOP_HELD ||
           (s->was_held && loop_now_ms(s->loop) - s->held_until_ms < SHOWN_MS);
}

const char *session_pressure_state(const struct session *s)
{
    if (s->stops & STOP_ALARM)
        return "blocked";
    if (alarms_hold(session_alarms(s)))
        return "blocking";
    return is_in_flow(s) ? "flow" : NULL;
}

/* --- beginning and end ------------------------------------------------------------------------ */

void session_go_for_good(struct session *s)
{
    hold_forget(s);
    lv_list_remove(&s->blocked_link);
    lv_list_remove(&s->next_turn_link);
    session_go(s, ~0u);
    lv_list_remove(&s->resumed_link);
}

void pressure_free(struct session_loop *home)
{
    loop_timer_stop(home->loop, &home->held_timer);
    loop_timer_stop(home->loop, &home->blocked_timer);
    loop_unschedule(home->loop, &home->resume);
    loop_job_stop(home->loop, &home->go_on);
}

void pressure_init(struct session_loop *home)
{
    lv_list_init(&home->held);
    lv_list_init(&home->blocked);
    lv_list_init(&home->resumed);
    lv_list_init(&home->next_turn);
    loop_job_init(&home->go_on, next_turn_go_on);
    loop_timer_init(&home->held_timer, held_look);
    loop_timer_init(&home->blocked_timer, blocked_look);
    loop_task_init(&home->resume, execute_resumed);
}
