/* Deadlines of messages and how often they came back, wherever the messages are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "paging/backlog.h"

enum { CHUNK = SEQMAP_ENTRIES };

static struct backlog b;

static int set_up(void **state)
{
    (void)state;
    backlog_init(&b);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    backlog_free(&b);
    return 0;
}

static uint64_t push(void)
{
    struct message *m =
        message_create(SLICE_EMPTY, slice_str("key"), SLICE_EMPTY, 0, /* is_persistent */ true);
    return backlog_push(&b, &m);
}

/* Pushes a message with this deadline; 0: none. */
static void push_due(uint64_t deadline_ms)
{
    uint64_t sequence = push();
    if (deadline_ms)
        backlog_set_deadline(&b, sequence, deadline_ms);
}

static void page_out(uint64_t chunk)
{
    struct backlog_chunk *c = backlog_chunk(&b, chunk);
    c->stored = c->live;
    backlog_page_out(&b, chunk);
}

static void take_at(uint64_t sequence)
{
    bool redelivered;
    backlog_deliver_at(&b, sequence, &redelivered);
}

static void settle(uint64_t sequence)
{
    struct backlog_left left;
    assert_true(backlog_settle(&b, sequence, &left));
}

static void assert_first_due(uint64_t sequence, uint64_t deadline_ms, bool is_here)
{
    struct backlog_first_due due;
    assert_true(backlog_find_due(&b, &due));
    assert_int_equal(due.sequence, sequence);
    assert_int_equal(due.deadline_ms, deadline_ms);
    assert_int_equal(due.is_here, is_here);
}

static void assert_nothing_due(void)
{
    struct backlog_first_due due;
    assert_false(backlog_find_due(&b, &due));
}

/* --- promises --------------------------------------------------------------------------------- */

static void the_earliest_deadline_is_found_wherever_its_message_is_in_line(void **state)
{
    (void)state;
    push_due(300);
    push_due(0);
    push_due(100);
    push_due(200);
    assert_first_due(2, 100, true);
    take_at(2);
    assert_first_due(3, 200, true);
}

static void an_unacked_message_is_not_due_until_it_is_returned(void **state)
{
    (void)state;
    push_due(100);
    take_at(0);
    assert_nothing_due();
    assert_true(backlog_return(&b, 0));
    assert_first_due(0, 100, true);
}

static void a_settled_message_is_never_due(void **state)
{
    (void)state;
    push_due(100);
    push_due(200);
    take_at(0);
    settle(0);
    assert_first_due(1, 200, true);
    assert_int_equal(backlog_deadline(&b, 0), 0);
}

static void a_deadline_is_known_while_its_message_is_on_disk(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * CHUNK; i++)
        push_due(1000 - i);
    page_out(0);
    assert_int_equal(backlog_deadline(&b, 5), 995);
    assert_first_due(2 * CHUNK - 1, 1000 - (2 * CHUNK - 1), true);
    for (uint64_t i = CHUNK; i < 2 * CHUNK; i++)
        take_at(i);
    assert_first_due(CHUNK - 1, 1000 - (CHUNK - 1), false);
}

static void what_is_delivered_on_disk_for_its_deadline_makes_the_next_one_due(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * CHUNK; i++)
        push_due(1000 + i);
    page_out(0);
    backlog_deliver_on_disk(&b, 0);
    assert_first_due(1, 1001, false);
}

static void deadlines_of_many_messages_come_in_their_order(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    uint64_t last = 0;
    for (uint64_t i = 0; i < COUNT; i++)
        push_due(1 + (i * 7919) % COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        struct backlog_first_due due;
        assert_true(backlog_find_due(&b, &due));
        assert_true(due.deadline_ms > last);
        last = due.deadline_ms;
        take_at(due.sequence);
        settle(due.sequence);
    }
    assert_nothing_due();
}

static void the_first_few_that_are_due_can_be_listed_without_taking_them(void **state)
{
    (void)state;
    struct backlog_first_due first[3];
    for (unsigned i = 0; i < 3 * CHUNK; i++)
        push_due(1000 - i);
    page_out(0);
    page_out(1);
    assert_int_equal(backlog_find_deadlines(&b, first, 3), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(first[i].sequence, 3 * CHUNK - 1 - i);
    assert_first_due(3 * CHUNK - 1, 1000 - (3 * CHUNK - 1), true);
}

static void messages_without_a_deadline_are_not_listed(void **state)
{
    (void)state;
    struct backlog_first_due first[3], one;
    push_due(0);
    push_due(50);
    assert_int_equal(backlog_find_deadlines(&b, first, 3), 1);
    assert_false(backlog_find_timed(&b, 0, &one));
    assert_true(backlog_find_timed(&b, 1, &one));
    assert_int_equal(one.deadline_ms, 50);
}

static void the_index_does_not_outgrow_the_messages_that_wait(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100000; i++) {
        push_due(1000 + i);
        take_at(i);
        settle(i);
    }
    assert_in_range(b.deadline_count, 0, 256);
}

static bool count_chunk(void *arg, uint64_t chunk)
{
    unsigned *count = arg;
    (void)chunk;
    ++*count;
    return true;
}

static void chunks_on_disk_with_something_due_are_found_for_reading(void **state)
{
    (void)state;
    unsigned count = 0;
    for (unsigned i = 0; i < 4 * CHUNK; i++)
        push_due(i < CHUNK ? 100 : i < 2 * CHUNK ? 0 : 5000);
    page_out(0);
    page_out(1);
    page_out(2);
    backlog_each_due_on_disk(&b, 1000, count_chunk, &count);
    assert_int_equal(count, 1);
    assert_true(backlog_due_on_disk(&b, 0, 1000) == UINT64_MAX);
    assert_int_equal(backlog_due_on_disk(&b, 2, 1000), 0);
    assert_int_equal(backlog_due_bytes(&b, 0, 1000, 10), CHUNK * 10);
}

static void returns_are_counted_where_the_queue_counts_them(void **state)
{
    (void)state;
    b.counts_deliveries = true;
    push();
    assert_int_equal(backlog_deliveries(&b, 0), 0);
    for (unsigned i = 1; i <= 3; i++) {
        take_at(0);
        assert_true(backlog_return(&b, 0));
        assert_int_equal(backlog_deliveries(&b, 0), i);
    }
}

static void a_count_of_returns_is_known_while_the_message_is_on_disk(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * CHUNK; i++)
        push();
    backlog_set_deliveries(&b, 9, 4);
    page_out(0);
    assert_int_equal(backlog_deliveries(&b, 9), 4);
    backlog_set_deliveries(&b, 9, 1000000); /* more than is counted */
    assert_int_equal(backlog_deliveries(&b, 9), UINT16_MAX);
}

int main(void)
{
#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        PROMISE(the_earliest_deadline_is_found_wherever_its_message_is_in_line),
        PROMISE(an_unacked_message_is_not_due_until_it_is_returned),
        PROMISE(a_settled_message_is_never_due),
        PROMISE(a_deadline_is_known_while_its_message_is_on_disk),
        PROMISE(what_is_delivered_on_disk_for_its_deadline_makes_the_next_one_due),
        PROMISE(deadlines_of_many_messages_come_in_their_order),
        PROMISE(the_first_few_that_are_due_can_be_listed_without_taking_them),
        PROMISE(messages_without_a_deadline_are_not_listed),
        PROMISE(the_index_does_not_outgrow_the_messages_that_wait),
        PROMISE(chunks_on_disk_with_something_due_are_found_for_reading),
        PROMISE(returns_are_counted_where_the_queue_counts_them),
        PROMISE(a_count_of_returns_is_known_while_the_message_is_on_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
