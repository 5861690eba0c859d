/* The heap of timers, and the functions of loop.h on a loop's two heaps: one by loop_now_ms(), and
 * one of patient timers by loop_patient_ms(). */
#include "loop/timers.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "loop/loop_base.h"

/* Returns true if a running timer is in this heap. If it is not, it belongs to another loop, or was
 * copied. */
static bool timer_is_in(const struct timers *timers, const struct loop_timer *timer)
{
    return timer->heap_at <= timers->count && timers->at[timer->heap_at] == timer;
}

static void timer_put(struct timers *timers, size_t at, struct loop_timer *timer)
{
    timers->at[at] = timer;
    timer->heap_at = at;
}

static void timer_sift_up(struct timers *timers, struct loop_timer *timer)
{
    size_t at = timer->heap_at;
    while (at > 1 && timers->at[at / 2]->deadline_ms > timer->deadline_ms) {
        timer_put(timers, at, timers->at[at / 2]);
        at /= 2;
    }
    timer_put(timers, at, timer);
}

static void timer_sift_down(struct timers *timers, struct loop_timer *timer)
{
    size_t at = timer->heap_at;
    for (;;) {
        size_t child = at * 2;
        if (child > timers->count)
            break;
        if (child < timers->count &&
            timers->at[child + 1]->deadline_ms < timers->at[child]->deadline_ms)
            child++;
        if (timers->at[child]->deadline_ms >= timer->deadline_ms)
            break;
        timer_put(timers, at, timers->at[child]);
        at = child;
    }
    timer_put(timers, at, timer);
}

static void timer_append(struct timers *timers, struct loop_timer *timer)
{
    if (timers->count + 1 >= timers->capacity) {
        timers->capacity = timers->capacity ? timers->capacity * 2 : 32;
        timers->at = lv_realloc(timers->at, timers->capacity * sizeof(*timers->at));
        timers->at[0] = NULL;
    }
    timers->count++;
    timer_put(timers, timers->count, timer);
}

void timers_start(struct timers *timers, struct loop_timer *timer, uint64_t deadline_ms)
{
    timer->deadline_ms = deadline_ms;
    if (timer->heap_at == 0)
        timer_append(timers, timer);
    else
        lv_assert(timer_is_in(timers, timer));
    timer_sift_up(timers, timer);
    timer_sift_down(timers, timer);
}

void timers_stop(struct timers *timers, struct loop_timer *timer)
{
    size_t at = timer->heap_at;
    if (at == 0)
        return;
    lv_assert(timer_is_in(timers, timer));
    struct loop_timer *last = timers->at[timers->count];
    timers->count--;
    timer->heap_at = 0;
    if (last == timer)
        return;
    timer_put(timers, at, last);
    timer_sift_up(timers, last);
    timer_sift_down(timers, last);
}

bool timers_next(const struct timers *timers, uint64_t *ret_deadline_ms)
{
    if (timers->count == 0)
        return false;
    *ret_deadline_ms = timers->at[1]->deadline_ms;
    return true;
}

size_t timers_fire(struct timers *timers, struct loop *loop, uint64_t now_ms, size_t most)
{
    size_t fired = 0;
    if (most > timers->count)
        most = timers->count;
    while (fired < most && timers->count > 0 && timers->at[1]->deadline_ms <= now_ms) {
        struct loop_timer *timer = timers->at[1];
        timers_stop(timers, timer);
        timer->fn(loop, timer);
        fired++;
    }
    return fired;
}

void timers_free(struct timers *timers)
{
    free(timers->at);
    *timers = (struct timers){0};
}

/* --- a loop's timers -------------------------------------------------------------------------- */

void loop_timer_init(struct loop_timer *timer, void (*fn)(struct loop *, struct loop_timer *))
{
    *timer = (struct loop_timer){.fn = fn};
}

void loop_timer_init_patient(struct loop_timer *timer,
                             void (*fn)(struct loop *, struct loop_timer *))
{
    *timer = (struct loop_timer){.fn = fn, .is_patient = true};
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms)
{
    struct loop_base *base = loop_base(loop);
    loop_assert_home(loop);
    lv_assert(timer->fn != NULL);
    if (timer->is_patient)
        timers_start(&base->patient, timer, loop_patient_ms(loop) + delay_ms);
    else
        timers_start(&base->timers, timer, loop_now_ms(loop) + delay_ms);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    struct loop_base *base = loop_base(loop);
    loop_assert_home(loop);
    timers_stop(timer->is_patient ? &base->patient : &base->timers, timer);
}
