/* A spool: what is put in comes out, its producer waits only if it is full, and a cut ends all of
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/spool.h"

struct world {
    struct spool_budget budget;
    struct spool *spool;
    _Atomic unsigned woken;
    _Atomic bool is_made;
};

static void woken(void *arg)
{
    struct world *w = arg;
    atomic_fetch_add(&w->woken, 1);
}

static void begin(struct world *w)
{
    *w = (struct world){.spool = NULL};
    w->spool = spool_create(&w->budget, woken, w);
}

static void put_bytes(struct spool *s, size_t n)
{
    struct lv_buffer bytes = {0};
    memset(lv_buffer_reserve(&bytes, n), 'x', n);
    bytes.n = n;
    spool_put(s, &bytes);
    assert_null(bytes.p);
}

static void put_text(struct spool *s, const char *text)
{
    struct lv_buffer bytes = {0};
    lv_buffer_printf(&bytes, "%s", text);
    spool_put(s, &bytes);
}

static void what_is_put_comes_out_in_order(void **state)
{
    (void)state;
    struct world w;
    struct slice s;
    begin(&w);
    assert_false(spool_next(w.spool, &s));
    put_text(w.spool, "first");
    put_text(w.spool, "");
    put_text(w.spool, "second");
    assert_int_equal(w.woken, 2);
    assert_true(spool_next(w.spool, &s) && slice_is(s, "first"));
    spool_sent(w.spool, 2);
    assert_true(spool_next(w.spool, &s) && slice_is(s, "rst"));
    spool_sent(w.spool, 3);
    assert_true(spool_next(w.spool, &s) && slice_is(s, "second"));
    assert_int_equal(w.budget.bytes, 6);
    spool_free(&w.spool);
    assert_int_equal(w.budget.bytes, 0);
}

static void what_is_put_into_a_cut_spool_is_dropped(void **state)
{
    (void)state;
    struct world w;
    struct slice s;
    begin(&w);
    put_text(w.spool, "unsent");
    spool_cut(w.spool);
    put_text(w.spool, "more");
    assert_true(spool_is_cut(w.spool));
    assert_false(spool_next(w.spool, &s));
    assert_int_equal(w.budget.bytes, 0);
    spool_free(&w.spool);
}

static void *make_one_more(void *arg)
{
    struct world *w = arg;
    put_text(w->spool, "more");
    atomic_store(&w->is_made, true);
    return NULL;
}

/* Fills a spool, lets its producer wait with one more part, and calls `end`, which ends the wait.
 */
static void wait_until(void (*end)(struct spool *s), bool is_kept)
{
    struct world w;
    pthread_t producer;
    begin(&w);
    put_bytes(w.spool, SPOOL_BYTES_MAX + 1);
    assert_int_equal(pthread_create(&producer, NULL, make_one_more, &w), 0);
    end(w.spool);
    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_true(w.is_made);
    assert_int_equal(spool_is_cut(w.spool), !is_kept);
    spool_free(&w.spool);
}

static void send_two(struct spool *s)
{
    spool_sent(s, 2);
}

static void the_producer_of_a_full_spool_continues_when_some_is_sent(void **state)
{
    (void)state;
    wait_until(send_two, true);
}

static void the_producer_of_a_full_spool_continues_when_the_client_is_gone(void **state)
{
    (void)state;
    wait_until(spool_cut, false);
}

static void the_producer_of_a_full_spool_continues_when_it_may_not_wait(void **state)
{
    (void)state;
    wait_until(spool_never_wait, false);
}

static void a_spool_is_full_earlier_once_all_spools_together_hold_much(void **state)
{
    (void)state;
    struct world w;
    begin(&w);
    spool_never_wait(w.spool); /* so that waiting shows as a cut */
    atomic_store(&w.budget.bytes, SPOOL_BUDGET_BYTES);
    put_bytes(w.spool, SPOOL_BYTES_FREE);
    put_bytes(w.spool, 1);
    assert_false(spool_is_cut(w.spool));
    put_bytes(w.spool, 1);
    assert_true(spool_is_cut(w.spool));
    spool_free(&w.spool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_comes_out_in_order),
        cmocka_unit_test(what_is_put_into_a_cut_spool_is_dropped),
        cmocka_unit_test(the_producer_of_a_full_spool_continues_when_some_is_sent),
        cmocka_unit_test(the_producer_of_a_full_spool_continues_when_the_client_is_gone),
        cmocka_unit_test(the_producer_of_a_full_spool_continues_when_it_may_not_wait),
        cmocka_unit_test(a_spool_is_full_earlier_once_all_spools_together_hold_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
