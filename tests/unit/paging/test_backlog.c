/* The messages that a lane holds: their order, their counts, and the middle of them that is on
 * disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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

/* A message with a body of this many bytes. */
static struct message *message_of(uint64_t body_bytes, bool is_persistent)
{
    struct message *m =
        message_create(slice_str(""), slice_str("key"), SLICE_EMPTY, body_bytes, is_persistent);
    memset(message_body_space(m), 'x', body_bytes);
    return m;
}

static uint64_t push(uint64_t body_bytes)
{
    struct message *m = message_of(body_bytes, true);
    return backlog_push(&b, &m);
}

static void push_many(unsigned count)
{
    while (count-- > 0)
        push(10);
}

static uint64_t take(void)
{
    uint64_t sequence;
    bool redelivered;
    backlog_deliver(&b, &sequence, &redelivered);
    return sequence;
}

static void settle(uint64_t sequence)
{
    struct backlog_left left;
    assert_true(backlog_settle(&b, sequence, &left));
}

/* Writes a chunk to a segment and frees it. */
static void page_out(uint64_t chunk)
{
    struct backlog_chunk *c = backlog_chunk(&b, chunk);
    c->stored = c->live;
    backlog_page_out(&b, chunk);
}

/* Reads message `sequence` back from its segment. */
static void page_in(uint64_t sequence)
{
    struct message *m = message_of(10, true);
    backlog_page_in(&b, sequence, &m, false);
}

static void assert_next_is(enum backlog_next expected, uint64_t sequence)
{
    uint64_t next = UINT64_MAX;
    assert_int_equal(backlog_next(&b, &next), expected);
    if (expected == BACKLOG_HERE)
        assert_int_equal(next, sequence);
}

/* --- order ------------------------------------------------------------------------------------ */

static void messages_are_delivered_in_the_order_in_which_they_came(void **state)
{
    (void)state;
    push_many(200);
    for (uint64_t i = 0; i < 200; i++)
        assert_int_equal(take(), i);
    assert_next_is(BACKLOG_NONE, 0);
}

static void a_message_that_comes_back_is_next_at_its_old_position(void **state)
{
    (void)state;
    uint64_t sequence;
    bool redelivered;
    push_many(200);
    for (int i = 0; i < 150; i++)
        take();
    assert_true(backlog_return(&b, 3));
    backlog_deliver(&b, &sequence, &redelivered);
    assert_int_equal(sequence, 3);
    assert_true(redelivered);
    backlog_deliver(&b, &sequence, &redelivered);
    assert_int_equal(sequence, 150);
    assert_false(redelivered);
}

static void requeueing_in_any_order_restores_the_order(void **state)
{
    (void)state;
    push_many(5);
    for (int i = 0; i < 5; i++)
        take();
    backlog_return(&b, 4);
    backlog_return(&b, 0);
    backlog_return(&b, 2);
    assert_int_equal(take(), 0);
    assert_int_equal(take(), 2);
    assert_int_equal(take(), 4);
}

static void an_undelivered_message_is_ready_and_not_redelivered(void **state)
{
    (void)state;
    uint64_t sequence;
    bool redelivered, is_here;
    push_many(2);
    take();
    assert_true(backlog_undeliver(&b, 0, &is_here));
    assert_true(is_here);
    backlog_deliver(&b, &sequence, &redelivered);
    assert_int_equal(sequence, 0);
    assert_false(redelivered);
}

static void what_is_settled_cannot_come_back_nor_be_settled_again(void **state)
{
    (void)state;
    struct backlog_left left;
    push_many(2);
    take();
    settle(0);
    assert_false(backlog_settle(&b, 0, &left));
    assert_false(backlog_return(&b, 0));
    assert_null(backlog_find(&b, 0));
    assert_false(backlog_settle(&b, 1, &left)); /* it is ready, not unacked */
}

static void a_message_delivered_at_once_is_never_ready(void **state)
{
    (void)state;
    struct message *m = message_of(10, true);
    assert_int_equal(backlog_push_unacked(&b, &m), 0);
    assert_null(m);
    assert_next_is(BACKLOG_NONE, 0);
    assert_int_equal(b.unacked, 1);
    settle(0);
    assert_int_equal(b.unacked, 0);
}

/* --- counts ----------------------------------------------------------------------------------- */

static void bytes_and_counts_follow_a_message_through_its_states(void **state)
{
    (void)state;
    struct backlog_left left;
    push(10);
    push(30);
    assert_int_equal(b.ready, 2);
    assert_int_equal(b.ready_bytes, 40);
    assert_int_equal(b.persistent_bytes, 40);
    take();
    assert_int_equal(b.ready, 1);
    assert_int_equal(b.ready_bytes, 30);
    assert_int_equal(b.unacked, 1);
    assert_int_equal(b.unacked_bytes, 10);
    assert_true(backlog_settle(&b, 0, &left));
    assert_int_equal(left.body_bytes, 10);
    assert_true(left.is_persistent);
    assert_false(left.is_stored);
    assert_int_equal(b.unacked_bytes, 0);
    assert_int_equal(b.persistent_bytes, 30);
}

static void transient_messages_count_as_persistent_only_where_all_are_stored(void **state)
{
    (void)state;
    struct message *m = message_of(10, false);
    backlog_push(&b, &m);
    assert_int_equal(b.persistent, 0);
    b.stores_all = true;
    m = message_of(10, false);
    backlog_push(&b, &m);
    assert_int_equal(b.persistent, 1);
}

static void a_backlog_that_is_drained_holds_no_memory_for_what_was_there(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100000; i++) {
        push(10);
        take();
        settle(i);
    }
    assert_int_equal(b.memory_bytes, 0);
    assert_in_range(b.chunks.capacity, 1, 4);
}

static void freeing_in_slices_frees_everything(void **state)
{
    (void)state;
    unsigned count, all = 0;
    push_many(150);
    while (backlog_free_some(&b, &count)) {
        assert_in_range(count, 0, CHUNK);
        all += count;
    }
    assert_int_equal(all, 150);
}

/* --- disk ------------------------------------------------------------------------------------- */

static void messages_after_those_on_disk_wait_until_these_are_read(void **state)
{
    (void)state;
    push_many(4 * CHUNK);
    page_out(1);
    page_out(2);
    for (uint64_t i = 0; i < CHUNK; i++)
        assert_int_equal(take(), i);
    assert_next_is(BACKLOG_ON_DISK, 0);
    assert_int_equal(b.ready, 3 * CHUNK);
    assert_int_equal(b.disk_ready, 2 * CHUNK);
}

static void a_chunk_is_delivered_in_order_while_it_is_being_read(void **state)
{
    (void)state;
    push_many(3 * CHUNK);
    page_out(0);
    page_out(1);
    page_in(0);
    assert_next_is(BACKLOG_HERE, 0);
    assert_int_equal(take(), 0);
    assert_next_is(BACKLOG_ON_DISK, 0);
    for (uint64_t i = 1; i < CHUNK; i++)
        page_in(i);
    backlog_page_next(&b);
    assert_int_equal(take(), 1);
    assert_int_equal(b.disk_ready, CHUNK);
}

static void a_message_on_disk_keeps_its_count_and_costs_no_memory(void **state)
{
    (void)state;
    push_many(2 * CHUNK);
    const uint64_t memory = b.memory_bytes;
    page_out(0);
    assert_int_equal(b.ready, 2 * CHUNK);
    assert_int_equal(b.ready_bytes, 2 * CHUNK * 10);
    assert_int_equal(b.memory_bytes, memory / 2);
    assert_null(backlog_find(&b, 0));
}

static void an_empty_chunk_between_chunks_on_disk_is_on_disk_too(void **state)
{
    (void)state;
    push_many(4 * CHUNK);
    for (uint64_t i = 0; i < 2 * CHUNK; i++)
        take();
    for (uint64_t i = CHUNK; i < 2 * CHUNK; i++)
        settle(i);
    for (uint64_t i = 0; i < CHUNK; i++)
        backlog_return(&b, i);
    page_out(0);
    backlog_page_gap(&b, 1);
    page_out(2);
    assert_true(backlog_is_gone_on_disk(&b, CHUNK));
    assert_false(backlog_is_gone_on_disk(&b, 2 * CHUNK));
    assert_int_equal(b.disk_ready, 2 * CHUNK);
}

static void what_is_on_disk_may_be_delivered_and_settled_there(void **state)
{
    (void)state;
    struct backlog_left left;
    push_many(2 * CHUNK);
    page_out(0);
    backlog_set_content(&b, 7, 10, true, false);
    backlog_deliver_on_disk(&b, 7);
    assert_int_equal(b.disk_ready, CHUNK - 1);
    assert_int_equal(b.unacked, 1);
    assert_true(backlog_settle(&b, 7, &left));
    assert_true(left.is_stored); /* its segment must be told */
    assert_int_equal(left.body_bytes, 10);
    assert_true(backlog_is_gone_on_disk(&b, 7));
    assert_false(backlog_is_gone_on_disk(&b, 8));
    assert_int_equal(b.unacked, 0);
}

static void what_was_delivered_on_disk_is_still_unacked_when_its_chunk_is_read(void **state)
{
    (void)state;
    struct backlog_left left;
    push_many(2 * CHUNK);
    page_out(0);
    backlog_set_content(&b, 1, 10, true, false);
    backlog_deliver_on_disk(&b, 1);
    for (uint64_t i = 0; i < CHUNK; i++)
        page_in(i);
    backlog_page_next(&b);
    assert_int_equal(take(), 0);
    assert_int_equal(take(), 2);
    assert_true(backlog_settle(&b, 1, &left));
}

static void dropping_what_is_on_disk_leaves_what_is_in_memory(void **state)
{
    (void)state;
    push_many(4 * CHUNK);
    page_out(1);
    page_out(2);
    backlog_drop_disk(&b);
    assert_int_equal(b.ready, 2 * CHUNK);
    assert_int_equal(b.disk_ready, 0);
    assert_false(backlog_has_disk(&b));
    for (uint64_t i = 0; i < CHUNK; i++)
        assert_int_equal(take(), i);
    assert_int_equal(take(), 3 * CHUNK);
}

/* --- recovery --------------------------------------------------------------------------------- */

static void a_restored_message_is_ready_at_its_position_and_numbers_go_on_behind_it(void **state)
{
    (void)state;
    uint64_t sequence;
    bool redelivered;
    struct message *m = message_of(10, true);
    backlog_restore(&b, 700, &m, true, false);
    assert_int_equal(push(10), 701);
    backlog_deliver(&b, &sequence, &redelivered);
    assert_int_equal(sequence, 700);
    assert_true(redelivered);
}

static void skipped_numbers_are_never_given_out(void **state)
{
    (void)state;
    push(10);
    backlog_skip_to(&b, 1000);
    assert_int_equal(push(10), 1000);
    backlog_skip_to(&b, 5); /* lower than the next number: nothing happens */
    assert_int_equal(push(10), 1001);
    assert_int_equal(take(), 0);
    assert_int_equal(take(), 1000);
}

int main(void)
{
#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        PROMISE(messages_are_delivered_in_the_order_in_which_they_came),
        PROMISE(a_message_that_comes_back_is_next_at_its_old_position),
        PROMISE(requeueing_in_any_order_restores_the_order),
        PROMISE(an_undelivered_message_is_ready_and_not_redelivered),
        PROMISE(what_is_settled_cannot_come_back_nor_be_settled_again),
        PROMISE(a_message_delivered_at_once_is_never_ready),
        PROMISE(bytes_and_counts_follow_a_message_through_its_states),
        PROMISE(transient_messages_count_as_persistent_only_where_all_are_stored),
        PROMISE(a_backlog_that_is_drained_holds_no_memory_for_what_was_there),
        PROMISE(freeing_in_slices_frees_everything),
        PROMISE(messages_after_those_on_disk_wait_until_these_are_read),
        PROMISE(a_chunk_is_delivered_in_order_while_it_is_being_read),
        PROMISE(a_message_on_disk_keeps_its_count_and_costs_no_memory),
        PROMISE(an_empty_chunk_between_chunks_on_disk_is_on_disk_too),
        PROMISE(what_is_on_disk_may_be_delivered_and_settled_there),
        PROMISE(what_was_delivered_on_disk_is_still_unacked_when_its_chunk_is_read),
        PROMISE(dropping_what_is_on_disk_leaves_what_is_in_memory),
        PROMISE(a_restored_message_is_ready_at_its_position_and_numbers_go_on_behind_it),
        PROMISE(skipped_numbers_are_never_given_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
