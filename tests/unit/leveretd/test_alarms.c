#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "leveretd/alarms.h"

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
    return alarms_decide(&limits, &r);
}

static void an_alarm_is_on_beyond_its_limit_and_not_at_it(void **state)
{
    (void)state;
    assert_int_equal(decide(0, 90000), 0);
    assert_int_equal(decide(1000, 50), 0);
    assert_int_equal(decide(1001, 50), BROKER_ALARM_MEMORY);
    assert_int_equal(decide(1000, 49), BROKER_ALARM_DISK);
    assert_int_equal(decide(5000, 0), BROKER_ALARM_MEMORY | BROKER_ALARM_DISK);
}

static void of_what_is_free_between_what_is_used_half_counts(void **state)
{
    (void)state;
    struct alarm_readings r = readings(1200, 90000);
    r.spare_bytes = 400 * (uint64_t)MB;
    assert_int_equal(alarms_memory_in_use(&r), 1000 * (uint64_t)MB);
    assert_int_equal(alarms_decide(&limits, &r), 0);
    assert_int_equal(alarms_next_look_ms(&limits, &r), ALARM_PERIOD_MS_MIN);
    r.spare_bytes -= 2;
    assert_int_equal(alarms_decide(&limits, &r), BROKER_ALARM_MEMORY);
    r.spare_bytes = UINT64_MAX;
    assert_int_equal(alarms_memory_in_use(&r), 0);
}

static void what_cannot_be_read_raises_no_alarm(void **state)
{
    struct alarm_readings r = {.memory_bytes = UINT64_MAX, .disk_free_bytes = 0};
    (void)state;
    assert_int_equal(alarms_decide(&limits, &r), 0);
    assert_int_equal(alarms_next_look_ms(&limits, &r), ALARM_PERIOD_MS_MAX);
}

static uint64_t next_look(uint64_t memory_mb, uint64_t disk_mb)
{
    struct alarm_readings r = readings(memory_mb, disk_mb);
    return alarms_next_look_ms(&limits, &r);
}

static void looks_come_faster_the_closer_a_limit_is(void **state)
{
    struct alarm_limits far = {.memory_bytes = UINT64_C(1) << 40, .disk_free_bytes = 0};
    struct alarm_readings r = readings(10, 100000);
    (void)state;
    assert_int_equal(alarms_next_look_ms(&far, &r), ALARM_PERIOD_MS_MAX);
    assert_int_equal(next_look(999, 100000), ALARM_PERIOD_MS_MIN);
    assert_int_equal(next_look(10, 51), ALARM_PERIOD_MS_MIN);
    assert_true(next_look(500, 100000) > next_look(800, 100000));
    assert_true(next_look(10, 900) > next_look(10, 300));
    assert_true(next_look(10, 100000) < ALARM_PERIOD_MS_MAX);
}

static void while_an_alarm_is_on_looks_come_fast(void **state)
{
    (void)state;
    assert_int_equal(next_look(9000, 100000), ALARM_PERIOD_MS_MIN);
    assert_int_equal(next_look(10, 1), ALARM_PERIOD_MS_MIN);
}

static void limits_are_shares_of_the_memory_unless_absolute(void **state)
{
    struct config *config = config_create();
    struct alarm_limits l;
    (void)state;
    config->memory_relative = 0.5;
    config->memory_bytes = CONFIG_NONE;
    config->disk_free_relative = 0;
    config->disk_free_bytes = 7;
    alarms_limits_of(config, 1000, &l);
    assert_int_equal(l.memory_bytes, 500);
    assert_int_equal(l.disk_free_bytes, 7);

    config->memory_bytes = 123;
    config->disk_free_relative = 2;
    alarms_limits_of(config, 1000, &l);
    assert_int_equal(l.memory_bytes, 123);
    assert_int_equal(l.disk_free_bytes, 2000);

    config->disk_free_relative = 1000;
    alarms_limits_of(config, UINT64_MAX, &l);
    assert_int_equal(l.disk_free_bytes, INT64_MAX);
    config_free(&config);
}

static void statm_says_how_much_is_resident(void **state)
{
    uint64_t bytes = 1;
    (void)state;
    assert_true(alarms_parse_statm(slice_str("1234 567 89 1 0 2 0\n"), 4096, &bytes));
    assert_int_equal(bytes, 567 * 4096);
    assert_false(alarms_parse_statm(slice_str(""), 4096, &bytes));
    assert_false(alarms_parse_statm(slice_str("1234"), 4096, &bytes));
    assert_false(alarms_parse_statm(slice_str("1234 x"), 4096, &bytes));
    assert_false(alarms_parse_statm(slice_str("1 99999999999999999999 1"), 4096, &bytes));
    assert_int_equal(bytes, 567 * 4096);
}

static void a_group_limit_is_a_number_or_none(void **state)
{
    uint64_t bytes = 1;
    (void)state;
    assert_true(alarms_parse_group_limit(slice_str("536870912\n"), &bytes));
    assert_int_equal(bytes, 536870912);
    assert_false(alarms_parse_group_limit(slice_str("max\n"), &bytes));
    assert_false(alarms_parse_group_limit(slice_str("9223372036854771712\n"), &bytes));
    assert_false(alarms_parse_group_limit(SLICE_EMPTY, &bytes));
    assert_int_equal(bytes, 536870912);
}

static void the_memory_group_is_found_in_either_version(void **state)
{
    struct slice path;
    bool is_v1;
    (void)state;
    assert_true(
        alarms_parse_group_path(slice_str("0::/system.slice/leveret.service\n"), &path, &is_v1));
    assert_true(slice_is(path, "/system.slice/leveret.service"));
    assert_false(is_v1);

    assert_true(alarms_parse_group_path(
        slice_str("12:cpu,cpuacct:/a\n5:hugetlb,memory:/docker/1:2\n0::/b\n"), &path, &is_v1));
    assert_true(slice_is(path, "/docker/1:2"));
    assert_true(is_v1);

    assert_false(alarms_parse_group_path(slice_str("3:cpu:/a\n2:memory2:/b\n"), &path, &is_v1));
    assert_false(alarms_parse_group_path(SLICE_EMPTY, &path, &is_v1));
}

static void there_is_memory(void **state)
{
    (void)state;
    assert_true(alarms_total_memory() > 16 * (uint64_t)MB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alarm_is_on_beyond_its_limit_and_not_at_it),
        cmocka_unit_test(of_what_is_free_between_what_is_used_half_counts),
        cmocka_unit_test(what_cannot_be_read_raises_no_alarm),
        cmocka_unit_test(looks_come_faster_the_closer_a_limit_is),
        cmocka_unit_test(while_an_alarm_is_on_looks_come_fast),
        cmocka_unit_test(limits_are_shares_of_the_memory_unless_absolute),
        cmocka_unit_test(statm_says_how_much_is_resident),
        cmocka_unit_test(a_group_limit_is_a_number_or_none),
        cmocka_unit_test(the_memory_group_is_found_in_either_version),
        cmocka_unit_test(there_is_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
