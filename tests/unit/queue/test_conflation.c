/* Of messages with the same value only the newest is kept. */
#include "queue_world.h"

static struct queue *q;
static struct lv_buffer arguments;

static int set_up(void **state)
{
    (void)state;
    world_start();
    arguments = (struct lv_buffer){0};
    world_argument_text(&arguments, "x-last-value-key", "v");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lv_buffer_free(&arguments);
    world_stop();
    return 0;
}

static enum confirm_answer put(const char *body, const char *value)
{
    return world_publish(q, &(struct world_message){.body = body, .value = value});
}

static void only_the_newest_of_each_value_is_ready_and_at_the_end(void **state)
{
    (void)state;
    q = world_queue("q", &arguments);
    put("a", "one");
    put("b", "two");
    put("c", "one");
    assert_string_equal(world_bodies(q), "bc");
    put("d", "two");
    put("e", "two");
    assert_string_equal(world_bodies(q), "ce");
    assert_string_equal(world.given_up, ""); /* a replaced message is not dead-lettered */
}

static void messages_without_the_header_all_stay(void **state)
{
    (void)state;
    q = world_queue("q", &arguments);
    put("a", NULL);
    put("b", NULL);
    put("c", "one");
    assert_string_equal(world_bodies(q), "abc");
}

static void a_requeued_message_is_dropped_if_a_newer_one_is_there(void **state)
{
    (void)state;
    struct taker taker;
    q = world_queue("q", &arguments);
    taker_start(&taker, q, &(struct taker_options){.prefetch = 1});
    put("a", "one");
    put("b", "one");
    assert_string_equal(taker.got, "a"); /* its consumer keeps it */
    taker_stop(&taker);
    assert_string_equal(world_bodies(q), "b");
    assert_int_equal(world_unacked(q), 0);
}

static void a_requeued_message_stays_if_the_newer_one_has_left(void **state)
{
    (void)state;
    struct taker old, fresh;
    q = world_queue("q", &arguments);
    taker_start(&old, q, &(struct taker_options){.prefetch = 1});
    put("a", "one");
    put("b", "one");
    taker_start(&fresh, q, &(struct taker_options){.prefetch = 1});
    assert_string_equal(fresh.got, "b");
    taker_settle(&fresh, 1, SETTLE_ACK);
    taker_stop(&fresh);
    taker_stop(&old);
    assert_string_equal(world_bodies(q), "a");
}

static void of_several_requeued_messages_the_newest_stays(void **state)
{
    (void)state;
    struct taker taker;
    q = world_queue("q", &arguments);
    taker_start(&taker, q, &(struct taker_options){.prefetch = 3});
    put("a", "one");
    put("b", "one");
    put("c", "one");
    assert_string_equal(taker.got, "abc");
    taker_stop(&taker);
    assert_string_equal(world_bodies(q), "c");
}

static void values_are_kept_apart_however_many_there_are(void **state)
{
    (void)state;
    enum { VALUES = 3000 };
    q = world_queue("q", &arguments);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < VALUES; i++) {
            char value[16];
            snprintf(value, sizeof value, "value %u", i);
            put("x", value);
        }
        assert_int_equal(world_ready(q), VALUES);
    }
}

static void the_index_forgets_values_whose_messages_have_left(void **state)
{
    (void)state;
    struct taker taker;
    q = world_queue("q", &arguments);
    taker_start(&taker, q, &(struct taker_options){.no_ack = true});
    for (unsigned i = 0; i < 300; i++) {
        char value[16];
        snprintf(value, sizeof value, "value %u", i);
        put("x", value);
    }
    taker_stop(&taker);
    put("a", "value 7");
    put("b", "value 7");
    assert_string_equal(world_bodies(q), "b");
}

static void a_full_queue_takes_a_message_that_replaces_another(void **state)
{
    (void)state;
    world_argument(&arguments, "x-max-length", 2);
    world_argument_text(&arguments, "x-overflow", "reject-publish");
    q = world_queue("q", &arguments);
    put("a", "one");
    put("b", "two");
    assert_int_equal(put("c", "three"), CONFIRM_REFUSED);
    assert_int_equal(put("d", "one"), CONFIRM_TOOK);
    assert_string_equal(world_bodies(q), "bd");
}

static void of_two_priorities_the_newer_message_replaces_the_older(void **state)
{
    (void)state;
    world_argument(&arguments, "x-max-priority", 5);
    q = world_queue("q", &arguments);
    world_publish(q, &(struct world_message){.body = "a", .value = "one", .priority = 5});
    world_publish(q, &(struct world_message){.body = "b", .value = "one", .priority = 0});
    assert_string_equal(world_bodies(q), "b");
    world_publish(q, &(struct world_message){.body = "c", .value = "one", .priority = 3});
    assert_string_equal(world_bodies(q), "c");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(only_the_newest_of_each_value_is_ready_and_at_the_end),
        TEST(messages_without_the_header_all_stay),
        TEST(a_requeued_message_is_dropped_if_a_newer_one_is_there),
        TEST(a_requeued_message_stays_if_the_newer_one_has_left),
        TEST(of_several_requeued_messages_the_newest_stays),
        TEST(values_are_kept_apart_however_many_there_are),
        TEST(the_index_forgets_values_whose_messages_have_left),
        TEST(a_full_queue_takes_a_message_that_replaces_another),
        TEST(of_two_priorities_the_newer_message_replaces_the_older),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
