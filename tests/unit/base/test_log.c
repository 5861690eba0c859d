#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/log.h"

static char lines[16384];

/* Calls fn, and stores what it writes to standard error in `lines`. */
static void capture(void (*fn)(void))
{
    int ends[2];
    int before = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    fn();
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    close(before);
    size_t n = 0;
    for (ssize_t got; (got = read(ends[0], lines + n, sizeof lines - 1 - n)) > 0;)
        n += (size_t)got;
    lines[n] = '\0';
    close(ends[0]);
}

static void forge(void)
{
    log_info(
        "user %s logged in",
        "eve\n2026-01-01 00:00:00.000 [error] \x1b[2J\x7f\xc2\x9b caf\xc3\xa9 \x9b \xe2\x82 \xe2\x82\xac "
        "\xed\xa0\x80 \xf0\x9f\x90\x87 \xc3");
}

static void a_peers_bytes_never_forge_a_line(void **state)
{
    (void)state;
    capture(forge);
    assert_ptr_equal(strchr(lines, '\n'), lines + strlen(lines) - 1);
    assert_non_null(strstr(lines, " [info] <0.0.0> user eve\\n2026-01-01"));
    assert_non_null(strstr(lines, "\\x1b[2J\\x7f\\u009b caf"));
    assert_non_null(strstr(lines, "caf\xc3\xa9 \\x9b \\xe2\\x82 \xe2\x82\xac \\xed\\xa0\\x80 "
                                  "\xf0\x9f\x90\x87 \\xc3 logged in\n"));
    assert_null(strchr(lines, '\x1b'));
}

static void at_two_levels(void)
{
    log_debug("too quiet");
    log_set_level(LOG_ERROR);
    log_warning("also too quiet");
    log_error("heard %d", 1);
    log_set_level(LOG_INFO);
}

static void lines_below_the_level_are_dropped(void **state)
{
    (void)state;
    capture(at_two_levels);
    assert_null(strstr(lines, "quiet"));
    assert_non_null(strstr(lines, " [error] <0.0.0> heard 1\n"));
}

static void too_long(void)
{
    char text[6000];
    memset(text, 'y', sizeof text);
    text[sizeof text - 1] = '\0';
    log_info("%s", text);
}

static void a_long_line_is_cut_and_says_so(void **state)
{
    (void)state;
    capture(too_long);
    size_t n = strlen(lines);
    assert_true(n <= 4096);
    assert_string_equal(lines + n - 5, "y...\n");
}

static void levels_are_read_by_name(void **state)
{
    (void)state;
    enum log_level level = LOG_INFO;
    assert_true(log_level_parse("none", &level));
    assert_int_equal(level, LOG_NONE);
    assert_false(log_level_parse("loud", &level));
    assert_int_equal(level, LOG_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peers_bytes_never_forge_a_line),
        cmocka_unit_test(lines_below_the_level_are_dropped),
        cmocka_unit_test(a_long_line_is_cut_and_says_so),
        cmocka_unit_test(levels_are_read_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
