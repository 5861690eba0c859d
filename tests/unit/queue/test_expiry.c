/* Messages expire, and so does a queue that is not used. */
#include "queue_world.h"

static struct lv_buffer arguments;

static int set_up(void **state)
{
    (void)state;
    world_start();
    arguments = (struct lv_buffer){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lv_buffer_free(&arguments);
    world_stop();
    return 0;
}

static struct queue *with(const char *argument, int64_t ms)
{
    world_argument(&arguments, argument, ms);
    return world_queue("q", &arguments);
}

static void put(struct queue *q, const char *body, const char *expiration)
{
    world_publish(q, &(struct world_message){.body = body, .expiration = expiration});
}

static void pass(uint64_t ms)
{
    loop_sim_advance(world.loops, ms);
    loop_sim_enter(world.here);
}

static bool is_there(const char *name)
{
    return queue_find(world.vhost, slice_str(name)) != NULL;
}

static void a_message_expires_on_time_and_not_before(void **state)
{
    (void)state;
    struct queue *q = with("x-message-ttl", 1000);
    put(q, "a", NULL);
    pass(999);
    assert_string_equal(world_bodies(q), "a");
    put(q, "b", NULL);
    pass(1);
    assert_string_equal(world_bodies(q), "b");
    assert_string_equal(world.given_up, "expired a");
    pass(999);
    assert_string_equal(world.given_up, "expired a, expired b");
}

static void of_the_queues_ttl_and_the_messages_own_the_shorter_counts(void **state)
{
    (void)state;
    struct queue *q = with("x-message-ttl", 1000);
    put(q, "a", "5000");
    put(q, "b", "200");
    pass(200);
    assert_string_equal(world.given_up, "expired b");
    pass(800);
    assert_string_equal(world.given_up, "expired b, expired a");
}

static void a_message_expires_at_any_position_in_the_queue(void **state)
{
    (void)state;
    struct queue *q = world_queue("q", NULL);
    put(q, "a", NULL);
    put(q, "b", "300");
    put(q, "c", NULL);
    put(q, "d", "100");
    pass(100);
    assert_string_equal(world_bodies(q), "abc");
    pass(200);
    assert_string_equal(world_bodies(q), "ac");
    assert_string_equal(world.given_up, "expired d, expired b");
}

static void an_unacked_message_expires_when_it_is_requeued(void **state)
{
    (void)state;
    struct taker taker;
    struct queue *q = with("x-message-ttl", 100);
    taker_start(&taker, q, &(struct taker_options){.prefetch = 1});
    put(q, "a", NULL);
    pass(1000);
    assert_int_equal(world_unacked(q), 1);
    taker_stop(&taker);
    pass(0);
    assert_int_equal(world_ready(q), 0);
    assert_string_equal(world.given_up, "expired a");
}

static void a_ttl_of_0_lets_a_message_reach_a_waiting_consumer(void **state)
{
    (void)state;
    struct taker taker;
    struct queue *q = with("x-message-ttl", 0);
    put(q, "a", NULL);
    assert_int_equal(world_ready(q), 0);
    taker_start(&taker, q, &(struct taker_options){.prefetch = 1});
    put(q, "b", NULL);
    assert_string_equal(taker.got, "b");
    taker_stop(&taker);
}

static void an_expired_message_stays_undelivered_until_it_can_be_sent_on(void **state)
{
    (void)state;
    struct taker taker;
    world.sends_on = world.has_no_room = true;
    struct queue *q = with("x-message-ttl", 100);
    put(q, "a", NULL);
    pass(100);
    assert_int_equal(world_ready(q), 1);
    taker_start(&taker, q, &(struct taker_options){.prefetch = 1});
    assert_string_equal(taker.got, "");
    world.has_no_room = false;
    loop_schedule(world.here, queue_expiry_task(q)); /* as can_send_on() promises */
    loop_sim_settle(world.loops);
    assert_string_equal(world.given_up, "expired a");
    taker_stop(&taker);
}

static void an_unused_queue_is_deleted(void **state)
{
    (void)state;
    with("x-expires", 500);
    pass(499);
    assert_true(is_there("q"));
    pass(1);
    assert_false(is_there("q"));
}

static void a_consumer_keeps_a_queue_and_the_idle_time_begins_when_it_leaves(void **state)
{
    (void)state;
    struct taker taker;
    struct queue *q = with("x-expires", 500);
    taker_start(&taker, q, &(struct taker_options){.prefetch = 1});
    pass(5000);
    assert_true(is_there("q"));
    taker_stop(&taker);
    pass(499);
    assert_true(is_there("q"));
    pass(1);
    assert_false(is_there("q"));
}

static void publishing_does_not_count_as_use_and_declaring_does(void **state)
{
    (void)state;
    struct queue *q = with("x-expires", 500), *again;
    const struct queue_declaration d = {.name = queue_name(q), .passive = true, .connection_id = 1};
    struct broker_error error;
    bool is_created;
    pass(400);
    queue_declare(world.here, world.vhost, &d, (struct durable_done){0}, &error, &again,
                  &is_created);
    pass(400);
    assert_true(is_there("q"));
    put(q, "a", NULL);
    pass(100);
    assert_false(is_there("q"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_message_expires_on_time_and_not_before),
        TEST(of_the_queues_ttl_and_the_messages_own_the_shorter_counts),
        TEST(a_message_expires_at_any_position_in_the_queue),
        TEST(an_unacked_message_expires_when_it_is_requeued),
        TEST(a_ttl_of_0_lets_a_message_reach_a_waiting_consumer),
        TEST(an_expired_message_stays_undelivered_until_it_can_be_sent_on),
        TEST(an_unused_queue_is_deleted),
        TEST(a_consumer_keeps_a_queue_and_the_idle_time_begins_when_it_leaves),
        TEST(publishing_does_not_count_as_use_and_declaring_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
