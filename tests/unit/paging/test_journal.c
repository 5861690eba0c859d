/* What a journal promises the owner of a lane: confirms after the sync, and nothing confirmed is
 * lost. */
#include "lane_world.h"

#include "base/error.h"

static void confirmed_are(uint64_t first, unsigned count)
{
    assert_int_equal(w.confirmed_count, count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(w.confirmed[i], first + i);
}

/* --- confirms --------------------------------------------------------------------------------- */

static void a_persistent_message_is_confirmed_when_it_is_synced_and_not_before(void **state)
{
    (void)state;
    lane_world_open();
    assert_int_equal(lane_world_publish(7), CONFIRM_LATER);
    lane_world_turn();
    lane_world_turn();
    assert_int_equal(w.confirmed_count, 0);
    const uint64_t syncs = disk_sim_syncs(w.disk);
    lane_world_settle();
    confirmed_are(7, 1);
    assert_true(disk_sim_syncs(w.disk) > syncs);
}

static void confirms_come_in_the_order_of_the_publishes(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 1000);
    confirmed_are(0, 1000);
}

static void many_publishes_share_a_sync(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish(0);
    lane_world_settle();
    const uint64_t before = disk_sim_syncs(w.disk);
    for (uint64_t i = 1; i <= 500; i++)
        lane_world_publish(i);
    lane_world_settle();
    confirmed_are(0, 501);
    assert_true(disk_sim_syncs(w.disk) - before < 10);
}

static void a_confirm_waits_for_the_definition_of_the_owner_too(void **state)
{
    (void)state;
    lane_world_open();
    w.owner.definition = OWNER_PENDING;
    lane_world_publish(1);
    lane_world_publish(2);
    lane_world_settle();
    assert_int_equal(w.confirmed_count, 0);
    w.owner.definition = OWNER_STORED;
    journal_owner_decided(w.home);
    confirmed_are(1, 2);
}

static void a_publish_is_refused_when_the_definition_of_the_owner_cannot_be_stored(void **state)
{
    (void)state;
    lane_world_open();
    w.owner.definition = OWNER_PENDING;
    lane_world_publish(1);
    lane_world_settle();
    w.owner.definition = OWNER_FAILED;
    journal_owner_decided(w.home);
    assert_int_equal(w.confirmed_count, 0);
    assert_int_equal(w.refused_count, 1);
    lane_world_publish(2); /* and so is one that comes later */
    lane_world_settle();
    assert_int_equal(w.confirmed_count, 0);
    assert_int_equal(w.refused_count, 2);
}

static void an_owner_without_a_journal_takes_a_message_at_once_and_stores_nothing(void **state)
{
    (void)state;
    w.has_journal = false;
    lane_world_open();
    const uint64_t syncs = disk_sim_syncs(w.disk);
    assert_int_equal(lane_world_publish(1), CONFIRM_TOOK);
    lane_world_settle();
    assert_int_equal(disk_sim_syncs(w.disk), syncs);
    assert_int_equal(w.counters.writes, 0);
}

static void a_transient_message_is_taken_at_once(void **state)
{
    (void)state;
    struct message *m = message_create(SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY, 0, false);
    lane_world_open();
    assert_int_equal(journal_answer(&w.owner, m), CONFIRM_TOOK);
    message_unref(&m);
}

static void settles_can_be_waited_for(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 1);
    lane_world_ack(lane_world_take().sequence);
    assert_int_equal(journal_answer_settled(&w.owner), CONFIRM_LATER);
    journal_confirm(&w.owner, &w.sink, 100);
    assert_int_equal(w.confirmed_count, 1);
    lane_world_settle();
    assert_int_equal(w.confirmed_count, 2);
    assert_int_equal(w.confirmed[1], 100);
}

static void settles_of_an_earlier_turn_are_answered_when_they_are_safe(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 1);
    lane_world_ack(lane_world_take().sequence);
    lane_world_turn(); /* submits them, and stages nothing more */
    assert_int_equal(journal_answer_settled(&w.owner), CONFIRM_LATER);
    journal_confirm(&w.owner, &w.sink, 100);
    lane_world_settle();
    assert_int_equal(w.confirmed_count, 2);
    assert_int_equal(w.confirmed[1], 100);
}

static void settles_that_are_safe_already_need_not_be_waited_for(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 1);
    lane_world_ack(lane_world_take().sequence);
    lane_world_settle();
    assert_int_equal(journal_answer_settled(&w.owner), CONFIRM_TOOK);
}

/* --- a disk that fails ------------------------------------------------------------------------ */

static void after_a_failed_sync_publishes_are_refused_and_the_failure_is_told(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 1);
    lane_world_publish(1);
    disk_sim_fail_at(w.disk, disk_sim_calls(w.disk) + 1, ERR_IO);
    lane_world_settle();
    assert_int_equal(w.refused_count, 1);
    assert_true(w.failures > 0);
    assert_int_equal(lane_world_publish(2), CONFIRM_REFUSED);
}

static void consumers_are_served_though_nothing_can_be_stored(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 3);
    disk_sim_fail_at(w.disk, disk_sim_calls(w.disk) + 1, ERR_IO);
    lane_world_publish(3);
    lane_world_settle();
    assert_true(w.failures > 0);
    lane_world_consume(0, 3);
}

/* --- after a crash ---------------------------------------------------------------------------- */

static void what_was_confirmed_is_there_after_a_power_cut(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 100);
    confirmed_are(0, 100);
    lane_world_cut_power();
    lane_world_open();
    assert_int_equal(w.lane->backlog.ready, 100);
    lane_world_consume(0, 100);
}

static void a_settle_that_is_safe_is_never_taken_back(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 100);
    lane_world_consume(0, 60); /* and settles the store */
    lane_world_cut_power();
    lane_world_open();
    assert_int_equal(w.lane->backlog.ready, 40);
    lane_world_consume(60, 40);
}

static void a_message_is_delivered_only_when_the_log_knows_that_it_may_be(void **state)
{
    (void)state;
    struct held_message held;
    lane_world_open();
    lane_world_publish_many(0, 1);
    assert_false(lane_world_try_take(&held));
    lane_world_settle();
    assert_true(w.ready_calls > 0);
    assert_true(lane_world_try_take(&held));
}

static void what_may_have_been_delivered_comes_back_as_redelivered(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 10);
    assert_false(lane_world_take().redelivered);
    lane_world_cut_power();
    lane_world_open();
    struct held_message held = lane_world_take();
    assert_int_equal(held.number, 0);
    assert_true(held.redelivered);
}

static void what_was_not_delivered_does_not_come_back_as_redelivered(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 10);
    lane_world_cut_power();
    lane_world_open();
    assert_false(lane_world_take().redelivered);
}

static void a_count_of_returns_outlives_a_crash(void **state)
{
    (void)state;
    lane_world_open();
    w.lane->backlog.counts_deliveries = true;
    lane_world_publish_many(0, 1);
    struct held_message held = lane_world_take();
    backlog_return(&w.lane->backlog, held.sequence);
    journal_count(w.lane, held.sequence, backlog_deliveries(&w.lane->backlog, held.sequence));
    lane_world_settle();
    lane_world_cut_power();
    lane_world_open();
    assert_int_equal(backlog_deliveries(&w.lane->backlog, held.sequence), 1);
}

static void numbers_are_not_used_twice_after_a_restart(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 10);
    const uint64_t next = w.lane->backlog.next_sequence;
    lane_world_close();
    lane_world_open();
    assert_true(w.lane->backlog.next_sequence >= next);
}

static void an_ended_owner_comes_back_empty(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 200);
    lanes_end(&w.owner);
    lane_world_settle();
    assert_int_equal(w.refs, 0);
    lane_world_cut_power();
    lane_world_open();
    assert_int_equal(w.lane->backlog.ready, 0);
}

static void messages_survive_one_life_after_the_other(void **state)
{
    (void)state;
    for (uint64_t life = 0; life < 10; life++) {
        lane_world_open();
        assert_int_equal(w.lane->backlog.ready, life * 15);
        lane_world_publish_many(life * 20, 20);
        lane_world_consume(life * 5, 5);
        if (life % 2)
            lane_world_close();
        else
            lane_world_cut_power();
    }
}

/* --- old files -------------------------------------------------------------------------------- */

static void one_old_message_does_not_keep_the_log_of_all_later_ones(void **state)
{
    (void)state;
    w.log_file_bytes = 64 * 1024;
    w.body_bytes = 1000;
    lane_world_open();
    lane_world_publish_many(0, 1);
    struct held_message kept = lane_world_take();
    for (unsigned round = 0; round < 50; round++) {
        lane_world_publish_many(1 + round * 100, 100);
        lane_world_consume(1 + round * 100, 100);
    }
    assert_true(disk_sim_used(w.disk) < 1024 * 1024); /* 5 MB were written */
    lane_world_cut_power();
    lane_world_open();
    assert_int_equal(w.lane->backlog.ready, 1);
    assert_int_equal(lane_world_take().number, kept.number);
}

/* --- while the log is being read -------------------------------------------------------------- */

static unsigned held_delivered[3];
static unsigned held_count;

static void held_mail(struct loop *loop, struct mail *mail)
{
    (void)loop;
    held_delivered[held_count++] = (unsigned)mail->c;
}

static void mail_that_is_held_is_delivered_in_order_when_the_log_has_been_read(void **state)
{
    (void)state;
    held_count = 0;
    lane_world_open_unread();
    for (unsigned i = 0; i < 3; i++)
        journal_hold(w.home, &(struct mail){.deliver = held_mail, .c = i});
    lane_world_settle();
    assert_int_equal(held_count, 0);
    lane_world_restore();
    assert_int_equal(held_count, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(held_delivered[i], i);
}

static void a_journal_closed_before_the_log_was_read_leaves_it_as_it_was(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 50);
    lane_world_close();
    lane_world_open_unread();
    lane_world_close();
    lane_world_open();
    lane_world_consume(0, 50);
}

int main(void)
{
#define PROMISE(name) cmocka_unit_test_setup_teardown(name, lane_world_set_up, lane_world_tear_down)
    const struct CMUnitTest tests[] = {
        PROMISE(a_persistent_message_is_confirmed_when_it_is_synced_and_not_before),
        PROMISE(confirms_come_in_the_order_of_the_publishes),
        PROMISE(many_publishes_share_a_sync),
        PROMISE(a_confirm_waits_for_the_definition_of_the_owner_too),
        PROMISE(a_publish_is_refused_when_the_definition_of_the_owner_cannot_be_stored),
        PROMISE(an_owner_without_a_journal_takes_a_message_at_once_and_stores_nothing),
        PROMISE(a_transient_message_is_taken_at_once),
        PROMISE(settles_can_be_waited_for),
        PROMISE(settles_of_an_earlier_turn_are_answered_when_they_are_safe),
        PROMISE(settles_that_are_safe_already_need_not_be_waited_for),
        PROMISE(after_a_failed_sync_publishes_are_refused_and_the_failure_is_told),
        PROMISE(consumers_are_served_though_nothing_can_be_stored),
        PROMISE(what_was_confirmed_is_there_after_a_power_cut),
        PROMISE(a_settle_that_is_safe_is_never_taken_back),
        PROMISE(a_message_is_delivered_only_when_the_log_knows_that_it_may_be),
        PROMISE(what_may_have_been_delivered_comes_back_as_redelivered),
        PROMISE(what_was_not_delivered_does_not_come_back_as_redelivered),
        PROMISE(a_count_of_returns_outlives_a_crash),
        PROMISE(numbers_are_not_used_twice_after_a_restart),
        PROMISE(an_ended_owner_comes_back_empty),
        PROMISE(messages_survive_one_life_after_the_other),
        PROMISE(one_old_message_does_not_keep_the_log_of_all_later_ones),
        PROMISE(mail_that_is_held_is_delivered_in_order_when_the_log_has_been_read),
        PROMISE(a_journal_closed_before_the_log_was_read_leaves_it_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
