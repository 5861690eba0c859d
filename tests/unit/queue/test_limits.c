/* How much may be ready in a queue, and what happens to messages above that. */
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

static struct queue *limited(int64_t length, const char *overflow)
{
    world_argument(&arguments, "x-max-length", length);
    if (overflow)
        world_argument_text(&arguments, "x-overflow", overflow);
    return world_queue("q", &arguments);
}

static enum confirm_answer put(struct queue *q, const char *body)
{
    return world_publish(q, &(struct world_message){.body = body});
}

static void a_message_above_the_limit_drops_the_oldest(void **state)
{
    (void)state;
    struct queue *q = limited(2, NULL);
    world_publish_all(q, "abcd");
    assert_string_equal(world_bodies(q), "cd");
    assert_string_equal(world.given_up, "maxlen a, maxlen b");
}

static void with_reject_publish_the_newest_is_refused(void **state)
{
    (void)state;
    struct queue *q = limited(2, "reject-publish");
    world_publish_all(q, "ab");
    assert_int_equal(put(q, "c"), CONFIRM_REFUSED);
    assert_string_equal(world_bodies(q), "ab");
    assert_string_equal(world.given_up, "");
}

static void with_reject_publish_dlx_the_newest_is_also_a_dead_letter(void **state)
{
    (void)state;
    struct queue *q = limited(1, "reject-publish-dlx");
    world_publish_all(q, "a");
    assert_int_equal(put(q, "b"), CONFIRM_REFUSED);
    assert_string_equal(world_bodies(q), "a");
    assert_string_equal(world.given_up, "maxlen b");
}

static void the_bytes_of_bodies_are_counted(void **state)
{
    (void)state;
    world_argument(&arguments, "x-max-length-bytes", 10);
    struct queue *q = world_queue("q", &arguments);
    put(q, "aaaaa");
    put(q, "bbbbb");
    assert_string_equal(world_bodies(q), "ab");
    put(q, "c");
    assert_string_equal(world_bodies(q), "bc");
    put(q, "ddddddddddd"); /* longer than the limit */
    assert_string_equal(world_bodies(q), "");
}

static void unacked_messages_do_not_count(void **state)
{
    (void)state;
    struct taker taker;
    struct queue *q = limited(1, "reject-publish");
    taker_start(&taker, q, &(struct taker_options){.prefetch = 2});
    world_publish_all(q, "abc");
    assert_string_equal(taker.got, "ab");
    assert_int_equal(put(q, "d"), CONFIRM_REFUSED);
    taker_stop(&taker); /* returned messages are not refused */
    assert_string_equal(world_bodies(q), "abc");
}

static void a_message_requeued_to_a_full_queue_drops_the_oldest(void **state)
{
    (void)state;
    struct taker taker;
    struct queue *q = limited(1, NULL);
    taker_start(&taker, q, &(struct taker_options){.prefetch = 1});
    world_publish_all(q, "ab");
    taker_stop(&taker);
    assert_string_equal(world_bodies(q), "b");
    assert_string_equal(world.given_up, "maxlen a");
}

static void a_limit_of_0_still_hands_messages_to_a_consumer(void **state)
{
    (void)state;
    struct taker taker;
    struct queue *q = limited(0, NULL);
    taker_start(&taker, q, &(struct taker_options){.prefetch = 1});
    world_publish_all(q, "ab");
    assert_string_equal(taker.got, "a");
    assert_string_equal(world.given_up, "maxlen b");
    taker_stop(&taker);
}

static void the_queue_stays_above_its_limit_until_what_it_gives_up_can_be_sent_on(void **state)
{
    (void)state;
    world.sends_on = world.has_no_room = true;
    struct queue *q = limited(1, NULL);
    world_publish_all(q, "abc");
    assert_string_equal(world_bodies(q), "abc");
    world.has_no_room = false;
    loop_schedule(world.here, queue_delivery_task(q)); /* as can_send_on() promises */
    loop_sim_settle(world.loops);
    assert_string_equal(world_bodies(q), "c");
    assert_string_equal(world.given_up, "maxlen a, maxlen b");
}

static bool check(struct vhost *vhost, const char *name, struct queue_flags flags, int64_t length,
                  struct broker_error *error)
{
    struct lv_buffer table = {0};
    world_argument(&table, "x-max-length", length);
    const struct queue_declaration d = {.name = slice_str(name),
                                        .flags = flags,
                                        .arguments = lv_buffer_slice(&table),
                                        .connection_id = 1}; /* as in world_queue() */
    bool is_fine = queue_check(vhost, &d, error);
    lv_buffer_free(&table);
    return is_fine;
}

static void a_check_answers_as_a_declaration_would_and_changes_nothing(void **state)
{
    (void)state;
    struct queue *q = limited(3, NULL);
    const struct queue_flags flags = queue_entry(q)->flags;
    const struct queue_flags others = {.durable = !flags.durable, .exclusive = flags.exclusive};
    struct broker_error error;
    assert_true(check(world.vhost, "q", flags, 3, &error));
    assert_false(check(world.vhost, "q", flags, 4, &error));
    assert_non_null(strstr(error.text, "inequivalent arg 'x-max-length'"));
    assert_false(check(world.vhost, "q", others, 3, &error));
    assert_non_null(strstr(error.text, "inequivalent arg 'durable'"));
    assert_true(check(world.vhost, "new", flags, 4, &error));
    assert_null(queue_find(world.vhost, slice_str("new")));
    assert_false(check(world.vhost, "new", flags, -4, &error));
    assert_false(check(world.vhost, "amq.new", flags, 4, &error));
    assert_int_equal(error.refusal, REFUSAL_RESERVED);
    struct vhost *draft = vhost_draft(&world.topology, slice_str("draft"), SLICE_EMPTY);
    assert_true(check(draft, "q", others, 4, &error));
    vhost_draft_free(&draft);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_message_above_the_limit_drops_the_oldest),
        TEST(with_reject_publish_the_newest_is_refused),
        TEST(with_reject_publish_dlx_the_newest_is_also_a_dead_letter),
        TEST(the_bytes_of_bodies_are_counted),
        TEST(unacked_messages_do_not_count),
        TEST(a_message_requeued_to_a_full_queue_drops_the_oldest),
        TEST(a_limit_of_0_still_hands_messages_to_a_consumer),
        TEST(a_check_answers_as_a_declaration_would_and_changes_nothing),
        TEST(the_queue_stays_above_its_limit_until_what_it_gives_up_can_be_sent_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
