/* Events: who hears of them, and what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "message/events.h"
#include "wire/table.h"

static struct events events;
static unsigned published;
static const char *last_key;
static struct lv_buffer last_headers; /* of the last event */

static void publish(struct events *to, const char *key, struct lv_buffer *headers)
{
    assert_ptr_equal(to, &events);
    published++;
    last_key = key;
    lv_buffer_free(&last_headers);
    last_headers = *headers;
    *headers = (struct lv_buffer){0};
}

static int set_up(void **state)
{
    (void)state;
    events = (struct events){.publish = publish};
    published = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lv_buffer_free(&last_headers);
    return 0;
}

static struct field field_of(const char *name)
{
    struct field f;
    assert_true(table_find(lv_buffer_slice(&last_headers), name, &f));
    return f;
}

static void nothing_is_published_without_a_binding(void **state)
{
    (void)state;
    event_emit(&events, "a.created", EVENT_TEXT("name", "a"));
    assert_int_equal(published, 0);
    events_set_bound(&events, true);
    event_emit(&events, "b.created", EVENT_TEXT("name", "b"));
    assert_int_equal(published, 1);
    events_set_bound(&events, false);
    event_emit(&events, "c.created", EVENT_TEXT("name", "c"));
    assert_int_equal(published, 1);
}

static int evaluated;
static struct event_field evaluate(void)
{
    evaluated++;
    return EVENT_NONE;
}

static void fields_are_not_evaluated_without_a_binding(void **state)
{
    (void)state;
    evaluated = 0;
    event_emit(&events, "a.created", evaluate());
    assert_int_equal(evaluated, 0);
    events_set_bound(&events, true);
    event_emit(&events, "a.created", evaluate());
    assert_int_equal(evaluated, 1);
}

static void an_event_is_its_key_and_a_table_of_its_fields(void **state)
{
    (void)state;
    events_set_bound(&events, true);
    event_emit(&events, "thing.created", EVENT_TEXT("name", "x"), EVENT_BOOL("durable", true),
               EVENT_LONG("count", 7), EVENT_NONE, EVENT_WORDS("tags", slice_str("a,b")),
               EVENT_ADDRESS("host", slice_str("127.0.0.1")));
    assert_string_equal(last_key, "thing.created");
    assert_true(slice_is(field_of("name").bytes, "x"));
    assert_true(field_of("durable").b);
    assert_int_equal(field_of("count").i, 7);
    assert_true(slice_is(field_of("host").bytes, "{127,0,0,1}"));
    struct slice tags = field_of("tags").bytes;
    struct field tag;
    assert_true(array_next(&tags, &tag) && slice_is(tag.bytes, "a"));
    assert_true(array_next(&tags, &tag) && slice_is(tag.bytes, "b"));
    assert_false(array_next(&tags, &tag));
}

static void nothing_is_published_once_events_are_stopped(void **state)
{
    (void)state;
    events_set_bound(&events, true);
    events_stop(&events);
    event_emit(&events, "a.deleted", EVENT_TEXT("name", "a"));
    events_set_bound(&events, true);
    event_emit(&events, "a.deleted", EVENT_TEXT("name", "a"));
    assert_int_equal(published, 0);
}

static void the_actor_is_the_user_that_was_set_or_the_broker(void **state)
{
    (void)state;
    assert_true(slice_is(events_actor(), EVENT_ACTOR_INTERNAL));
    struct slice before = events_act_as(slice_str("ann"));
    assert_int_equal(before.n, 0);
    assert_true(slice_is(events_actor(), "ann"));
    events_act_as(before);
    assert_true(slice_is(events_actor(), EVENT_ACTOR_INTERNAL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_published_without_a_binding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fields_are_not_evaluated_without_a_binding, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_event_is_its_key_and_a_table_of_its_fields, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_published_once_events_are_stopped, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_actor_is_the_user_that_was_set_or_the_broker, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
