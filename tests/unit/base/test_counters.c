/* Counters: each thread counts for itself; totals are over all threads, including those that have
 * ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/counters.h"

static uint64_t total_queued(void)
{
    struct counters c;
    counters_read(&c);
    return c.queued;
}

static void *queue_five(void *arg)
{
    (void)arg;
    counters_register();
    for (unsigned i = 0; i < 5; i++)
        COUNT(queued);
    counters_unregister();
    return NULL;
}

static void run(void *(*fn)(void *arg), void *arg)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void counts_of_a_thread_outlive_it(void **state)
{
    (void)state;
    uint64_t before = total_queued();
    run(queue_five, NULL);
    assert_int_equal(total_queued(), before + 5);
    run(queue_five, NULL);
    assert_int_equal(total_queued(), before + 10);
}

static void each_thread_has_counters_of_its_own_and_totals_are_of_all(void **state)
{
    (void)state;
    counters_register();
    uint64_t before = total_queued();
    COUNT_MANY(queued, 3);
    assert_int_equal(total_queued(), before + 3);
    run(queue_five, NULL);
    assert_int_equal(counters_here.queued, 3);
    assert_int_equal(total_queued(), before + 8);
    counters_unregister();
    assert_int_equal(counters_here.queued, 0);
    assert_int_equal(total_queued(), before + 8);
}

static void counts_of_an_unregistered_thread_are_not_in_the_totals(void **state)
{
    (void)state;
    uint64_t before = total_queued();
    COUNT(queued);
    assert_int_equal(total_queued(), before);
    counters_here.queued = 0;
}

/* --- read while they count -------------------------------------------------------------------- */

struct busy {
    _Atomic bool has_begun, is_to_end;
    uint64_t counted;
};

static void *count_on(void *arg)
{
    struct busy *b = arg;
    counters_register();
    while (!atomic_load(&b->is_to_end)) {
        COUNT(queued);
        b->counted++;
        atomic_store(&b->has_begun, true);
    }
    counters_unregister();
    return NULL;
}

static void totals_never_fall_while_threads_count_and_end(void **state)
{
    (void)state;
    enum { THREADS = 3, LOOKS = 2000 };
    struct busy busy[THREADS] = {0};
    pthread_t threads[THREADS];
    uint64_t before = total_queued(), last = before, counted = 0;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_on, &busy[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        while (!atomic_load(&busy[i].has_begun))
            continue;
    for (unsigned i = 0; i < LOOKS; i++) {
        if (i % (LOOKS / THREADS) == 0)
            atomic_store(&busy[i / (LOOKS / THREADS) % THREADS].is_to_end, true);
        uint64_t now = total_queued();
        assert_true(now >= last);
        last = now;
    }
    for (unsigned i = 0; i < THREADS; i++) {
        atomic_store(&busy[i].is_to_end, true);
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        counted += busy[i].counted;
    }
    assert_int_equal(total_queued(), before + counted);
}

static void every_counter_has_a_name_and_an_offset(void **state)
{
    (void)state;
    struct counters c = {.published = 1, .given_up_expired = 2, .queues_deleted = 3};
    uint64_t found[4] = {0};
    for (size_t i = 0; i < COUNTER_KINDS; i++) {
        assert_true(strlen(counter_kinds[i].name) > 0);
        assert_true(strlen(counter_kinds[i].help) > 0);
        uint64_t n = counter_of(&c, &counter_kinds[i]);
        if (n > 0)
            found[n] = i + 1;
    }
    assert_string_equal(counter_kinds[found[1] - 1].name, "published");
    assert_string_equal(counter_kinds[found[2] - 1].name, "given_up_expired");
    assert_string_equal(counter_kinds[found[3] - 1].name, "queues_deleted");
}

static void count_nth_counts_the_nth_of_a_row_of_counters(void **state)
{
    (void)state;
    counters_here = (struct counters){0};
    COUNT_NTH(given_up_rejected, 0);
    COUNT_NTH(given_up_rejected, 3);
    COUNT_NTH(given_up_rejected, 3);
    assert_int_equal(counters_here.given_up_rejected, 1);
    assert_int_equal(counters_here.given_up_delivery_limit, 2);
    counters_here = (struct counters){0};
}

static void totals_are_sums_of_what_is_counted_in_detail(void **state)
{
    (void)state;
    struct counters before, after;
    counters_register();
    counters_read(&before);
    COUNT_NTH(published_to_100, 0);
    COUNT_NTH(published_to_100, SIZE_BUCKETS - 1);
    COUNT_NTH(confirmed_ms_1, DOUBLING_BUCKETS - 1);
    COUNT_NTH_MANY(acked_classic, 1, 5);
    counters_read(&after);
    assert_int_equal(after.published - before.published, 2);
    assert_int_equal(after.confirmed - before.confirmed, 1);
    assert_int_equal(after.acked - before.acked, 5);
    counters_unregister();
}

static void sizes_are_counted_in_the_bucket_of_the_next_bound(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SIZE_BUCKETS - 1; i++) {
        assert_int_equal(size_bucket(size_bounds[i]), i);
        assert_int_equal(size_bucket(size_bounds[i] + 1), i + 1);
    }
    assert_int_equal(size_bucket(0), 0);
    assert_int_equal(size_bucket(UINT64_MAX), SIZE_BUCKETS - 1);
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t size = UINT64_C(1) << bit;
        unsigned bucket = size_bucket(size);
        assert_true(bucket == SIZE_BUCKETS - 1 || size <= size_bounds[bucket]);
        assert_true(bucket == 0 || size > size_bounds[bucket - 1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_of_a_thread_outlive_it),
        cmocka_unit_test(each_thread_has_counters_of_its_own_and_totals_are_of_all),
        cmocka_unit_test(counts_of_an_unregistered_thread_are_not_in_the_totals),
        cmocka_unit_test(totals_never_fall_while_threads_count_and_end),
        cmocka_unit_test(every_counter_has_a_name_and_an_offset),
        cmocka_unit_test(count_nth_counts_the_nth_of_a_row_of_counters),
        cmocka_unit_test(totals_are_sums_of_what_is_counted_in_detail),
        cmocka_unit_test(sizes_are_counted_in_the_bucket_of_the_next_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
