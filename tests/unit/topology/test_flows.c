/* Flows are counted while somebody looks, by each loop for itself. */
#include "topology_world.h"

#include "topology/flows.h"

enum { SEEN_MAX = 8 };

struct seen {
    size_t count;
    struct {
        char exchange[16], queue[16];
        uint64_t count;
        double rate;
    } flows[SEEN_MAX];
};

static void see(void *arg, const struct flow_seen *flow)
{
    struct seen *s = arg;
    assert_true(s->count < SEEN_MAX);
    size_t at = s->count++;
    snprintf(s->flows[at].exchange, 16, "%.*s", SLICE_ARG(flow->exchange));
    snprintf(s->flows[at].queue, 16, "%.*s", SLICE_ARG(flow->queue));
    s->flows[at].count = flow->count;
    s->flows[at].rate = flow->rate;
}

static struct seen look(struct world *w, uint64_t now_ms)
{
    struct seen s = {0};
    assert_int_equal(flows_read(w->vhost, now_ms, see, &s), 0);
    return s;
}

static void count(struct world *w, unsigned loop, const char *queue, unsigned times)
{
    while (times-- > 0)
        flows_count_one(loops_at(w->loops, loop), w->vhost, slice_str("x"), slice_str(queue));
}

static void nothing_is_counted_before_somebody_looks(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    assert_false(vhost_is_watched(w.vhost));
    assert_int_equal(look(&w, loops_steady_ms(w.loops)).count, 0);
    assert_true(vhost_is_watched(w.vhost));
    world_stop(&w);
}

static void the_loops_counts_are_summed_up_and_rates_follow(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    uint64_t now_ms = loops_steady_ms(w.loops);
    look(&w, now_ms);
    count(&w, 0, "q", 3);
    count(&w, 1, "q", 7);
    struct seen s = look(&w, now_ms + 2000);
    assert_int_equal(s.count, 1);
    assert_string_equal(s.flows[0].exchange, "x");
    assert_string_equal(s.flows[0].queue, "q");
    assert_int_equal(s.flows[0].count, 10);
    assert_true(s.flows[0].rate == 5.0);
    for (unsigned i = 1; i <= 10; i++) /* nothing more comes: the rate ends */
        s = look(&w, now_ms + 2000 + i * 1000);
    assert_int_equal(s.flows[0].count, 10);
    assert_true(s.flows[0].rate == 0.0);
    world_stop(&w);
}

static void counting_ends_when_nobody_looks_any_longer(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    look(&w, loops_steady_ms(w.loops) - FLOWS_LOOK_MS); /* that long ago */
    count(&w, 0, "q", 1);
    assert_false(vhost_is_watched(w.vhost));
    assert_int_equal(look(&w, loops_steady_ms(w.loops)).count, 0);
    count(&w, 0, "q", 1);
    assert_int_equal(look(&w, loops_steady_ms(w.loops)).count, 1);
    world_stop(&w);
}

static void see_one(void *count, const struct flow_seen *flow)
{
    (void)flow;
    ++*(size_t *)count;
}

static void what_finds_no_room_is_counted_together(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    look(&w, loops_steady_ms(w.loops));
    for (unsigned i = 0; i < FLOWS_A_LOOP_MAX + 2; i++) {
        char name[16];
        snprintf(name, sizeof name, "q%u", i);
        count(&w, 0, name, 1);
    }
    size_t seen = 0;
    assert_int_equal(flows_read(w.vhost, loops_steady_ms(w.loops), see_one, &seen), 2);
    assert_int_equal(seen, FLOWS_A_LOOP_MAX);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_counted_before_somebody_looks),
        cmocka_unit_test(the_loops_counts_are_summed_up_and_rates_follow),
        cmocka_unit_test(counting_ends_when_nobody_looks_any_longer),
        cmocka_unit_test(what_finds_no_room_is_counted_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
