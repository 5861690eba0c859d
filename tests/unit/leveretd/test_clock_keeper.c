#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "leveretd/clock_keeper.h"

enum { HOUR = 3600000 };

static const struct clock_reading last = {
    .steady_ms = 100 * HOUR, .wall_ms = 200 * HOUR, .up_ms = 10 * HOUR, .boot = "this"};

static uint64_t continued(uint64_t wall_h, uint64_t up_h, const char *boot)
{
    struct clock_reading now = {.wall_ms = wall_h * HOUR, .up_ms = up_h * HOUR};
    snprintf(now.boot, sizeof now.boot, "%s", boot);
    return clock_continue(&last, &now) / HOUR;
}

static void a_new_data_directory_begins_with_the_wall_clocks_time(void **state)
{
    (void)state;
    const struct clock_reading now = {.wall_ms = 7 * HOUR, .up_ms = 1};
    assert_int_equal(clock_continue(NULL, &now), 7 * HOUR);
}

static void without_a_reboot_the_uptime_tells_how_much_time_has_passed(void **state)
{
    (void)state;
    assert_int_equal(continued(201, 11, "this"), 101);
    assert_int_equal(continued(300, 11, "this"), 101); /* the wall clock was set forward */
    assert_int_equal(continued(150, 11, "this"), 101); /* ... or back */
}

static void after_a_reboot_the_wall_clock_tells_how_much_time_has_passed(void **state)
{
    (void)state;
    assert_int_equal(continued(205, 1, "other"), 105);
    assert_int_equal(continued(150, 1, "other"), 100); /* never backwards */
    assert_int_equal(continued(205, 1, "this"), 105);  /* the same boot id, but less uptime */
    struct clock_reading unknown = last, now = {.wall_ms = 205 * HOUR, .up_ms = 11 * HOUR};
    unknown.boot[0] = '\0';
    assert_int_equal(clock_continue(&unknown, &now), 105 * HOUR);
}

static void the_steady_clock_continues_from_where_a_stopped_broker_left_it(void **state)
{
    (void)state;
    char dir[] = "/tmp/clock-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct loops *loops = loops_create(1);
    struct clock_keeper *keeper = clock_keeper_create(dir, loops);
    loops_set_steady(loops,
                     clock_wall_ms() - 50 * HOUR); /* as if the wall clock had been set forward */
    uint64_t before_ms = loops_steady_ms(loops);
    clock_keeper_begin(keeper);
    clock_keeper_end(&keeper);
    assert_null(keeper);
    loops_free(&loops);

    loops = loops_create(1);
    assert_true(loops_steady_ms(loops) > before_ms + 49 * HOUR);
    keeper = clock_keeper_create(dir, loops);
    assert_in_range(loops_steady_ms(loops), before_ms, before_ms + HOUR);
    clock_keeper_end(&keeper);
    loops_free(&loops);
    char path[sizeof dir + sizeof "/clock"];
    snprintf(path, sizeof path, "%s/clock", dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_data_directory_begins_with_the_wall_clocks_time),
        cmocka_unit_test(without_a_reboot_the_uptime_tells_how_much_time_has_passed),
        cmocka_unit_test(after_a_reboot_the_wall_clock_tells_how_much_time_has_passed),
        cmocka_unit_test(the_steady_clock_continues_from_where_a_stopped_broker_left_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
