#include "loop/timers.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "loop/loop_base.h"

static void place(struct timers *timers, size_t at, struct loop_timer *timer)
{
    timers->at[at] = timer;
    timer->heap_at = at;
}

static void sift_up(struct timers *timers, struct loop_timer *timer)
{
    size_t at = timer->heap_at;
    while (at > 1 && timers->at[at / 2]->deadline_ms > timer->deadline_ms) {
        place(timers, at, timers->at[at / 2]);
        at /= 2;
    }
    place(timers, at, timer);
}

static void sift_down(struct timers *timers, struct loop_timer *timer)
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
        place(timers, at, timers->at[child]);
        at = child;
    }
    place(timers, at, timer);
}

static void append(struct timers *timers, struct loop_timer *timer)
{
    if (timers->count + 1 >= timers->capacity) {
        timers->capacity = timers->capacity ? timers->capacity * 2 : 32;
        timers->at = lv_realloc(timers->at, timers->capacity * sizeof(*timers->at));
        timers->at[0] = NULL;
    }
    timers->count++;
    place(timers, timers->count, timer);
}

void timers_start(struct timers *timers, struct loop_timer *timer, uint64_t deadline_ms)
{
    timer->deadline_ms = deadline_ms;
    if (timer->heap_at == 0)
        append(timers, timer);
    sift_up(timers, timer);
    sift_down(timers, timer);
}

void timers_stop(struct timers *timers, struct loop_timer *timer)
{
    size_t at = timer->heap_at;
    if (at == 0)
        return;
    lv_assert(timers->at[at] == timer);
    struct loop_timer *last = timers->at[timers->count];
    timers->count--;
    timer->heap_at = 0;
    if (last == timer)
        return;
    place(timers, at, last);
    sift_up(timers, last);
    sift_down(timers, last);
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
    if (timer->is_patient)
        timers_start(&base->patient, timer, loop_patient_ms(loop) + delay_ms);
    else
        timers_start(&base->timers, timer, loop_now_ms(loop) + delay_ms);
}

void loop_timer_stop(struct loop *loop, struct loop_timer *timer)
{
    struct loop_base *base = loop_base(loop);
    timers_stop(timer->is_patient ? &base->patient : &base->timers, timer);
}
