/* The log's thread: lines are written, nobody waits for it, dropped lines are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"

enum { MANY = 8000 }; /* more lines than a ring and a pipe hold */

static int standard_error;
static int reader;
static char text[2 * 1024 * 1024];
static size_t text_bytes;

/* Makes standard error a pipe; what is read from it is collected in `text`. */
static int take_standard_error(void **state)
{
    int ends[2];
    (void)state;
    text_bytes = 0;
    standard_error = dup(STDERR_FILENO);
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
        return -1;
    close(ends[1]);
    reader = ends[0];
    return 0;
}

static int give_standard_error_back(void **state)
{
    (void)state;
    dup2(standard_error, STDERR_FILENO);
    close(standard_error);
    close(reader);
    return 0;
}

/* Returns where `what` is, from `from` on; NULL if it is not there. */
static const char *find(const char *from, const char *what)
{
    return memmem(from, text_bytes - (size_t)(from - text), what, strlen(what));
}

static void read_some(void)
{
    ssize_t got = read(reader, text + text_bytes, sizeof text - text_bytes);
    assert_true(got > 0);
    text_bytes += (size_t)got;
}

static void read_until(const char *what)
{
    while (!find(text, what))
        read_some();
}

/* Reads everything that is in the pipe now. */
static void read_what_is_there(void)
{
    fcntl(reader, F_SETFL, O_NONBLOCK);
    for (ssize_t got; (got = read(reader, text + text_bytes, sizeof text - text_bytes)) > 0;)
        text_bytes += (size_t)got;
}

/* However slow the machine, it ends. */
static void stop(void)
{
    while (!log_thread_stop())
        ;
}

static size_t count(const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = find(p, what)); p++)
        n++;
    return n;
}

/* Lines that are not counted as repeated. */
static void say_many(unsigned from, unsigned to)
{
    char line[64];
    for (unsigned i = from; i < to; i++) {
        snprintf(line, sizeof line, "line %06u of many, each of them different", i);
        log_info("%s", line);
    }
}

static void lines_come_out_in_the_order_in_which_they_went_in(void **state)
{
    (void)state;
    log_thread_start();
    for (unsigned i = 0; i < MANY; i += 500) { /* what the ring holds */
        char last[16];
        say_many(i, i + 500);
        snprintf(last, sizeof last, "line %06u", i + 499);
        read_until(last);
    }
    log_line(LOG_WARNING, "the last");
    read_until("the last\n");
    stop();
    const char *p = text;
    for (unsigned i = 0; i < MANY; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "line %06u", i);
        p = find(p, "line ");
        assert_non_null(p);
        assert_memory_equal(p, expected, 11);
        p++;
    }
    assert_int_equal(count("dropped"), 0);
}

static void lines_that_a_stalled_reader_does_not_take_are_dropped_and_counted(void **state)
{
    unsigned dropped = 0;
    (void)state;
    log_thread_start();
    say_many(0, MANY); /* while nobody reads: a ring and a pipe hold a fraction */
    read_until("log lines were dropped");
    say_many(MANY, MANY + 10);
    read_until("line 008009");
    stop();
    const char *said = find(text, "[warning] <0.0.0> ");
    assert_non_null(said);
    for (const char *p = said + strlen("[warning] <0.0.0> "); *p != ' '; p++)
        dropped = *p == ',' ? dropped : dropped * 10 + (unsigned)(*p - '0');
    assert_true(dropped > 0);
    assert_int_equal(count("line 0") + dropped, MANY + 10);
    assert_int_equal(count("dropped"), 1);
    assert_true(find(text, "line 008000") > said);
}

static void repeated_lines_are_collapsed_by_site(void **state)
{
    char expected[128];
    (void)state;
    log_thread_start();
    for (unsigned i = 0; i < 5000; i++)
        log_warning("peer %u is refused", 1000 + i);
    log_warning("something else");
    read_until("... ");
    read_until("more like this");
    stop();
    read_what_is_there();
    assert_int_equal(count("something else\n"), 1);
    assert_non_null(find(text, "[warning] <0.0.0> peer 1000 is refused\n"));
    assert_non_null(find(text, "peer 1019 is refused\n"));
    snprintf(expected, sizeof expected, "peer %u is refused", 1000 + LOG_LINES_A_SECOND);
    assert_non_null(find(text, expected)); /* as the sample */
    assert_true(count("refused\n") < 500); /* however slow the machine */
}

static void kinds_of_a_site_are_collapsed_apart(void **state)
{
    (void)state;
    log_thread_start();
    for (unsigned i = 0; i < 100; i++)
        log_line_of(LOG_ERROR, 404, "refused with %u", 404);
    log_line_of(LOG_ERROR, 403, "refused with %u", 403);
    stop();
    read_what_is_there();
    assert_int_equal(count("[error] <0.0.0> refused with 403\n"), 1);
    assert_true(count("refused with 404") < 100);
}

static void what_is_collapsed_is_counted_when_the_log_ends(void **state)
{
    unsigned more = 0, shown;
    (void)state;
    log_thread_start();
    for (unsigned i = 0; i < 3020; i++)
        log_info("again");
    stop();
    read_what_is_there();
    for (const char *p = text; (p = find(p, "... ")); p++) {
        unsigned n = 0;
        for (const char *q = p + 4; *q != ' '; q++)
            n = *q == ',' ? n : n * 10 + (unsigned)(*q - '0');
        more += n;
    }
    shown = (unsigned)(count("[info] <0.0.0> again\n"));
    assert_true(more > 0);
    assert_int_equal(shown + more, 3020);
    log_info("and direct again");
    read_what_is_there();
    assert_int_equal(count("and direct again"), 1);
}

static void the_end_does_not_wait_for_a_stalled_reader(void **state)
{
    (void)state;
    log_thread_start();
    say_many(0, MANY);
    assert_false(log_thread_stop());
    read_until("log lines were dropped"); /* and the thread ends by itself */
    stop();
}

static void a_panic_comes_after_the_lines_that_wait(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* AddressSanitizer would report it as a fault */
        log_thread_start();
        say_many(0, 100);
        lv_assert_failed("x > 0", "file.c", 7, "function");
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
    read_what_is_there();
    const char *last = find(text, "line 000099");
    assert_non_null(last);
    assert_non_null(find(last, "leveret: assertion failed: x > 0, in function() at file.c:7\n"));
}

int main(void)
{
#define LOG_TEST(name)                                                                             \
    cmocka_unit_test_setup_teardown(name, take_standard_error, give_standard_error_back)
    const struct CMUnitTest tests[] = {
        LOG_TEST(a_panic_comes_after_the_lines_that_wait), /* forks: before there are threads */
        LOG_TEST(lines_come_out_in_the_order_in_which_they_went_in),
        LOG_TEST(lines_that_a_stalled_reader_does_not_take_are_dropped_and_counted),
        LOG_TEST(repeated_lines_are_collapsed_by_site),
        LOG_TEST(kinds_of_a_site_are_collapsed_apart),
        LOG_TEST(what_is_collapsed_is_counted_when_the_log_ends),
        LOG_TEST(the_end_does_not_wait_for_a_stalled_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
