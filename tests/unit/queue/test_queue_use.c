/* The part of the time in which a queue could deliver, on a simulated clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue/queue_use.h"

static void assert_near(double value, double expected)
{
    assert_true(value > expected - 0.02 && value < expected + 0.02);
}

static void a_queue_that_never_waited_for_a_consumer_is_fully_used(void **state)
{
    (void)state;
    struct queue_use use;
    queue_use_init(&use, 5000);
    assert_near(queue_use_average(&use, 5000), 1);
    assert_near(queue_use_average(&use, 99000), 1);
}

static void a_long_wait_brings_the_average_down_to_0(void **state)
{
    (void)state;
    struct queue_use use;
    queue_use_init(&use, 0);
    queue_use_set(&use, true, 0);
    assert_near(queue_use_average(&use, 1000), 0.368); /* 1/e of before */
    queue_use_set(&use, true, 3000);                   /* still */
    assert_near(queue_use_average(&use, 10000), 0);
    queue_use_set(&use, false, 10000);
    assert_near(queue_use_average(&use, 11000), 0.632);
    assert_near(queue_use_average(&use, 30000), 1);
}

static void turns_shorter_than_the_clock_can_tell_add_up(void **state)
{
    (void)state;
    struct queue_use use;
    queue_use_init(&use, 0);
    for (uint64_t ms = 0; ms < 20000; ms++) { /* a quarter of it starved */
        queue_use_set(&use, ms % 4 == 0, ms);
        queue_use_set(&use, ms % 4 == 0, ms);
    }
    assert_near(queue_use_average(&use, 20000), 0.75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_that_never_waited_for_a_consumer_is_fully_used),
        cmocka_unit_test(a_long_wait_brings_the_average_down_to_0),
        cmocka_unit_test(turns_shorter_than_the_clock_can_tell_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
