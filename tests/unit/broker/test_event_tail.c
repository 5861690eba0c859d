/* The newest events, for readers who may be slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/memory.h"
#include "broker/event_tail.h"
#include "message/events.h"

static struct events events;
static struct event_tail *tail;
static struct lv_buffer headers;
static const char *key;
static uint64_t lost;

static int set_up(void **state)
{
    (void)state;
    events = (struct events){0};
    tail = event_tail_create(&events);
    lost = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    event_tail_free(&tail);
    lv_buffer_free(&headers);
    headers = (struct lv_buffer){0};
    return 0;
}

static void put(const char *name, const char *text)
{
    event_tail_put(tail, name, slice_str(text));
}

static void assert_next(struct event_reader *r, const char *name, const char *text)
{
    assert_int_equal(event_read_next(r, &key, &headers, &lost), EVENT_READ);
    assert_string_equal(key, name);
    assert_true(slice_is(lv_buffer_slice(&headers), text));
}

static void assert_none(struct event_reader *r)
{
    assert_int_equal(event_read_next(r, &key, &headers, &lost), EVENT_READ_NONE);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_reader_gets_in_order_what_comes_after_it(void **state)
{
    (void)state;
    struct event_reader first, second;
    put("queue.created", "before");
    event_reader_begin(&first, tail);
    assert_none(&first);
    put("queue.created", "one");
    event_reader_begin(&second, tail);
    put("queue.deleted", "two");
    assert_next(&first, "queue.created", "one");
    assert_next(&first, "queue.deleted", "two");
    assert_none(&first);
    assert_next(&second, "queue.deleted", "two");
    assert_none(&second);
    event_reader_end(&first);
    event_reader_end(&second);
}

static void events_are_followed_while_there_is_a_reader(void **state)
{
    (void)state;
    struct event_reader first, second;
    assert_false(atomic_load(&events.state) & EVENT_STATE_FOLLOWED);
    event_reader_begin(&first, tail);
    event_reader_begin(&second, tail);
    put("vhost.created", "left behind");
    event_reader_end(&first);
    assert_true(atomic_load(&events.state) & EVENT_STATE_FOLLOWED);
    event_reader_end(&second);
    assert_false(atomic_load(&events.state) & EVENT_STATE_FOLLOWED);
    event_reader_begin(&first, tail);
    assert_none(&first);
    event_reader_end(&first);
}

static void a_slow_reader_is_told_how_many_it_has_lost(void **state)
{
    (void)state;
    struct event_reader r;
    event_reader_begin(&r, tail);
    for (unsigned i = 0; i < EVENT_TAIL_EVENTS + 5; i++)
        put("queue.created", i < 5 ? "lost" : "kept");
    assert_int_equal(event_read_next(&r, &key, &headers, &lost), EVENT_READ_LOST);
    assert_int_equal(lost, 5);
    for (unsigned i = 0; i < EVENT_TAIL_EVENTS; i++)
        assert_next(&r, "queue.created", "kept");
    assert_none(&r);
    event_reader_end(&r);
}

static void large_events_take_bounded_memory(void **state)
{
    (void)state;
    enum { LARGE = EVENT_TAIL_BYTES / 4 };
    struct event_reader r;
    struct slice large = slice_of(lv_calloc(1, LARGE), LARGE);
    event_reader_begin(&r, tail);
    for (unsigned i = 0; i < 7; i++)
        event_tail_put(tail, "policy.set", large);
    assert_int_equal(event_read_next(&r, &key, &headers, &lost), EVENT_READ_LOST);
    assert_int_equal(lost, 3);
    assert_int_equal(event_read_next(&r, &key, &headers, &lost), EVENT_READ);
    assert_int_equal(headers.n, LARGE);
    event_reader_end(&r);
    free((void *)(uintptr_t)large.p);
}

static void count_wake(void *arg)
{
    ++*(unsigned *)arg;
}

static void whoever_follows_is_woken_for_each_event_that_is_kept(void **state)
{
    (void)state;
    struct event_reader r;
    unsigned woken = 0;
    event_tail_set_wake(tail, count_wake, &woken);
    put("queue.created", "before");
    assert_int_equal(woken, 0);
    event_reader_begin(&r, tail);
    put("queue.created", "one");
    put("queue.deleted", "two");
    assert_int_equal(woken, 2);
    event_tail_set_wake(tail, NULL, NULL);
    put("queue.created", "three");
    assert_int_equal(woken, 2);
    event_reader_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reader_gets_in_order_what_comes_after_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(events_are_followed_while_there_is_a_reader, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_slow_reader_is_told_how_many_it_has_lost, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(large_events_take_bounded_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whoever_follows_is_woken_for_each_event_that_is_kept,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
