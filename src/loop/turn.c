/* The turn of a loop. It ends in libuv's prepare phase, right before libuv polls:
 *
 *   poll: sockets, the wake-up       every callback begins with loop_enter()
 *   prepare: timers that are due
 *            mail that is in the box
 *            rounds: mail to itself, tasks, jobs (in the first), turn-end functions; mail is handed
 *                    over, sockets are written; again while there are new tasks or mail to itself,
 *                    at most ROUNDS_MAX times
 *            if nothing is left to do: RCU offline and a poll that sleeps; else one that does not
 *
 * Timers, mail and jobs have SHARE_NS each in a turn. The time is checked after every
 * TIMERS_PER_CLOCK_READ timers, MAILS_PER_CLOCK_READ mails, or slice of a job. The rest waits for
 * the next turn, which handles the sockets first. */
#include "base/counters.h"
#include "base/rcu.h"
#include "loop/loop_private.h"

/* --- work ------------------------------------------------------------------------------------- */

static bool jobs_run(struct loop *loop)
{
    struct loop_base *base = &loop->base;
    if (lv_list_is_empty(&base->jobs))
        return false;
    const uint64_t end_ns = share_end_ns(loop);
    do {
        struct loop_job *job = jobs_take(base);
        base->units_left = SLICE_UNITS;
        if (job->run(loop, job))
            loop_job_start(loop, job);
    } while (!lv_list_is_empty(&base->jobs) && uv_hrtime() < end_ns);
    base->units_left = 0;
    return true;
}

static bool has_tasks_or_own_mail(const struct loop *loop)
{
    return !lv_list_is_empty(&loop->base.tasks) || loop->own.first || loop->staged_mask;
}

static bool turn_has_work(const struct loop *loop)
{
    return has_tasks_or_own_mail(loop) || loop->taken.first || !lv_list_is_empty(&loop->base.jobs);
}

bool turn_work(struct loop *loop)
{
    bool any = mailbox_deliver(loop);
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        any |= mailbox_deliver_own(loop);
        any |= tasks_run(loop);
        if (round == 0)
            any |= jobs_run(loop);
        hooks_call(&loop->base.turn_end, loop);
        mailbox_hand_over(loop);
        if (loop->flush)
            loop->flush(loop);
        bool has_much_mail = loop->own.first != NULL; /* left for the next turn */
        if (has_much_mail || !has_tasks_or_own_mail(loop))
            break;
    }
    return any;
}

/* --- from one poll to the next ---------------------------------------------------------------- */

void loop_enter(struct loop *loop)
{
    if (loop->is_in_turn)
        return;
    lv_assert(loop_current() == loop);
    loop->is_in_turn = true;
    loop->turn_begun_ns = uv_hrtime();
    atomic_store_explicit(&loop->is_asleep, false, memory_order_relaxed);
    lv_rcu_online();
    clocks_read(loop);
    loop->base.units_left = TURN_UNITS;
}

static void idle_passed(uv_idle_t *idle)
{
    loop_enter(idle->data);
}

static void idle_set(struct loop *loop, bool must_run)
{
    if (must_run == loop->is_idle_running)
        return;
    loop->is_idle_running = must_run;
    if (must_run)
        uv_idle_start(&loop->idle, idle_passed); /* while it runs, libuv does not sleep */
    else
        uv_idle_stop(&loop->idle);
}

/* Returns true if nothing is left to do and every sender knows that the loop is about to sleep. */
static bool turn_fall_asleep(struct loop *loop)
{
    if (turn_has_work(loop))
        return false;
    atomic_store(&loop->is_asleep, true);
    if (!atomic_load(&loop->box))
        return true;
    atomic_store_explicit(&loop->is_asleep, false, memory_order_relaxed);
    return false;
}

static void turn_count(const struct loop *loop)
{
    if (!loop_is_counted(loop))
        return;
    uint64_t ns = uv_hrtime() - loop->turn_begun_ns;
    COUNT_NTH(turns_16us_1, doubling_bucket((ns + 15999) / 16000));
    COUNT_MANY(turn_ns, ns);
}

static void turn_end(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    loop_enter(loop);
    clocks_fire(loop);
    turn_work(loop);
    clocks_arm(loop);
    bool is_to_sleep = turn_fall_asleep(loop);
    idle_set(loop, !is_to_sleep);
    if (is_to_sleep)
        lv_rcu_offline();
    else
        lv_rcu_quiescent();
    loop->is_in_turn = false;
    turn_count(loop);
    if (atomic_load_explicit(&loop->base.set->must_stop, memory_order_acquire))
        uv_stop(&loop->uv);
}

static void wake_received(uv_async_t *wake)
{
    loop_enter(wake->data); /* the end of the turn empties the box */
}

void turn_init(struct loop *loop)
{
    must_succeed(uv_prepare_init(&loop->uv, &loop->prepare));
    must_succeed(uv_idle_init(&loop->uv, &loop->idle));
    must_succeed(uv_async_init(&loop->uv, &loop->wake, wake_received));
    loop->prepare.data = loop;
    loop->idle.data = loop;
    loop->wake.data = loop;
    must_succeed(uv_prepare_start(&loop->prepare, turn_end));
}

void loop_at_stop(struct loop *loop, void (*fn)(struct loop *loop))
{
    lv_assert(!loops_are_running(loop_set(loop)));
    hooks_add(&loop->at_stop, fn);
}

void loop_set_flush(struct loop *loop, void (*fn)(struct loop *loop))
{
    lv_assert(!loops_are_running(loop_set(loop)));
    lv_assert(!loop->flush);
    loop->flush = fn;
}
