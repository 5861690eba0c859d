/* How many messages consumers are given, and in which order they take turns. */
#include "queue_world.h"

static struct queue *q;

static int set_up(void **state)
{
    (void)state;
    world_start();
    q = world_queue("q", NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_stop();
    return 0;
}

static void a_consumer_is_given_as_many_as_its_prefetch_and_one_for_each_it_settles(void **state)
{
    (void)state;
    struct taker taker;
    taker_start(&taker, q, &(struct taker_options){.prefetch = 2});
    world_publish_all(q, "abcde");
    assert_string_equal(taker.got, "ab");
    assert_int_equal(world_ready(q), 3);
    assert_int_equal(world_unacked(q), 2);
    taker_settle(&taker, 1, SETTLE_ACK);
    assert_string_equal(taker.got, "abc");
    taker_settle(&taker, 2, SETTLE_ACK);
    assert_string_equal(taker.got, "abcde");
    taker_stop(&taker);
}

static void rejecting_returns_credit_like_acknowledging(void **state)
{
    (void)state;
    struct taker taker;
    taker_start(&taker, q, &(struct taker_options){.prefetch = 1});
    world_publish_all(q, "ab");
    taker_settle(&taker, 1, SETTLE_REJECT);
    assert_string_equal(taker.got, "ab");
    assert_string_equal(world.given_up, "rejected a");
    taker_stop(&taker);
}

static void a_consumer_without_acknowledgements_is_given_everything(void **state)
{
    (void)state;
    struct taker taker;
    taker_start(&taker, q, &(struct taker_options){.no_ack = true});
    world_publish_all(q, "abcdefgh");
    assert_string_equal(taker.got, "abcdefgh");
    assert_int_equal(world_ready(q) + world_unacked(q), 0);
    taker_stop(&taker);
}

static void a_lowered_prefetch_counts_unsettled_deliveries(void **state)
{
    (void)state;
    struct taker taker;
    taker_start(&taker, q, &(struct taker_options){.prefetch = 3});
    world_publish_all(q, "abcde");
    consumer_set_prefetch(taker.consumer, 1);
    taker_settle(&taker, 2, SETTLE_ACK);
    assert_string_equal(taker.got, "abc");
    taker_settle(&taker, 1, SETTLE_ACK);
    assert_string_equal(taker.got, "abcd");
    consumer_set_prefetch(taker.consumer, 0);
    loop_sim_settle(world.loops);
    assert_string_equal(taker.got, "abcde");
    assert_int_equal(credit_prefetch(&taker.consumer->credit), 0);
    taker_stop(&taker);
}

static void consumers_of_one_priority_take_turns(void **state)
{
    (void)state;
    struct taker first, second;
    taker_start(&first, q, &(struct taker_options){.prefetch = 3});
    taker_start(&second, q, &(struct taker_options){.prefetch = 3, .loop = world.there});
    world_publish_all(q, "abcdef");
    assert_string_equal(first.got, "ace");
    assert_string_equal(second.got, "bdf");
    taker_stop(&first);
    taker_stop(&second);
}

static void the_higher_priority_is_served_first_while_it_has_credit(void **state)
{
    (void)state;
    struct taker low, high;
    taker_start(&low, q, &(struct taker_options){.prefetch = 9});
    taker_start(&high, q, &(struct taker_options){.prefetch = 2, .priority = 1});
    world_publish_all(q, "abc");
    assert_string_equal(high.got, "ab");
    assert_string_equal(low.got, "c");
    taker_settle(&high, 1, SETTLE_ACK);
    world_publish_all(q, "d");
    assert_string_equal(high.got, "abd");
    taker_stop(&low);
    taker_stop(&high);
}

static void a_requeued_message_keeps_its_position(void **state)
{
    (void)state;
    struct taker taker;
    taker_start(&taker, q, &(struct taker_options){.prefetch = 2});
    world_publish_all(q, "abcd");
    taker_stop(&taker);
    assert_string_equal(world_bodies(q), "abcd");
}

/* --- shared ----------------------------------------------------------------------------------- */

static void consumers_that_share_credit_never_hold_more_than_it_together(void **state)
{
    (void)state;
    struct taker a, b;
    struct queue *other = world_queue("other", NULL);
    loop_sim_enter(world.there);
    struct shared_credit *shared = shared_credit_create(world.there);
    shared_credit_set(shared, 3);
    loop_sim_enter(world.here);
    const struct taker_options options = {.loop = world.there, .shared = shared};
    taker_start(&a, q, &options);
    taker_start(&b, other, &options);
    world_publish_all(q, "aaaa");
    world_publish_all(other, "bbbb");
    assert_int_equal(a.count + b.count, 3);
    for (unsigned settled = 0; settled < 8; settled++) {
        struct taker *taker = a.settled < a.count ? &a : &b;
        taker_settle(taker, 1, SETTLE_ACK);
        assert_true(a.count - a.settled + b.count - b.settled <= 3);
    }
    assert_string_equal(a.got, "aaaa");
    assert_string_equal(b.got, "bbbb");
    taker_stop(&a);
    taker_stop(&b);
    shared_credit_unref(&shared);
}

static void shared_credit_that_one_queue_cannot_use_goes_to_the_next_in_line(void **state)
{
    (void)state;
    struct shared_credit *shared = shared_credit_create(world.here);
    struct taker a, b;
    struct queue *other = world_queue("other", NULL);
    shared_credit_set(shared, 1);
    taker_start(&a, q, &(struct taker_options){.shared = shared});
    taker_start(&b, other, &(struct taker_options){.shared = shared});
    world_publish_all(q, "a");
    world_publish_all(other, "bb");
    assert_string_equal(b.got, "");
    taker_settle(&a, 1, SETTLE_ACK); /* nothing else is in its queue */
    assert_string_equal(b.got, "b");
    taker_settle(&b, 1, SETTLE_ACK);
    assert_string_equal(b.got, "bb");
    taker_stop(&a);
    taker_stop(&b);
    shared_credit_unref(&shared);
}

static void a_consumer_needs_its_own_credit_beside_the_shared_one(void **state)
{
    (void)state;
    struct shared_credit *shared = shared_credit_create(world.here);
    struct taker taker;
    shared_credit_set(shared, 5);
    taker_start(&taker, q, &(struct taker_options){.shared = shared, .prefetch = 2});
    world_publish_all(q, "abc");
    assert_string_equal(taker.got, "ab");
    shared_credit_set(shared, 1);
    taker_settle(&taker, 1, SETTLE_ACK);
    assert_string_equal(taker.got, "ab");
    taker_settle(&taker, 1, SETTLE_ACK);
    assert_string_equal(taker.got, "abc");
    taker_stop(&taker);
    shared_credit_unref(&shared);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_consumer_is_given_as_many_as_its_prefetch_and_one_for_each_it_settles),
        TEST(rejecting_returns_credit_like_acknowledging),
        TEST(a_consumer_without_acknowledgements_is_given_everything),
        TEST(a_lowered_prefetch_counts_unsettled_deliveries),
        TEST(consumers_of_one_priority_take_turns),
        TEST(the_higher_priority_is_served_first_while_it_has_credit),
        TEST(a_requeued_message_keeps_its_position),
        TEST(consumers_that_share_credit_never_hold_more_than_it_together),
        TEST(shared_credit_that_one_queue_cannot_use_goes_to_the_next_in_line),
        TEST(a_consumer_needs_its_own_credit_beside_the_shared_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
