/* What becomes of a value and of those who wait for it, in memory. */
#include "loop/sim/loop_sim.h"
#include "topology/dedup.h"
#include "topology_world.h"

struct publisher {
    struct confirm_sink sink;
    int taken, refused, gone;
};

static void on_answer(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                      struct message *message)
{
    struct publisher *p = lv_container_of(sink, struct publisher, sink);
    assert_int_equal(number, 7);
    assert_true((answer == CONFIRM_GONE) == (message != NULL));
    p->taken += answer == CONFIRM_TOOK;
    p->refused += answer == CONFIRM_REFUSED;
    p->gone += answer == CONFIRM_GONE;
}

struct dedup_world {
    struct world w;
    struct loop *loop;
    struct destination owner;
    struct dedup *dedup;
    struct publisher publishers[3];
};

static void start(struct dedup_world *d, struct slice arguments)
{
    world_start(&d->w);
    d->loop = loops_at(d->w.loops, 0);
    loop_sim_enter(d->loop);
    destination_init(&d->owner, DESTINATION_QUEUE, slice_str("q"), false);
    d->dedup = dedup_create(d->w.vhost, &d->owner, false, arguments, true);
    assert_non_null(d->dedup);
    for (unsigned i = 0; i < 3; i++)
        d->publishers[i] =
            (struct publisher){.sink = {.loop = loops_at(d->w.loops, i % 2), .answer = on_answer}};
}

static void start_with_size(struct dedup_world *d, int size)
{
    struct lv_buffer arguments = {0};
    table_add_int(&arguments, "x-cache-size", 'I', size);
    start(d, lv_buffer_slice(&arguments));
    lv_buffer_free(&arguments);
}

static void stop(struct dedup_world *d)
{
    loop_sim_settle(d->w.loops);
    dedup_close(d->dedup);
    dedup_free(&d->dedup);
    world_stop(&d->w);
}

/* Whether a message with this value is to be routed. */
static bool admits(struct dedup_world *d, const char *value, struct dedup_claims *claims)
{
    struct lv_buffer headers = {0};
    *claims = (struct dedup_claims){0};
    table_add_str(&headers, "x-deduplication-header", value);
    bool is_new = dedup_admits(d->dedup, lv_buffer_slice(&headers), claims);
    assert_int_equal(claims->first != NULL, is_new);
    assert_int_equal(claims->seen_by != NULL, !is_new);
    lv_buffer_free(&headers);
    return is_new;
}

static struct dedup_publish *begin(struct dedup_world *d, const char *value)
{
    struct dedup_claims claims;
    assert_true(admits(d, value, &claims));
    return dedup_publish_begin(d->loop, &claims, true);
}

static enum confirm_answer end(struct dedup_world *d, struct dedup_publish *publish, uint32_t later,
                               bool refused, int publisher)
{
    const struct confirm_answers answers = {.later = later, .refused = refused};
    return dedup_publish_end(&publish, &answers, &d->publishers[publisher].sink, 7);
}

static enum confirm_answer duplicate(struct dedup_world *d, const char *value, int publisher)
{
    struct dedup_claims claims;
    assert_false(admits(d, value, &claims));
    return dedup_answer_duplicate(&claims, &d->publishers[publisher].sink, 7);
}

static void answer(struct dedup_publish *publish, enum confirm_answer answer)
{
    struct message *message = NULL;
    if (answer == CONFIRM_GONE)
        message = message_create(SLICE_EMPTY, slice_str("q"), slice_of("\0\0", 2), 0, false);
    struct confirm_sink *sink = dedup_publish_sink(publish);
    sink->answer(sink, 0, answer, message);
    if (message)
        message_unref(&message);
}

static void a_value_that_is_safe_at_once_is_seen_at_once(void **state)
{
    (void)state;
    struct dedup_world d;
    start_with_size(&d, 10);
    assert_int_equal(end(&d, begin(&d, "a"), 0, false, 0), CONFIRM_TOOK);
    assert_int_equal(duplicate(&d, "a", 1), CONFIRM_TOOK);
    assert_int_equal(dedup_count(d.dedup), 1);
    stop(&d);
}

static void whoever_repeats_a_value_on_its_way_waits_for_it(void **state)
{
    (void)state;
    struct dedup_world d;
    start_with_size(&d, 10);
    struct dedup_publish *publish = begin(&d, "a");
    assert_int_equal(duplicate(&d, "a", 1), CONFIRM_LATER); /* on another loop */
    assert_int_equal(end(&d, publish, 2, false, 0), CONFIRM_LATER);
    assert_int_equal(duplicate(&d, "a", 2), CONFIRM_LATER);
    answer(publish, CONFIRM_TOOK);
    loop_sim_settle(d.w.loops);
    assert_int_equal(d.publishers[0].taken + d.publishers[1].taken + d.publishers[2].taken, 0);
    answer(publish, CONFIRM_TOOK); /* the last queue has it */
    loop_sim_settle(d.w.loops);
    for (int i = 0; i < 3; i++)
        assert_true(d.publishers[i].taken == 1 && d.publishers[i].refused == 0);
    assert_int_equal(duplicate(&d, "a", 1), CONFIRM_TOOK);
    stop(&d);
}

static void a_message_that_one_queue_refuses_has_never_come(void **state)
{
    (void)state;
    struct dedup_world d;
    start_with_size(&d, 10);
    struct dedup_publish *publish = begin(&d, "a");
    assert_int_equal(end(&d, publish, 1, true, 0), CONFIRM_LATER);
    assert_int_equal(duplicate(&d, "a", 1), CONFIRM_LATER);
    answer(publish, CONFIRM_TOOK);
    loop_sim_settle(d.w.loops);
    assert_true(d.publishers[0].refused == 1 && d.publishers[1].refused == 1);
    assert_int_equal(dedup_count(d.dedup), 0);
    assert_int_equal(end(&d, begin(&d, "a"), 0, true, 0), CONFIRM_REFUSED);
    assert_int_equal(end(&d, begin(&d, "a"), 0, false, 0), CONFIRM_TOOK);
    stop(&d);
}

static void a_message_whose_queues_are_all_gone_has_never_come(void **state)
{
    (void)state;
    struct dedup_world d;
    start_with_size(&d, 10);
    struct dedup_publish *publish = begin(&d, "a");
    assert_int_equal(end(&d, publish, 2, false, 0), CONFIRM_LATER);
    answer(publish, CONFIRM_GONE);
    answer(publish, CONFIRM_GONE);
    assert_true(d.publishers[0].gone == 1 && d.publishers[0].refused == 0);
    assert_int_equal(dedup_count(d.dedup), 0);
    publish = begin(&d, "a");
    assert_int_equal(end(&d, publish, 2, false, 1), CONFIRM_LATER);
    answer(publish, CONFIRM_GONE);
    answer(publish, CONFIRM_TOOK); /* one queue has it, and that is enough */
    loop_sim_settle(d.w.loops);
    assert_true(d.publishers[1].taken == 1 && d.publishers[1].gone == 0);
    assert_int_equal(duplicate(&d, "a", 1), CONFIRM_TOOK);
    stop(&d);
}

static void a_duplicate_of_what_has_failed_meanwhile_is_refused_too(void **state)
{
    (void)state;
    struct dedup_world d;
    struct dedup_claims first, second;
    start_with_size(&d, 10);
    assert_true(admits(&d, "a", &first));
    assert_false(admits(&d, "a", &second));
    dedup_claims_drop(d.loop, &first);
    assert_int_equal(dedup_answer_duplicate(&second, &d.publishers[0].sink, 7), CONFIRM_REFUSED);
    assert_int_equal(dedup_count(d.dedup), 0);
    stop(&d);
}

static void a_value_may_be_displaced_while_it_is_on_its_way(void **state)
{
    (void)state;
    struct dedup_world d;
    start_with_size(&d, 1);
    struct dedup_publish *a = begin(&d, "a");
    assert_int_equal(end(&d, a, 1, false, 0), CONFIRM_LATER);
    assert_int_equal(end(&d, begin(&d, "b"), 0, false, 1), CONFIRM_TOOK);
    struct dedup_publish *again = begin(&d, "a"); /* forgotten, so new */
    assert_int_equal(end(&d, again, 1, false, 2), CONFIRM_LATER);
    answer(a, CONFIRM_REFUSED);
    assert_int_equal(d.publishers[0].refused, 1);
    assert_int_equal(dedup_count(d.dedup), 1); /* that of the second one */
    answer(again, CONFIRM_TOOK);
    assert_int_equal(d.publishers[2].taken, 1);
    assert_int_equal(duplicate(&d, "a", 1), CONFIRM_TOOK);
    stop(&d);
}

static void values_are_forgotten_when_their_time_is_over(void **state)
{
    (void)state;
    struct dedup_world d;
    struct lv_buffer arguments = {0};
    table_add_int(&arguments, "x-cache-size", 'I', 5);
    table_add_int(&arguments, "x-cache-ttl", 'I', 1000);
    start(&d, lv_buffer_slice(&arguments));
    lv_buffer_free(&arguments);
    assert_int_equal(end(&d, begin(&d, "a"), 0, false, 0), CONFIRM_TOOK);
    loop_sim_advance(d.w.loops, 999);
    loop_sim_enter(d.loop);
    assert_int_equal(duplicate(&d, "a", 0), CONFIRM_TOOK);
    loop_sim_advance(d.w.loops, 1);
    loop_sim_enter(d.loop);
    struct dedup_publish *publish = begin(&d, "a");
    assert_int_equal(end(&d, publish, 1, false, 0), CONFIRM_LATER);
    loop_sim_advance(d.w.loops, 5000); /* one on its way is not forgotten */
    loop_sim_enter(d.loop);
    assert_int_equal(duplicate(&d, "a", 1), CONFIRM_LATER);
    answer(publish, CONFIRM_TOOK);
    stop(&d);
}

static void what_was_stored_comes_back_in_its_order_and_size(void **state)
{
    (void)state;
    struct dedup_world d;
    start_with_size(&d, 3);
    uint64_t now_ms = loop_wall_ms(d.loop);
    for (uint64_t i = 1; i <= 5; i++)
        dedup_restore(d.dedup, (struct value_hash){i, i}, i * 10, i == 4 ? now_ms : 0, now_ms);
    assert_int_equal(dedup_count(d.dedup), 3);
    assert_int_equal(end(&d, begin(&d, "a"), 0, false, 0), CONFIRM_TOOK);
    assert_int_equal(dedup_count(d.dedup), 3);
    stop(&d);
}

static void the_owner_may_go_before_its_messages_are_safe(void **state)
{
    (void)state;
    struct dedup_world d;
    struct dedup_claims claims;
    start_with_size(&d, 3);
    struct dedup_publish *publish = begin(&d, "a");
    assert_false(admits(&d, "a", &claims));
    dedup_close(d.dedup);
    dedup_free(&d.dedup);
    assert_int_equal(dedup_answer_duplicate(&claims, &d.publishers[1].sink, 7), CONFIRM_LATER);
    assert_int_equal(end(&d, publish, 1, false, 0), CONFIRM_LATER);
    answer(publish, CONFIRM_TOOK);
    loop_sim_settle(d.w.loops);
    assert_true(d.publishers[0].taken == 1 && d.publishers[1].taken == 1);
    stop(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_that_is_safe_at_once_is_seen_at_once),
        cmocka_unit_test(whoever_repeats_a_value_on_its_way_waits_for_it),
        cmocka_unit_test(a_message_whose_queues_are_all_gone_has_never_come),
        cmocka_unit_test(a_message_that_one_queue_refuses_has_never_come),
        cmocka_unit_test(a_duplicate_of_what_has_failed_meanwhile_is_refused_too),
        cmocka_unit_test(a_value_may_be_displaced_while_it_is_on_its_way),
        cmocka_unit_test(values_are_forgotten_when_their_time_is_over),
        cmocka_unit_test(what_was_stored_comes_back_in_its_order_and_size),
        cmocka_unit_test(the_owner_may_go_before_its_messages_are_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
