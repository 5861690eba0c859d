/* Statistics of real loops, under a clock that moves only when told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/error.h"
#include "manage/manage_world.h"
#include "queue/queue_private.h"

#define S(text) slice_str(text)

static const struct statistics_settings basic = {.rates_mode = RATES_BASIC};

static const struct statistics_range minute = {
    .of = {[STATISTIC_LENGTHS] = {60, 5}, [STATISTIC_MESSAGES] = {60, 5}}};

static void assert_figures(const struct statistics_answer *a, enum statistic which, uint64_t value,
                           double rate)
{
    assert_true(a->of[which].is_known);
    assert_int_equal(a->of[which].value, value);
    assert_true(a->of[which].rate == rate);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_rate_is_that_of_the_last_interval(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    world_begin(&w, basic);
    world_tick(&w);
    uint64_t id = world_declare(&w, "q");
    assert_false(statistics_queue(w.m.statistics, id, NULL, &a));
    world_publish(&w, "q", 10);
    world_tick(&w);
    assert_true(statistics_queue(w.m.statistics, id, NULL, &a));
    assert_figures(&a, STATISTIC_messages, 10, 2);
    assert_figures(&a, STATISTIC_messages_ready, 10, 2);
    assert_figures(&a, STATISTIC_publish, 10, 2);
    assert_figures(&a, STATISTIC_deliver_get, 0, 0);
    assert_true(a.has_published);
    assert_false(a.has_delivered);
    assert_false(a.of[STATISTIC_recv_oct].is_known);
    world_tick(&w);
    assert_true(statistics_queue(w.m.statistics, id, NULL, &a));
    assert_figures(&a, STATISTIC_publish, 10, 0);
    world_end(&w);
}

static void samples_are_newest_first_and_averaged(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    world_begin(&w, basic);
    world_tick(&w);
    uint64_t id = world_declare(&w, "q");
    world_publish(&w, "q", 26);
    world_tick(&w);
    /* a sample is taken at a multiple of its step, which is past by then */
    world_pass(WORLD_TICK_MS);
    assert_true(statistics_queue(w.m.statistics, id, &minute, &a));
    const struct statistic_answer *published = &a.of[STATISTIC_publish];
    assert_int_equal(a.samples[STATISTIC_MESSAGES].count, 13);
    assert_int_equal(a.samples[STATISTIC_MESSAGES].newest_ms % 5000, 0);
    assert_int_equal(published->samples[0], 26);
    assert_int_equal(published->samples[2], 0);
    assert_int_equal(published->samples[12], 0);
    assert_true(published->avg == 26.0 / 13 || published->avg == 2 * 26.0 / 13);
    assert_true(published->avg_rate == 26.0 / 60);
    assert_null(a.of[STATISTIC_recv_oct].samples);
    statistics_answer_free(&a);
    world_end(&w);
}

static void vhosts_and_the_node_have_sums(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    world_begin(&w, basic);
    world_declare(&w, "one");
    world_declare(&w, "two");
    world_publish(&w, "one", 3);
    world_publish(&w, "two", 4);
    world_tick(&w);
    assert_true(statistics_vhost(w.m.statistics, S("/"), &minute, &a));
    assert_int_equal(a.of[STATISTIC_messages].value, 7);
    statistics_answer_free(&a);
    assert_true(statistics_overview(w.m.statistics, &actor_cli, NULL, &a));
    assert_int_equal(a.of[STATISTIC_messages].value, 7);
    assert_true(a.of[STATISTIC_queue_created].value >= 2);
    assert_true(statistics_exchange(w.m.statistics, S("/"), S(""), NULL, &a));
    assert_int_equal(a.of[STATISTIC_publish_in].value, 7);
    assert_int_equal(a.of[STATISTIC_publish_out].value, 7);
    assert_false(statistics_vhost(w.m.statistics, S("none"), NULL, &a));
    world_end(&w);
}

/* What a queue has from the last run is no news, and sums without it would be wrong. */
static void until_a_queue_is_restored_it_has_no_figures_and_sums_wait_for_it(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    world_begin(&w, basic);
    world_tick(&w);
    uint64_t id = world_declare(&w, "old"), other = world_declare(&w, "new");
    world_publish(&w, "old", 10);
    world_publish(&w, "new", 3);
    struct queue *q = queue_find(w.vhost, S("old"));
    q->is_restoring = true;
    world_tick(&w);
    assert_false(statistics_queue(w.m.statistics, id, NULL, &a));
    assert_true(statistics_queue(w.m.statistics, other, NULL, &a));
    assert_true(statistics_vhost(w.m.statistics, S("/"), NULL, &a));
    assert_figures(&a, STATISTIC_messages, 0, 0);
    q->is_restoring = false;
    world_tick(&w);
    assert_true(statistics_queue(w.m.statistics, id, NULL, &a));
    assert_figures(&a, STATISTIC_messages, 10, 0);
    assert_true(statistics_vhost(w.m.statistics, S("/"), NULL, &a));
    assert_figures(&a, STATISTIC_messages, 13, 1.3);
    world_end(&w);
}

static void what_a_vhosts_ended_channels_have_counted_remains(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    world_begin(&w, basic);
    vhost_count_ended(w.vhost, &(struct vhost_ended_counts){.channels = {.publish = 5, .ack = 2},
                                                            .received_bytes = 300,
                                                            .sent_bytes = 400});
    world_tick(&w);
    assert_true(statistics_vhost(w.m.statistics, S("/"), NULL, &a));
    assert_int_equal(a.of[STATISTIC_publish].value, 5);
    assert_int_equal(a.of[STATISTIC_ack].value, 2);
    assert_int_equal(a.of[STATISTIC_recv_oct].value, 300);
    assert_int_equal(a.of[STATISTIC_send_oct].value, 400);
    world_end(&w);
}

static void a_deleted_queue_is_forgotten(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    uint64_t dropped;
    world_begin(&w, basic);
    uint64_t id = world_declare(&w, "q");
    world_tick(&w);
    assert_true(statistics_queue(w.m.statistics, id, NULL, &a));
    const struct queue_deletion deletion = {.vhost = S("/"), .name = S("q")};
    assert_true(manage_delete_queue(&w.m, &actor_cli, &deletion, &dropped, &w.error));
    world_tick(&w);
    assert_false(statistics_queue(w.m.statistics, id, NULL, &a));
    world_end(&w);
}

/* More than a loop reads in one turn. */
static void many_queues_are_read_in_slices(void **state)
{
    (void)state;
    enum { QUEUES = 1500 };
    struct world w;
    uint64_t ids[QUEUES];
    world_begin(&w, basic);
    for (unsigned i = 0; i < QUEUES; i++) {
        char name[20];
        snprintf(name, sizeof name, "q%u", i);
        ids[i] = world_declare(&w, name);
        if (i % 100 == 0)
            world_publish(&w, name, i);
    }
    world_tick(&w);
    statistics_lock(w.m.statistics);
    for (unsigned i = 0; i < QUEUES; i++) {
        int64_t key = statistics_queue_key(w.m.statistics, ids[i], STATISTIC_messages, false);
        assert_int_equal(key, i % 100 == 0 ? i : 0);
    }
    statistics_unlock(w.m.statistics);
    world_end(&w);
}

static void nothing_is_answered_if_nothing_is_collected(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    world_begin(&w, (struct statistics_settings){.is_disabled = true});
    assert_int_equal(statistics_refresh(w.m.statistics), ERR_CLOSED);
    assert_false(statistics_node(w.m.statistics, &minute, &a));
    statistics_answer_free(&a);
    assert_false(statistics_overview(w.m.statistics, &actor_cli, &minute, &a));
    statistics_answer_free(&a);
    assert_false(statistics_node(NULL, &minute, &a));
    world_end(&w);
}

static void before_the_first_round_samples_are_zero(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    world_begin(&w, basic);
    world_tick(&w);
    uint64_t id = world_declare(&w, "q");
    world_publish(&w, "q", 10);
    assert_false(statistics_queue(w.m.statistics, id, &minute, &a));
    assert_false(a.of[STATISTIC_publish].is_known);
    assert_int_equal(a.samples[STATISTIC_MESSAGES].count, 13);
    for (size_t i = 0; i < 13; i++)
        assert_int_equal(a.of[STATISTIC_publish].samples[i], 0);
    statistics_answer_free(&a);
    world_end(&w);
}

static void without_rates_there_are_values_alone(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    world_begin(&w, (struct statistics_settings){.rates_mode = RATES_NONE});
    world_tick(&w);
    uint64_t id = world_declare(&w, "q");
    world_publish(&w, "q", 10);
    world_tick(&w);
    assert_true(statistics_queue(w.m.statistics, id, &minute, &a));
    assert_figures(&a, STATISTIC_messages, 10, 0);
    assert_null(a.of[STATISTIC_messages].samples);
    assert_false(a.of[STATISTIC_publish].is_known);
    world_end(&w);
}

static bool queue_span(struct world *w, uint64_t id, uint64_t ms, struct statistics_span *ret)
{
    statistics_lock(w->m.statistics);
    bool is_known = statistics_queue_span(w->m.statistics, id, ms, ret);
    statistics_unlock(w->m.statistics);
    return is_known;
}

static void a_span_is_what_has_changed_since(void **state)
{
    (void)state;
    struct world w;
    struct statistics_span span;
    world_begin(&w, basic);
    world_tick(&w);
    uint64_t id = world_declare(&w, "q");
    assert_false(queue_span(&w, id, 60000, &span));
    world_publish(&w, "q", 10);
    world_tick(&w);
    world_publish(&w, "q", 4);
    world_tick(&w);
    assert_true(queue_span(&w, id, WORLD_TICK_MS, &span));
    assert_int_equal(span.ms, WORLD_TICK_MS);
    assert_int_equal(span.before[STATISTIC_messages], 10);
    assert_int_equal(span.now[STATISTIC_messages], 14);
    assert_int_equal(statistics_rise(&span, STATISTIC_publish), 4);
    assert_true(queue_span(&w, id, 600000, &span));
    assert_int_equal(span.ms, 3 * WORLD_TICK_MS); /* since the sampler's first round */
    assert_int_equal(statistics_rise(&span, STATISTIC_publish), 14);
    world_pass(1000);
    assert_true(queue_span(&w, id, WORLD_TICK_MS, &span));
    assert_int_equal(span.idle_ms, 1000);
    statistics_lock(w.m.statistics);
    assert_false(statistics_queue_is_idle(w.m.statistics, id, 1000));
    assert_true(statistics_node_span(w.m.statistics, WORLD_TICK_MS, &span));
    assert_true(statistics_loop_span(w.m.statistics, 1, WORLD_TICK_MS, &span));
    assert_false(statistics_loop_span(w.m.statistics, WORLD_LOOPS, WORLD_TICK_MS, &span));
    statistics_unlock(w.m.statistics);
    world_end(&w);
}

/* Else what has changed divided by it would be no rate. */
static void a_span_of_the_node_and_of_loops_is_that_between_two_rounds(void **state)
{
    (void)state;
    struct world w;
    struct statistics_span span;
    world_begin(&w, basic);
    for (unsigned i = 0; i < 4; i++)
        world_tick(&w);
    world_pass(3000);
    statistics_lock(w.m.statistics);
    assert_true(statistics_loop_span(w.m.statistics, 1, 1000, &span));
    assert_int_equal(span.ms, WORLD_TICK_MS);
    assert_true(statistics_node_span(w.m.statistics, WORLD_TICK_MS + 1, &span));
    assert_int_equal(span.ms, 2 * WORLD_TICK_MS);
    assert_true(statistics_node_span(w.m.statistics, 600000, &span));
    assert_int_equal(span.ms, 4 * WORLD_TICK_MS);
    statistics_unlock(w.m.statistics);
    world_end(&w);
}

static void what_a_queue_is_restored_with_has_not_come_in_a_span(void **state)
{
    (void)state;
    struct world w;
    struct statistics_span span;
    world_begin(&w, basic);
    world_tick(&w);
    uint64_t id = world_declare(&w, "old");
    world_publish(&w, "old", 10);
    struct queue *q = queue_find(w.vhost, S("old"));
    q->is_restoring = true;
    world_tick(&w);
    q->is_restoring = false;
    world_tick(&w);
    world_publish(&w, "old", 3);
    world_tick(&w);
    assert_true(queue_span(&w, id, 60000, &span));
    assert_int_equal(span.before[STATISTIC_messages], 10);
    assert_int_equal(span.now[STATISTIC_messages], 13);
    world_end(&w);
}

static uint64_t world_purge(struct world *w, const char *queue)
{
    struct progress progress = {0};
    uint64_t purged;
    assert_true(
        manage_purge_queue(&w->m, &actor_cli, S("/"), S(queue), &progress, &purged, &w->error));
    return purged;
}

static void a_queue_that_holds_nothing_and_does_not_move_is_idle(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w, basic);
    uint64_t id = world_declare(&w, "q");
    statistics_lock(w.m.statistics);
    assert_false(statistics_queue_is_idle(w.m.statistics, id, 0)); /* it is not known */
    statistics_unlock(w.m.statistics);
    world_tick(&w);
    world_tick(&w);
    statistics_lock(w.m.statistics);
    assert_true(statistics_queue_is_idle(w.m.statistics, id, 600000)); /* it never has */
    statistics_unlock(w.m.statistics);
    world_publish(&w, "q", 1);
    world_tick(&w);
    assert_int_equal(world_purge(&w, "q"), 1);
    world_tick(&w);
    statistics_lock(w.m.statistics);
    assert_false(statistics_queue_is_idle(w.m.statistics, id, WORLD_TICK_MS));
    assert_true(statistics_queue_is_idle(w.m.statistics, id, 0));
    statistics_unlock(w.m.statistics);
    assert_false(statistics_queue_is_idle(NULL, id, 0));
    queue_find(w.vhost, S("q"))->counters.disk.lost = 3; /* that is to be seen, however long ago */
    world_tick(&w);
    statistics_lock(w.m.statistics);
    assert_false(statistics_queue_is_idle(w.m.statistics, id, 0));
    statistics_unlock(w.m.statistics);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_is_that_of_the_last_interval),
        cmocka_unit_test(samples_are_newest_first_and_averaged),
        cmocka_unit_test(vhosts_and_the_node_have_sums),
        cmocka_unit_test(until_a_queue_is_restored_it_has_no_figures_and_sums_wait_for_it),
        cmocka_unit_test(what_a_vhosts_ended_channels_have_counted_remains),
        cmocka_unit_test(a_deleted_queue_is_forgotten),
        cmocka_unit_test(many_queues_are_read_in_slices),
        cmocka_unit_test(a_span_is_what_has_changed_since),
        cmocka_unit_test(a_span_of_the_node_and_of_loops_is_that_between_two_rounds),
        cmocka_unit_test(what_a_queue_is_restored_with_has_not_come_in_a_span),
        cmocka_unit_test(a_queue_that_holds_nothing_and_does_not_move_is_idle),
        cmocka_unit_test(nothing_is_answered_if_nothing_is_collected),
        cmocka_unit_test(before_the_first_round_samples_are_zero),
        cmocka_unit_test(without_rates_there_are_values_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
