/* What a loop stages, and when it is answered: tickets, targets, ranges of settles. */
#include "store/log_world.h"

#include <stdlib.h>

#include "base/memory.h"

static void a_ticket_is_safe_after_the_sync_and_not_before(void **state)
{
    (void)state;
    struct world *w = world_create();
    struct log_stage *stage = log_stage(w->log, 0);
    assert_int_equal(log_submit(stage), 0); /* nothing staged yet */
    assert_int_equal(log_ticket(stage), 0);
    world_enqueue(w, 0, 1, "one");
    assert_int_equal(log_ticket(stage), 1);
    assert_int_equal(log_submit(stage), 1);
    assert_int_equal(log_submit(stage), 1);
    assert_int_equal(log_ticket(stage), 1);
    assert_true(log_unsafe_bytes(w->log) > 0);
    check_text(&w->answers, "");
    world_step(w);
    assert_int_equal(log_unsafe_bytes(w->log), 0);
    check_text(&w->answers, "0:1 ");
    world_cut_power(w);
    check_text(&w->read, "1.1 one\n");
    world_free(w);
}

static void a_record_that_was_not_submitted_is_not_stored(void **state)
{
    (void)state;
    struct world *w = world_create();
    world_enqueue(w, 0, 1, "one");
    world_submit_and_step(w, 0);
    world_enqueue(w, 0, 2, "two");
    world_step(w);
    world_reopen(w);
    check_text(&w->read, "1.1 one\n");
    world_free(w);
}

static void many_turns_of_all_stages_share_one_sync(void **state)
{
    (void)state;
    struct world *w = world_create();
    world_step(w); /* the next file is ready: the next write moves to it */
    world_enqueue(w, 0, 1, "first");
    world_submit_and_step(w, 0);
    w->answers.n = 0;
    uint64_t syncs = disk_sim_syncs(w->sim);
    for (uint64_t i = 1; i <= 10; i++)
        for (unsigned s = 0; s < STAGES; s++) {
            world_enqueue(w, s, i + 1, "x");
            log_submit(log_stage(w->log, s));
        }
    assert_true(log_step(w->log));
    assert_int_equal(disk_sim_syncs(w->sim), syncs + 1);
    check_text(&w->answers, "0:11 1:10 2:10 ");
    world_free(w);
}

static void a_message_for_many_queues_is_stored_once(void **state)
{
    (void)state;
    struct world *w = world_create();
    uint8_t *body = lv_calloc(1, 100000);
    struct log_message message = {.body = slice_of(body, 100000)};
    uint64_t before = disk_sim_used(w->sim);
    for (uint64_t q = 1; q <= 5000; q++)
        log_enqueue(log_stage(w->log, 0), &message, &message, q, 7, q % 2 ? 0 : LOG_DELIVERED, 0);
    world_submit_and_step(w, 0);
    assert_true(disk_sim_used(w->sim) - before < 100000 + 5000 * 16 + 4 * FILE_BYTES);
    world_cut_power(w);
    assert_int_equal(w->enqueues, 5000);
    assert_int_equal(w->recovery.records, 1);
    world_free(w);
    free(body);
}

static void messages_are_told_apart_even_at_the_same_address(void **state)
{
    (void)state;
    struct world *w = world_create();
    world_enqueue_body(w, 0, 1, 1, slice_str("a"));
    world_enqueue_body(w, 0, 1, 2, slice_str("b"));
    world_submit_and_step(w, 0);
    world_cut_power(w);
    check_text(&w->read, "1.1 a\n1.2 b\nsettle 999.1+2\n");
    world_free(w);
}

static void settles_one_by_one_become_one_range_for_each_queue(void **state)
{
    (void)state;
    struct world *w = world_create();
    struct log_stage *stage = log_stage(w->log, 0);
    for (uint64_t i = 0; i < 1000; i++)
        for (uint64_t q = 1; q <= 3; q++)
            log_settle(stage, q, q == 3 ? 5000 - i : 100 * q + i, 1);
    world_enqueue(w, 0, 1, "between"); /* may be stored before the settles above */
    log_settle(stage, 1, 1100, 5);
    log_queue_gone(stage, 9);
    log_settle(stage, 1, 1105, 1);
    world_submit_and_step(w, 0);
    world_cut_power(w);
    check_text(&w->read, "1.1 between\nsettle 1.100+1005\nsettle 2.200+1000\nsettle 3.4001+1000\n"
                         "gone 9\nsettle 1.1105+1\n");
    assert_int_equal(w->recovery.records, 4);
    world_free(w);
}

static void settles_without_order_are_all_kept(void **state)
{
    (void)state;
    struct world *w = world_create();
    for (uint64_t i = 0; i < 5000; i++)
        log_settle(log_stage(w->log, 0), i % 700, i * 2, 1);
    world_submit_and_step(w, 0);
    world_cut_power(w);
    unsigned lines = 0;
    for (size_t i = 0; i < w->read.n; i++)
        lines += w->read.p[i] == '\n';
    assert_int_equal(lines, 5000);
    world_free(w);
}

static void closing_stores_what_was_submitted(void **state)
{
    (void)state;
    struct world *w = world_create();
    for (uint64_t i = 1; i <= 3; i++) {
        world_enqueue(w, 0, i, "x");
        log_submit(log_stage(w->log, 0));
    }
    world_reopen(w);
    check_text(&w->read, "1.1 x\n1.2 x\n1.3 x\n");
    assert_int_equal(w->recovery.torn_bytes, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_safe_after_the_sync_and_not_before),
        cmocka_unit_test(a_record_that_was_not_submitted_is_not_stored),
        cmocka_unit_test(many_turns_of_all_stages_share_one_sync),
        cmocka_unit_test(a_message_for_many_queues_is_stored_once),
        cmocka_unit_test(messages_are_told_apart_even_at_the_same_address),
        cmocka_unit_test(settles_one_by_one_become_one_range_for_each_queue),
        cmocka_unit_test(settles_without_order_are_all_kept),
        cmocka_unit_test(closing_stores_what_was_submitted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
