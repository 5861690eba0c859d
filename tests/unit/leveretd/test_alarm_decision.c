#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/broker.h"
#include "leveretd/alarm_decision.h"

enum { MB = 1000 * 1000 };

static const struct alarm_limits limits = {.memory_bytes = 1000 * (uint64_t)MB,
                                           .disk_free_bytes = 50 * (uint64_t)MB};

static struct alarm_readings readings(uint64_t memory_mb, uint64_t disk_mb)
{
    return (struct alarm_readings){.memory_bytes = memory_mb * MB,
                                   .disk_free_bytes = disk_mb * MB,
                                   .has_memory = true,
                                   .has_disk = true};
}

static unsigned decide(uint64_t memory_mb, uint64_t disk_mb)
{
    struct alarm_readings r = readings(memory_mb, disk_mb);
    return alarm_decide(&limits, &r);
}

static void an_alarm_is_on_beyond_its_limit_but_not_at_it(void **state)
{
    (void)state;
    assert_int_equal(decide(0, 90000), 0);
    assert_int_equal(decide(1000, 50), 0);
    assert_int_equal(decide(1001, 50), BROKER_ALARM_MEMORY);
    assert_int_equal(decide(1000, 49), BROKER_ALARM_DISK);
    assert_int_equal(decide(5000, 0), BROKER_ALARM_MEMORY | BROKER_ALARM_DISK);
}

static void memory_is_short_above_three_quarters_of_its_limit(void **state)
{
    (void)state;
    assert_false(alarm_memory_is_short(&limits, 750 * (uint64_t)MB));
    assert_true(alarm_memory_is_short(&limits, 750 * (uint64_t)MB + 1));
}

static void half_of_the_spare_memory_counts_as_in_use(void **state)
{
    (void)state;
    struct alarm_readings r = readings(1200, 90000);
    r.spare_bytes = 400 * (uint64_t)MB;
    assert_int_equal(alarm_memory_in_use(&r), 1000 * (uint64_t)MB);
    assert_int_equal(alarm_decide(&limits, &r), 0);
    assert_int_equal(alarm_next_check_ms(&limits, &r), ALARM_PERIOD_MS_MIN);
    r.spare_bytes -= 2;
    assert_int_equal(alarm_decide(&limits, &r), BROKER_ALARM_MEMORY);
    r.spare_bytes = UINT64_MAX;
    assert_int_equal(alarm_memory_in_use(&r), 0);
}

static void what_cannot_be_read_raises_no_alarm(void **state)
{
    (void)state;
    struct alarm_readings r = {.memory_bytes = UINT64_MAX, .disk_free_bytes = 0};
    assert_int_equal(alarm_decide(&limits, &r), 0);
    assert_int_equal(alarm_next_check_ms(&limits, &r), ALARM_PERIOD_MS_MAX);
}

static uint64_t next_check(uint64_t memory_mb, uint64_t disk_mb)
{
    struct alarm_readings r = readings(memory_mb, disk_mb);
    return alarm_next_check_ms(&limits, &r);
}

static void checks_are_more_frequent_close_to_a_limit(void **state)
{
    (void)state;
    struct alarm_limits far = {.memory_bytes = UINT64_C(1) << 40, .disk_free_bytes = 0};
    struct alarm_readings r = readings(10, 100000);
    assert_int_equal(alarm_next_check_ms(&far, &r), ALARM_PERIOD_MS_MAX);
    assert_int_equal(next_check(999, 100000), ALARM_PERIOD_MS_MIN);
    assert_int_equal(next_check(10, 51), ALARM_PERIOD_MS_MIN);
    assert_true(next_check(500, 100000) > next_check(800, 100000));
    assert_true(next_check(10, 900) > next_check(10, 300));
    assert_true(next_check(10, 100000) < ALARM_PERIOD_MS_MAX);
}

static void checks_are_frequent_while_an_alarm_is_on(void **state)
{
    (void)state;
    assert_int_equal(next_check(9000, 100000), ALARM_PERIOD_MS_MIN);
    assert_int_equal(next_check(10, 1), ALARM_PERIOD_MS_MIN);
}

static void limits_are_shares_of_the_memory_unless_absolute(void **state)
{
    (void)state;
    struct config *config = config_create();
    config->memory_relative = 0.5;
    config->memory_bytes = CONFIG_NONE;
    config->disk_free_relative = 0;
    config->disk_free_bytes = 7;
    struct alarm_limits l;
    alarm_limits_of(config, 1000, &l);
    assert_int_equal(l.memory_bytes, 500);
    assert_int_equal(l.disk_free_bytes, 7);

    config->memory_bytes = 123;
    config->disk_free_relative = 2;
    alarm_limits_of(config, 1000, &l);
    assert_int_equal(l.memory_bytes, 123);
    assert_int_equal(l.disk_free_bytes, 2000);

    config->disk_free_relative = 1000;
    alarm_limits_of(config, UINT64_MAX, &l);
    assert_int_equal(l.disk_free_bytes, INT64_MAX);
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alarm_is_on_beyond_its_limit_but_not_at_it),
        cmocka_unit_test(memory_is_short_above_three_quarters_of_its_limit),
        cmocka_unit_test(half_of_the_spare_memory_counts_as_in_use),
        cmocka_unit_test(what_cannot_be_read_raises_no_alarm),
        cmocka_unit_test(checks_are_more_frequent_close_to_a_limit),
        cmocka_unit_test(checks_are_frequent_while_an_alarm_is_on),
        cmocka_unit_test(limits_are_shares_of_the_memory_unless_absolute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
