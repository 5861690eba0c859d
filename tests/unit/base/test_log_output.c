/* Several outputs: levels, a sink that fails, one that is replaced; the lines kept in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/log_output.h"
#include "base/log_tail.h"

enum { SLOT = 3 };

/* A sink that keeps the first lines that it is given. The test reads it under the lock. */
struct heard {
    pthread_mutex_t lock;
    char text[65536];
    size_t n;
    bool refuses, is_freed;
    unsigned reopened;
};

static bool heard_put(void *sink, const struct log_record *record)
{
    struct heard *h = sink;
    pthread_mutex_lock(&h->lock);
    bool takes = !h->refuses;
    size_t room = takes ? sizeof h->text - h->n : 0;
    int n = snprintf(h->text + h->n, room, "%s %.*s\n", log_category_name(record->category),
                     SLICE_ARG(record->text));
    if (n > 0 && (size_t)n < room)
        h->n += (size_t)n;
    else if (takes)
        h->text[h->n] = '\0'; /* it is full: lines are dropped */
    pthread_mutex_unlock(&h->lock);
    return takes;
}

static bool heard_flush(void *sink)
{
    (void)sink;
    return true;
}

static void heard_reopen(void *sink)
{
    struct heard *h = sink;
    pthread_mutex_lock(&h->lock);
    h->reopened++;
    pthread_mutex_unlock(&h->lock);
}

static void heard_free(void *sink)
{
    struct heard *h = sink;
    pthread_mutex_lock(&h->lock);
    h->is_freed = true;
    pthread_mutex_unlock(&h->lock);
}

static const struct log_sink_ops heard_ops = {
    .put = heard_put, .flush = heard_flush, .reopen = heard_reopen, .free = heard_free};

static void nap(void)
{
    const struct timespec millisecond = {0, 1000000};
    nanosleep(&millisecond, NULL);
}

static bool has_heard(struct heard *h, const char *what)
{
    pthread_mutex_lock(&h->lock);
    bool has = strstr(h->text, what) != NULL;
    pthread_mutex_unlock(&h->lock);
    return has;
}

static bool is_freed(struct heard *h)
{
    pthread_mutex_lock(&h->lock);
    bool is = h->is_freed;
    pthread_mutex_unlock(&h->lock);
    return is;
}

static void set_refuses(struct heard *h, bool refuses)
{
    pthread_mutex_lock(&h->lock);
    h->refuses = refuses;
    pthread_mutex_unlock(&h->lock);
}

static struct log_output_levels levels_of(unsigned level)
{
    struct log_output_levels levels;
    memset(levels.of, (int)level, sizeof levels.of);
    return levels;
}

static void stop(void)
{
    while (!log_thread_stop())
        ;
}

static struct heard *begin(enum log_level level)
{
    struct heard *h = calloc(1, sizeof *h);
    struct log_output_levels levels = levels_of(level), quiet = levels_of(LOG_LEFT_OUT);
    pthread_mutex_init(&h->lock, NULL);
    log_output_set_levels(LOG_OUTPUT_CONSOLE, &quiet);
    log_output_set(SLOT, "a test", &heard_ops, h, &levels);
    log_thread_start();
    return h;
}

static void each_output_takes_its_categories_and_levels(void **state)
{
    (void)state;
    struct heard *h = begin(LOG_WARNING);
    struct log_output_levels levels = levels_of(LOG_WARNING);
    levels.of[LOG_ABOUT_CHANNEL] = LOG_DEBUG;
    levels.of[LOG_ABOUT_QUEUE] = LOG_LEFT_OUT;
    log_output_set_levels(SLOT, &levels);
    assert_false(log_is_on(LOG_ABOUT_DEFAULT, LOG_INFO));
    assert_true(log_is_on(LOG_ABOUT_DEFAULT, LOG_WARNING));
    assert_true(log_is_on(LOG_ABOUT_CHANNEL, LOG_DEBUG));
    assert_false(log_is_on(LOG_ABOUT_QUEUE, LOG_CRITICAL));
    log_set_level(LOG_ERROR); /* what is left out stays so */
    assert_false(log_is_on(LOG_ABOUT_QUEUE, LOG_CRITICAL));
    assert_false(log_is_on(LOG_ABOUT_CHANNEL, LOG_WARNING));
    log_set_category_level(LOG_ABOUT_CHANNEL, LOG_INFO);
#undef LOG_CATEGORY
#define LOG_CATEGORY LOG_ABOUT_CHANNEL
    log_info("heard");
    log_debug("not %s", "heard");
#undef LOG_CATEGORY
#define LOG_CATEGORY LOG_ABOUT_DEFAULT
    log_warning("not heard either");
    stop();
    assert_string_equal(h->text, "channel heard\n");
    assert_true(is_freed(h));
    free(h);
}

static void arguments_of_a_line_that_is_not_logged_are_not_evaluated(void **state)
{
    unsigned evaluated = 0;
    (void)state;
    struct log_output_levels quiet = levels_of(LOG_ERROR);
    log_output_set_levels(LOG_OUTPUT_CONSOLE, &quiet);
    log_info("%u", ++evaluated);
    assert_int_equal(evaluated, 0);
}

static void lines_wait_while_a_sink_refuses_them(void **state)
{
    (void)state;
    struct heard *h = begin(LOG_INFO);
    set_refuses(h, true);
    for (unsigned i = 0; i < 10; i++)
        log_info("line %u", i);
    nap();
    assert_false(has_heard(h, "line"));
    set_refuses(h, false);
    while (!has_heard(h, "line 9"))
        nap();
    stop();
    assert_string_equal(h->text, "default line 0\ndefault line 1\ndefault line 2\ndefault line 3\n"
                                 "default line 4\ndefault line 5\ndefault line 6\ndefault line 7\n"
                                 "default line 8\ndefault line 9\n");
    free(h);
}

static void an_output_is_replaced_and_ended_while_lines_come(void **state)
{
    (void)state;
    struct heard *first = begin(LOG_INFO), *second = calloc(1, sizeof *second);
    struct log_output_levels levels = levels_of(LOG_INFO);
    pthread_mutex_init(&second->lock, NULL);
    log_info("for the first");
    while (!has_heard(first, "for the first"))
        nap();
    log_output_set(SLOT, "a test", &heard_ops, second, &levels);
    while (!is_freed(first))
        nap();
    log_info("for the second");
    while (!has_heard(second, "for the second"))
        nap();
    log_outputs_reopen();
    log_output_clear(SLOT);
    while (!is_freed(second))
        nap();
    assert_int_equal(second->reopened, 1);
    assert_false(log_is_on(LOG_ABOUT_DEFAULT, LOG_CRITICAL));
    stop();
    assert_false(has_heard(first, "second"));
    free(first);
    free(second);
}

static void a_thread_keeps_its_lines_from_an_output(void **state)
{
    (void)state;
    struct heard *h = begin(LOG_INFO);
    log_output_shun(SLOT, true);
    log_info("not heard");
    log_output_shun(SLOT, false);
    log_info("heard");
    stop();
    assert_string_equal(h->text, "default heard\n");
    free(h);
}

/* --- the last lines --------------------------------------------------------------------------- */

static void count_wake(void *arg)
{
    ++*(unsigned *)arg;
}

static void the_last_lines_are_kept(void **state)
{
    static struct log_tail_reader reader;
    struct log_record record;
    char text[64];
    unsigned woken = 0;
    (void)state;
    struct heard *h = begin(LOG_INFO);
    set_refuses(h, true); /* whatever becomes of the outputs */
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(text, sizeof text, "line %u of many", i);
        log_info("%s", text);
    }
    log_tail_begin(&reader, 3);
    for (unsigned i = 9997; i < 10000; i++) {
        assert_int_equal(log_tail_next(&reader, 0, &record), LOG_TAIL_LINE);
        snprintf(text, sizeof text, "line %u of many", i);
        assert_true(slice_is(record.text, text));
    }
    assert_int_equal(log_tail_next(&reader, 1, &record), LOG_TAIL_NONE);
    log_tail_set_wake(count_wake, &woken);
    log_info("one more");
    log_tail_set_wake(NULL, NULL);
    assert_int_equal(woken, 1);
    assert_int_equal(log_tail_next(&reader, 1000, &record), LOG_TAIL_LINE);
    assert_true(slice_is(record.text, "one more"));
    log_tail_begin(&reader, UINT64_MAX);
    assert_int_equal(log_tail_next(&reader, 0, &record), LOG_TAIL_LINE);
    for (unsigned i = 0; i < 10000; i++)
        log_info("%s", "what overwrites all that was kept");
    assert_int_equal(log_tail_next(&reader, 0, &record), LOG_TAIL_LOST);
    assert_int_equal(log_tail_next(&reader, 0, &record), LOG_TAIL_LINE);
    set_refuses(h, false);
    stop();
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_output_takes_its_categories_and_levels),
        cmocka_unit_test(arguments_of_a_line_that_is_not_logged_are_not_evaluated),
        cmocka_unit_test(lines_wait_while_a_sink_refuses_them),
        cmocka_unit_test(an_output_is_replaced_and_ended_while_lines_come),
        cmocka_unit_test(a_thread_keeps_its_lines_from_an_output),
        cmocka_unit_test(the_last_lines_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
