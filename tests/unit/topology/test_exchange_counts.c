/* What is published to an exchange: a counter for each loop, and the sums. */
#include "topology_world.h"

#include "topology/exchange_counts.h"

static void assert_counts(const struct exchange *x, uint64_t wanted_in, uint64_t wanted_out)
{
    uint64_t in = 99, out = 99;
    exchange_counts_read(x, &in, &out);
    assert_int_equal(in, wanted_in);
    assert_int_equal(out, wanted_out);
}

static void an_exchange_that_nobody_published_to_has_counted_nothing(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    assert_counts(world_exchange(&w, "x", "direct"), 0, 0);
    world_stop(&w);
}

static void each_loop_counts_by_itself_and_the_sums_are_of_all(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct exchange *x = world_exchange(&w, "x", "direct");
    struct exchange_counts *first = exchange_counts_of(x, loops_at(w.loops, 0));
    struct exchange_counts *second = exchange_counts_of(x, loops_at(w.loops, 1));
    assert_ptr_not_equal(first, second);
    assert_ptr_equal(exchange_counts_of(x, loops_at(w.loops, 0)), first);
    assert_ptr_equal(exchange_counts_of(x, loops_at(w.loops, 1)), second);
    exchange_count(first, 1);
    exchange_count(first, 0); /* it went nowhere */
    exchange_count(second, 10);
    assert_counts(x, 3, 11);
    assert_int_equal(first->in, 2);
    assert_int_equal(second->out, 10);
    world_stop(&w);
}

static void messages_for_no_queue_are_counted_apart(void **state)
{
    (void)state;
    struct world w;
    uint64_t returned, dropped;
    world_start(&w);
    struct exchange *x = world_exchange(&w, "x", "direct");
    exchange_unroutable_read(x, &returned, &dropped);
    assert_int_equal(returned + dropped, 0);
    exchange_count_unroutable(exchange_counts_of(x, loops_at(w.loops, 0)), true);
    exchange_count_unroutable(exchange_counts_of(x, loops_at(w.loops, 0)), false);
    exchange_count_unroutable(exchange_counts_of(x, loops_at(w.loops, 1)), false);
    exchange_unroutable_read(x, &returned, &dropped);
    assert_int_equal(returned, 1);
    assert_int_equal(dropped, 2);
    assert_counts(x, 0, 0);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exchange_that_nobody_published_to_has_counted_nothing),
        cmocka_unit_test(each_loop_counts_by_itself_and_the_sums_are_of_all),
        cmocka_unit_test(messages_for_no_queue_are_counted_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
