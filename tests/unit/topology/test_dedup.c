/* The life of a value, and the answers to those who wait for it; without definitions. */
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
    loop_sim_enter(NULL);
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

static void a_value_is_known_as_soon_as_its_message_is_taken(void **state)
{
    (void)state;
    struct dedup_world d;
    start_with_size(&d, 10);
    assert_int_equal(end(&d, begin(&d, "a"), 0, false, 0), CONFIRM_TOOK);
    assert_int_equal(duplicate(&d, "a", 1), CONFIRM_TOOK);
    stop(&d);
}

static void a_duplicate_waits_for_the_answers_to_the_first_message(void **state)
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

static void the_value_is_forgotten_if_one_queue_refuses(void **state)
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
    assert_int_equal(end(&d, begin(&d, "a"), 0, true, 0), CONFIRM_REFUSED);
    assert_int_equal(end(&d, begin(&d, "a"), 0, false, 0), CONFIRM_TOOK);
    stop(&d);
}

static void the_value_is_forgotten_if_all_queues_are_gone(void **state)
{
    (void)state;
    struct dedup_world d;
    start_with_size(&d, 10);
    struct dedup_publish *publish = begin(&d, "a");
    assert_int_equal(end(&d, publish, 2, false, 0), CONFIRM_LATER);
    answer(publish, CONFIRM_GONE);
    answer(publish, CONFIRM_GONE);
    assert_true(d.publishers[0].gone == 1 && d.publishers[0].refused == 0);
    assert_int_equal(end(&d, begin(&d, "a"), 0, false, 0), CONFIRM_TOOK);
    stop(&d);
}

static void one_queue_that_took_a_message_is_enough_if_others_are_gone(void **state)
{
    (void)state;
    const enum confirm_answer orders[][2] = {{CONFIRM_GONE, CONFIRM_TOOK},
                                             {CONFIRM_TOOK, CONFIRM_GONE}};
    for (int i = 0; i < 2; i++) {
        struct dedup_world d;
        start_with_size(&d, 10);
        struct dedup_publish *publish = begin(&d, "a");
        assert_int_equal(end(&d, publish, 2, false, 1), CONFIRM_LATER);
        answer(publish, orders[i][0]);
        answer(publish, orders[i][1]);
        loop_sim_settle(d.w.loops);
        assert_true(d.publishers[1].taken == 1 && d.publishers[1].gone == 0);
        assert_int_equal(duplicate(&d, "a", 1), CONFIRM_TOOK);
        stop(&d);
    }
}

static void a_duplicate_of_a_dropped_message_is_refused(void **state)
{
    (void)state;
    struct dedup_world d;
    struct dedup_claims first, second;
    start_with_size(&d, 10);
    assert_true(admits(&d, "a", &first));
    assert_false(admits(&d, "a", &second));
    dedup_claims_drop(d.loop, &first);
    assert_int_equal(dedup_answer_duplicate(&second, &d.publishers[0].sink, 7), CONFIRM_REFUSED);
    assert_int_equal(end(&d, begin(&d, "a"), 0, false, 0), CONFIRM_TOOK); /* it is new again */
    stop(&d);
}

static void a_value_may_be_displaced_before_its_message_is_answered(void **state)
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
    assert_int_equal(duplicate(&d, "a", 1), CONFIRM_LATER); /* the value of the second remains */
    answer(again, CONFIRM_TOOK);
    assert_int_equal(d.publishers[2].taken, 1);
    assert_int_equal(duplicate(&d, "a", 1), CONFIRM_TOOK);
    stop(&d);
}

static void a_value_expires_but_not_before_its_message_is_answered(void **state)
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

static void restore(struct dedup_world *d, const char *value, uint64_t number, uint64_t until_ms,
                    uint64_t now_ms)
{
    const struct field f = {.type = FIELD_LONGSTR, .bytes = slice_str(value)};
    dedup_restore(d->dedup, value_hash_of(&f), number, until_ms, now_ms);
}

/* Five values in a cache of three, of which the fourth has expired. */
static void start_with_restored(struct dedup_world *d)
{
    start_with_size(d, 3);
    uint64_t now_ms = loop_steady_ms(d->loop);
    restore(d, "1", 10, 0, now_ms);
    restore(d, "2", 20, 0, now_ms);
    restore(d, "3", 30, 0, now_ms);
    restore(d, "4", 40, now_ms, now_ms);
    restore(d, "5", 50, 0, now_ms);
}

static void restored_values_are_duplicates_unless_they_have_expired(void **state)
{
    (void)state;
    struct dedup_world d;
    start_with_restored(&d);
    assert_int_equal(duplicate(&d, "2", 0), CONFIRM_TOOK);
    assert_int_equal(duplicate(&d, "3", 0), CONFIRM_TOOK);
    assert_int_equal(duplicate(&d, "5", 0), CONFIRM_TOOK);
    assert_int_equal(end(&d, begin(&d, "4"), 0, false, 0), CONFIRM_TOOK);
    stop(&d);
}

static void a_new_value_displaces_the_oldest_restored_one(void **state)
{
    (void)state;
    struct dedup_world d;
    start_with_restored(&d); /* "1" was displaced by "5" */
    assert_int_equal(end(&d, begin(&d, "1"), 0, false, 0), CONFIRM_TOOK);
    assert_int_equal(duplicate(&d, "3", 0), CONFIRM_TOOK);
    assert_int_equal(duplicate(&d, "5", 0), CONFIRM_TOOK);
    assert_int_equal(end(&d, begin(&d, "2"), 0, false, 0), CONFIRM_TOOK); /* new again */
    stop(&d);
}

static void the_owner_may_be_deleted_before_messages_are_answered(void **state)
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
        cmocka_unit_test(a_value_is_known_as_soon_as_its_message_is_taken),
        cmocka_unit_test(a_duplicate_waits_for_the_answers_to_the_first_message),
        cmocka_unit_test(the_value_is_forgotten_if_all_queues_are_gone),
        cmocka_unit_test(one_queue_that_took_a_message_is_enough_if_others_are_gone),
        cmocka_unit_test(the_value_is_forgotten_if_one_queue_refuses),
        cmocka_unit_test(a_duplicate_of_a_dropped_message_is_refused),
        cmocka_unit_test(a_value_may_be_displaced_before_its_message_is_answered),
        cmocka_unit_test(a_value_expires_but_not_before_its_message_is_answered),
        cmocka_unit_test(restored_values_are_duplicates_unless_they_have_expired),
        cmocka_unit_test(a_new_value_displaces_the_oldest_restored_one),
        cmocka_unit_test(the_owner_may_be_deleted_before_messages_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
