/* The clocks of a loop, read once a turn, and its timers: those that are due are fired, and libuv
 * is set to wake the loop for the next one. */
#include "base/clock.h"
#include "loop/loop_private.h"

enum {
    PULSE_MS = 500,  /* the longest sleep while a patient timer runs */
    STALL_MS = 1000, /* this much between two turns: the loop stood still */
    TIMERS_PER_CLOCK_READ = 32,
};

/* --- clocks ----------------------------------------------------------------------------------- */

void clocks_read(struct loop *loop)
{
    uint64_t since_ms = uv_now(&loop->uv) - loop->now_ms;
    bool was_stalled = since_ms >= STALL_MS && loop->base.patient.count > 0;
    loop->now_ms += since_ms;
    loop->patient_ms += was_stalled ? 0 : since_ms;
    loop->steady_ms = loops_steady_ms(loop->base.set);
}

uint64_t loop_patient_ms(const struct loop *loop)
{
    return loop->patient_ms;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->now_ms;
}

uint64_t loop_steady_ms(const struct loop *loop)
{
    return loop->steady_ms;
}

uint64_t loop_wall_ms(const struct loop *loop)
{
    (void)loop;
    return clock_wall_ms();
}

uint64_t loop_wall_of_steady(const struct loop *loop, uint64_t steady_ms)
{
    return steady_ms + (loop_wall_ms(loop) - loop->steady_ms);
}

/* --- timers ----------------------------------------------------------------------------------- */

/* Fires timers that are due, as far as there is time. */
static void clocks_fire_from(struct loop *loop, struct timers *timers, uint64_t now_ms)
{
    size_t most = timers->count, fired;
    const uint64_t end_ns = most > TIMERS_PER_CLOCK_READ ? share_end_ns(loop) : 0;
    do {
        size_t now = most < TIMERS_PER_CLOCK_READ ? most : TIMERS_PER_CLOCK_READ;
        fired = timers_fire(timers, loop, now_ms, now);
        most -= fired;
    } while (fired == TIMERS_PER_CLOCK_READ && most > 0 && uv_hrtime() < end_ns);
}

void clocks_fire(struct loop *loop)
{
    clocks_fire_from(loop, &loop->base.timers, loop->now_ms);
    clocks_fire_from(loop, &loop->base.patient, loop->base.polled_ms);
    loop->base.polled_ms = loop->patient_ms;
}

static void timer_fired(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    loop->armed_ms = 0;
    loop_enter(loop); /* the end of the turn fires the timers */
}

/* Returns when the loop must wake up at the latest; UINT64_MAX if no timer runs. While a patient
 * timer runs it is at most PULSE_MS from now: otherwise a long sleep would look like a stall. */
static uint64_t wake_ms(const struct loop *loop)
{
    uint64_t earliest_ms = UINT64_MAX, patient_ms;
    timers_next(&loop->base.timers, &earliest_ms);
    if (!timers_next(&loop->base.patient, &patient_ms))
        return earliest_ms;
    uint64_t latest_ms = patient_ms + (loop->now_ms - loop->patient_ms);
    if (latest_ms > loop->now_ms + PULSE_MS)
        latest_ms = loop->now_ms + PULSE_MS;
    return earliest_ms < latest_ms ? earliest_ms : latest_ms;
}

void clocks_arm(struct loop *loop)
{
    uint64_t deadline_ms = wake_ms(loop);
    if (deadline_ms == UINT64_MAX || (loop->armed_ms != 0 && loop->armed_ms <= deadline_ms))
        return; /* a wake-up too early does no harm */
    loop->armed_ms = deadline_ms;
    uint64_t now_ms = uv_now(&loop->uv);
    uint64_t delay_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    must_succeed(uv_timer_start(&loop->timer, timer_fired, delay_ms, 0));
}

void clocks_init(struct loop *loop)
{
    must_succeed(uv_timer_init(&loop->uv, &loop->timer));
    loop->timer.data = loop;
    clocks_read(loop);
}
