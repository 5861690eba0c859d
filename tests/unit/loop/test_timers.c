#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "loop/loop.h"
#include "loop/timers.h"

enum { TIMERS = 200, STEPS = 20000 };

struct world {
    struct timers timers;
    struct loop_timer timer[TIMERS];
    bool fired[TIMERS];
    uint64_t fired_deadline;
    uint32_t random;
};

static struct world w;

static uint32_t random_below(uint32_t n)
{
    w.random = w.random * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)w.random * n) >> 32);
}

static void fired(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    size_t i = (size_t)(timer - w.timer);
    assert_int_equal(timer->heap_at, 0);
    assert_true(timer->deadline_ms >= w.fired_deadline); /* in order */
    w.fired_deadline = timer->deadline_ms;
    assert_false(w.fired[i]);
    w.fired[i] = true;
}

static void exactly_the_due_timers_fire_in_order(void **state)
{
    (void)state;
    w.random = 7;
    uint64_t now_ms = 0;
    for (unsigned i = 0; i < TIMERS; i++)
        loop_timer_init(&w.timer[i], fired);
    for (unsigned step = 0; step < STEPS; step++) {
        struct loop_timer *timer = &w.timer[random_below(TIMERS)];
        if (random_below(4) == 0)
            timers_stop(&w.timers, timer);
        else
            timers_start(&w.timers, timer, now_ms + random_below(1000));
        if (random_below(8) > 0)
            continue;
        bool due[TIMERS];
        bool any = false;
        now_ms += random_below(50);
        for (unsigned i = 0; i < TIMERS; i++) {
            due[i] = loop_timer_is_running(&w.timer[i]) && w.timer[i].deadline_ms <= now_ms;
            any |= due[i];
            w.fired[i] = false;
        }
        w.fired_deadline = 0;
        assert_int_equal(timers_fire(&w.timers, NULL, now_ms, SIZE_MAX) > 0, any);
        for (unsigned i = 0; i < TIMERS; i++)
            assert_int_equal(w.fired[i], due[i]);
        uint64_t next_ms;
        if (timers_next(&w.timers, &next_ms))
            assert_true(next_ms > now_ms);
    }
    timers_free(&w.timers);
}

static struct timers again_timers;
static unsigned again_count;

static void again(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    again_count++;
    timers_start(&again_timers, timer, timer->deadline_ms);
}

static void a_timer_that_restarts_itself_at_once_does_not_hold_up_the_turn(void **state)
{
    (void)state;
    struct loop_timer timer;
    loop_timer_init(&timer, again);
    timers_start(&again_timers, &timer, 5);
    assert_int_equal(timers_fire(&again_timers, NULL, 10, SIZE_MAX), 1);
    assert_int_equal(again_count, 1);
    assert_true(loop_timer_is_running(&timer));
    timers_stop(&again_timers, &timer);
    timers_stop(&again_timers, &timer);
    assert_int_equal(timers_fire(&again_timers, NULL, 10, SIZE_MAX), 0);
    timers_free(&again_timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_the_due_timers_fire_in_order),
        cmocka_unit_test(a_timer_that_restarts_itself_at_once_does_not_hold_up_the_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
