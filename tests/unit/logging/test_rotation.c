/* When a log file is rotated by the date. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "logging/rotation.h"

static int use_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
    return 0;
}

static int use_utc(void **state)
{
    (void)state;
    return use_zone("UTC");
}

/* Reads "2026-12-01 01:07:40". */
static int64_t us_of(const char *text)
{
    struct tm tm = {.tm_isdst = -1};
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
    return (int64_t)mktime(&tm) * 1000000;
}

static void expect_next(const char *notation, const char *from, const char *expected)
{
    struct rotation_date date;
    assert_true(rotation_date_parse(notation, &date));
    assert_int_equal(rotation_next_us(&date, us_of(from)), us_of(expected));
}

static void every_period_has_its_next_time(void **state)
{
    (void)state; /* 2026-12-01 is a Tuesday */
    expect_next("$D0", "2026-12-01 01:07:40", "2026-12-02 00:00:00");
    expect_next("$D23", "2026-12-01 01:07:40", "2026-12-01 23:00:00");
    expect_next("$D23", "2026-12-31 23:00:00", "2027-01-01 23:00:00");
    expect_next("$H30", "2026-12-01 01:07:40", "2026-12-01 01:30:00");
    expect_next("$H0", "2026-12-31 23:00:01", "2027-01-01 00:00:00");
    expect_next("$W0", "2026-12-01 01:07:40", "2026-12-06 00:00:00");
    expect_next("$W5D16", "2026-12-04 15:59:59", "2026-12-04 16:00:00");
    expect_next("$W5D16", "2026-12-04 16:00:00", "2026-12-11 16:00:00");
    expect_next("$M1D0", "2026-12-01 01:07:40", "2027-01-01 00:00:00");
    expect_next("$M31D6", "2027-02-03 00:00:00", "2027-02-28 06:00:00");
    expect_next("$M31", "2028-02-03 00:00:00", "2028-02-29 00:00:00");
}

static void a_day_with_another_length_is_still_a_day(void **state)
{
    (void)state;
    use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    expect_next("$D0", "2026-03-29 01:30:00", "2026-03-30 00:00:00");
    expect_next("$D0", "2026-10-25 01:30:00", "2026-10-26 00:00:00");
    struct rotation_date date; /* the hour from 2 to 3 comes twice: each has its minute 0 */
    assert_true(rotation_date_parse("$H0", &date));
    int64_t at = us_of("2026-10-25 00:30:00");
    for (unsigned i = 0; i < 30; i++) {
        int64_t next = rotation_next_us(&date, at);
        assert_in_range(next - at, 1, 2 * 3600 * (int64_t)1000000);
        at = next;
    }
}

static void without_a_date_it_is_never(void **state)
{
    struct rotation_date date;
    (void)state;
    assert_true(rotation_date_parse("", &date));
    assert_int_equal(rotation_next_us(&date, 1), INT64_MAX);
}

static void what_is_no_date_is_refused(void **state)
{
    static const char *const bad[] = {"$",    "D0",    "$D24",  "$D",   "$D0x",
                                      "$W7",  "$M0",   "$M32",  "$H60", "$X1",
                                      "$D-1", "$D0D1", "$H1D1", "0",    "$W1D24"};
    struct rotation_date date = {ROTATION_DAILY};
    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(rotation_date_parse(bad[i], &date));
        assert_int_equal(date.period, ROTATION_DAILY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_period_has_its_next_time, use_utc),
        cmocka_unit_test(a_day_with_another_length_is_still_a_day),
        cmocka_unit_test_setup(without_a_date_it_is_never, use_utc),
        cmocka_unit_test_setup(what_is_no_date_is_refused, use_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
