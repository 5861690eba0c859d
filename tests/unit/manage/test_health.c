/* Health checks: their arguments, and their table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "manage/health.h"

static void a_port_is_a_number_up_to_65535(void **state)
{
    (void)state;
    uint16_t port = 7;
    assert_true(health_parse_port(slice_str("5672"), &port));
    assert_int_equal(port, 5672);
    assert_true(health_parse_port(slice_str("65535"), &port));
    static const char *const wrong[] = {
        "", "abc", "-1", "1x", " 1", "65536", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(health_parse_port(slice_str(wrong[i]), &port));
    assert_int_equal(port, 65535);
}

static void a_period_is_a_number_and_a_unit(void **state)
{
    (void)state;
    uint64_t s = 0;
    assert_null(health_parse_within(slice_str("2"), slice_str("days"), &s));
    assert_int_equal(s, 2 * 86400);
    assert_null(health_parse_within(slice_str("1"), slice_str("weeks"), &s));
    assert_int_equal(s, 7 * 86400);
    assert_null(health_parse_within(slice_str("1"), slice_str("months"), &s));
    assert_int_equal(s, 30 * 86400);
    assert_null(health_parse_within(slice_str("99999999999"), slice_str("years"), &s));
    assert_true(s < UINT64_MAX / 1000);
    assert_string_equal(health_parse_within(slice_str("x"), slice_str("days"), &s),
                        "Invalid expiration value.");
    assert_string_equal(health_parse_within(slice_str("1"), slice_str("day"), &s),
                        "Time unit not recognised. Supported units: days, weeks, months, years.");
}

static void every_check_is_found_by_its_name(void **state)
{
    (void)state;
    for (const struct health_check *c = health_checks; c->name; c++) {
        assert_ptr_equal(health_check_find(slice_str(c->name)), c);
        assert_non_null(c->help);
        assert_non_null(c->run);
    }
    assert_null(health_check_find(slice_str("nonsense")));
    assert_null(health_check_find(slice_str("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_is_a_number_up_to_65535),
        cmocka_unit_test(a_period_is_a_number_and_a_unit),
        cmocka_unit_test(every_check_is_found_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
