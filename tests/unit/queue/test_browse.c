/* Browsing a queue takes none of its messages. */
#include "queue_world.h"

static struct queue *q;
static unsigned wakes;

static int set_up(void **state)
{
    (void)state;
    world_start();
    q = world_queue("q", NULL);
    wakes = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_stop();
    return 0;
}

static void wake(void *arg)
{
    (void)arg;
    wakes++;
}

static struct browse *look(struct browse_options options)
{
    options.wake = wake;
    return browse_open(q, &options);
}

/* Returns the bodies from the browse's position to its end. Unacked ones are in brackets. */
static const char *seen(struct browse *browse)
{
    static char text[WORLD_TEXT_MAX];
    struct browse_item item;
    size_t n = 0;
    enum browse_result result;
    while ((result = browse_peek(browse, &item)) == BROWSE_ITEM) {
        struct message *m = browse_message(browse);
        n += (size_t)snprintf(text + n, sizeof text - n, item.is_unacked ? "(%c)" : "%c",
                              message_body(m).p[0]);
        message_unref(&m);
        browse_pass(browse);
    }
    assert_int_equal(result, BROWSE_END);
    text[n] = '\0';
    return text;
}

static void ready_messages_are_seen_in_order_and_stay(void **state)
{
    (void)state;
    world_publish_all(q, "abc");
    struct browse *browse = look((struct browse_options){0});
    assert_string_equal(seen(browse), "abc");
    assert_int_equal(world_ready(q), 3);
    browse_close(&browse);
}

static void messages_that_arrive_later_wake_the_browse_and_are_seen(void **state)
{
    (void)state;
    struct browse *browse = look((struct browse_options){0});
    assert_string_equal(seen(browse), "");
    world_publish_all(q, "a");
    assert_int_equal(wakes, 1);
    assert_string_equal(seen(browse), "a");
    assert_string_equal(seen(browse), "");
    browse_close(&browse);
}

static void a_bounded_browse_ends_where_the_queue_ended_when_it_began(void **state)
{
    (void)state;
    world_publish_all(q, "ab");
    struct browse *browse = look((struct browse_options){.is_bounded = true});
    world_publish_all(q, "c");
    assert_string_equal(seen(browse), "ab");
    browse_close(&browse);
}

static void a_browse_begins_where_it_is_asked_to(void **state)
{
    (void)state;
    world_publish_all(q, "abcd");
    struct browse *third = look((struct browse_options){.start.skip = 2});
    struct browse *last = look((struct browse_options){.start.is_last = true});
    struct browse *next = look((struct browse_options){.start.is_next = true});
    assert_string_equal(seen(third), "cd");
    assert_string_equal(seen(last), "d");
    assert_string_equal(seen(next), "");
    world_publish_all(q, "e");
    assert_string_equal(seen(next), "e");
    browse_close(&third);
    browse_close(&last);
    browse_close(&next);
}

static void unacked_messages_are_skipped_unless_they_are_asked_for(void **state)
{
    (void)state;
    struct taker taker;
    taker_start(&taker, q, &(struct taker_options){.prefetch = 1});
    world_publish_all(q, "abc");
    struct browse *ready = look((struct browse_options){0});
    struct browse *all = look((struct browse_options){.with_unacked = true});
    assert_string_equal(seen(ready), "bc");
    assert_string_equal(seen(all), "(a)bc");
    taker_stop(&taker); /* a is ready again, before the browse's position */
    assert_string_equal(seen(ready), "");
    browse_close(&ready);
    browse_close(&all);
}

static void higher_priorities_are_seen_first(void **state)
{
    (void)state;
    struct lv_buffer arguments = {0};
    world_argument(&arguments, "x-max-priority", 9);
    q = world_queue("priorities", &arguments);
    world_publish(q, &(struct world_message){.body = "a", .priority = 1});
    world_publish(q, &(struct world_message){.body = "b", .priority = 7});
    world_publish(q, &(struct world_message){.body = "c", .priority = 1});
    struct browse *browse = look((struct browse_options){0});
    assert_string_equal(seen(browse), "bac");
    world_publish(q, &(struct world_message){.body = "d", .priority = 9});
    assert_string_equal(seen(browse), "d");
    browse_close(&browse);
    lv_buffer_free(&arguments);
}

static void a_deleted_queue_wakes_the_browse_and_is_reported(void **state)
{
    (void)state;
    struct browse_item item;
    world_publish_all(q, "a");
    struct browse *browse = look((struct browse_options){0});
    wakes = 0;
    queue_delete(q);
    assert_int_equal(wakes, 1);
    assert_int_equal(browse_peek(browse, &item), BROWSE_GONE);
    browse_close(&browse);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(ready_messages_are_seen_in_order_and_stay),
        TEST(messages_that_arrive_later_wake_the_browse_and_are_seen),
        TEST(a_bounded_browse_ends_where_the_queue_ended_when_it_began),
        TEST(a_browse_begins_where_it_is_asked_to),
        TEST(unacked_messages_are_skipped_unless_they_are_asked_for),
        TEST(higher_priorities_are_seen_first),
        TEST(a_deleted_queue_wakes_the_browse_and_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
