/* The settings of statistics: retentions from the keys that RabbitMQ has for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "leveretd/config_private.h"
#include "leveretd/said.h"
#include "leveretd/statistics_config.h"

static void retentions_are_sorted_by_how_far_they_reach(void **state)
{
    (void)state;
    struct config config = {.collect_statistics_ms = 1000, .disables_collector = true};
    struct statistics_settings settings;
    struct lv_buffer said = {0};
    config_pairs_put(&config.retention_global, "day", "1200", "f:1", false);
    config_pairs_put(&config.retention_global, "minute", "5", "f:2", false);
    config_pairs_put(&config.retention_global, "7200", "60", "f:3", false);
    assert_int_equal(statistics_config_check(&config, said_add, &said), 0);
    statistics_config_read(&config, &settings);
    assert_int_equal(settings.interval_ms, 1000);
    assert_true(settings.is_disabled);
    assert_int_equal(settings.global.count, 3);
    assert_int_equal(settings.global.levels[0].reach_s, 600);
    assert_int_equal(settings.global.levels[1].reach_s, 7200);
    assert_int_equal(settings.global.levels[1].step_s, 60);
    assert_int_equal(settings.global.levels[2].reach_s, 86400);
    assert_int_equal(settings.basic.count, 0); /* RabbitMQ's own */
    config_pairs_clear(&config.retention_global);
}

static void each_bad_retention_is_reported(void **state)
{
    (void)state;
    struct config config = {.collect_statistics_ms = 5000};
    struct lv_buffer said = {0};
    config_pairs_put(&config.retention_basic, "week", "5", "f:1", false);
    config_pairs_put(&config.retention_basic, "hour", "often", "f:2", false);
    config_pairs_put(&config.retention_basic, "60", "61", "f:3", false);
    assert_true(statistics_config_check(&config, said_add, &said) < 0);
    said_check(&said,
               "error: f:1: invalid value '5' for management.sample_retention_policies.basic.week: "
               "expected a key that ends with minute, hour, day or a number of seconds\n"
               "error: f:2: invalid value 'often' for "
               "management.sample_retention_policies.basic.hour: expected a number of seconds from "
               "1 to the age that the key names\n"
               "error: f:3: invalid value '61' for management.sample_retention_policies.basic.60: "
               "expected a number of seconds from 1 to the age that the key names\n");
    config_pairs_clear(&config.retention_basic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retentions_are_sorted_by_how_far_they_reach),
        cmocka_unit_test(each_bad_retention_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
