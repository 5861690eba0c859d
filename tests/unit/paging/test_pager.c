/* What the pager promises: a long backlog is paged out, and is read back complete and in order,
 * whatever happens. */
#include "lane_world.h"

#include "base/error.h"
#include "paging/pager_probe.h"

enum { CHUNK = SEQMAP_ENTRIES, MANY = 4000 };

/* Limits that a test reaches with a few thousand small messages. */
static void make_limits_small(void)
{
    w.limits.pager = (struct pager_limits){
        .memory_high = 64 * 1024,
        .memory_low = 32 * 1024,
        .ahead_bytes = 128 * 1024,
        .ahead_chunks = 8,
        .segment_bytes = 128 * 1024,
        .block_bytes = 8 * 1024,
        .write_bytes = 16 * 1024,
        .read_bytes = 32 * 1024,
        .flight_bytes = 1024 * 1024,
        .carry_bytes = 4 * 1024,
    };
}

static int set_up(void **state)
{
    lane_world_set_up(state);
    make_limits_small();
    return 0;
}

static const struct backlog *backlog(void)
{
    return &w.lane->backlog;
}

/* Returns the number of a message in the middle of those on disk. */
static uint64_t on_disk(void)
{
    assert_true(backlog()->disk_end - backlog()->disk_begin > 4);
    return (backlog()->disk_begin + 2) * CHUNK;
}

/* --- out and back ----------------------------------------------------------------------------- */

static void a_backlog_above_its_limit_is_paged_out_from_its_middle(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, MANY);
    assert_true(backlog_has_disk(backlog()));
    assert_true(backlog()->memory_bytes <= 2 * w.limits.pager.memory_high);
    assert_int_equal(backlog()->ready, MANY);
    assert_non_null(backlog_find(backlog(), 0));
    assert_non_null(backlog_find(backlog(), MANY - 1));
    assert_null(backlog_find(backlog(), on_disk()));
}

static void what_was_paged_out_comes_back_whole_and_in_order(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, MANY);
    lane_world_consume(0, MANY);
    assert_int_equal(backlog()->ready, 0);
    assert_int_equal(w.counters.lost, 0);
    assert_true(w.counters.reads > 0);
}

static void publishing_and_consuming_at_once_keeps_the_order(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, MANY);
    for (unsigned round = 0; round < 20; round++) {
        lane_world_consume(round * 150, 150);
        lane_world_publish_many(MANY + round * 150, 150);
    }
    lane_world_consume(20 * 150, MANY);
    assert_int_equal(w.counters.lost, 0);
}

static void transient_messages_are_paged_like_others(void **state)
{
    (void)state;
    w.has_journal = false;
    lane_world_open();
    for (uint64_t i = 0; i < MANY; i++)
        lane_world_publish_transient(i);
    lane_world_settle();
    assert_true(backlog_has_disk(backlog()));
    lane_world_consume(0, MANY);
}

static void a_short_backlog_stays_in_memory(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 100);
    assert_false(backlog_has_disk(backlog()));
    assert_false(pager_has_segments(w.lane));
}

static void while_memory_is_short_a_lane_pages_out_earlier(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 200);
    assert_false(backlog_has_disk(backlog()));
    w.is_short_of_memory = true;
    pager_relieve(w.lane);
    lane_world_settle();
    assert_true(backlog_has_disk(backlog()));
    lane_world_consume(0, 200);
}

static void a_message_larger_than_a_block_comes_back(void **state)
{
    (void)state;
    w.body_bytes = 100 * 1000;
    lane_world_open();
    lane_world_publish_many(0, 300);
    assert_true(backlog_has_disk(backlog()));
    lane_world_consume(0, 300);
}

static void one_unacked_message_does_not_hold_up_the_others(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 10);
    struct held_message held = lane_world_take();
    lane_world_publish_many(10, MANY);
    lane_world_consume(1, MANY + 9);
    backlog_return(&w.lane->backlog, held.sequence);
    held = lane_world_take();
    assert_int_equal(held.number, 0);
    assert_true(held.redelivered);
}

/* --- files ------------------------------------------------------------------------------------ */

static void a_file_is_removed_when_all_its_messages_are_settled(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, MANY);
    assert_true(disk_sim_flip_bit(w.disk, lane_world_segment_path(1), 0, 0));
    assert_true(disk_sim_flip_bit(w.disk, lane_world_segment_path(1), 0, 0)); /* and back */
    lane_world_consume(0, MANY);
    assert_false(pager_has_segments(w.lane));
    assert_false(disk_sim_flip_bit(w.disk, lane_world_segment_path(1), 0, 0)); /* no such file */
}

static void a_purge_drops_what_is_on_disk_without_reading_it(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, MANY);
    const uint64_t in_memory = backlog()->ready - backlog()->disk_ready;
    const uint64_t bytes_read = disk_sim_bytes_read(w.disk);
    pager_purge(w.lane);
    assert_int_equal(backlog()->ready, in_memory);
    lane_world_settle();
    assert_int_equal(disk_sim_bytes_read(w.disk), bytes_read);
}

static void what_was_purged_does_not_come_back_after_a_crash(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, MANY);
    pager_purge(w.lane);
    const uint64_t left = backlog()->ready;
    lane_world_settle();
    assert_false(pager_is_busy(w.lane));
    lane_world_cut_power();
    lane_world_open();
    assert_int_equal(backlog()->ready, left);
}

/* --- snapshots -------------------------------------------------------------------------------- */

static void after_a_snapshot_a_crash_loses_nothing(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, MANY);
    pager_snapshot(w.lane);
    lane_world_settle();
    lane_world_consume(0, 700);
    lane_world_cut_power();
    lane_world_open();
    assert_int_equal(backlog()->ready, MANY - 700);
    lane_world_consume(700, MANY - 700);
    assert_int_equal(w.counters.lost, 0);
}

static void snapshots_are_taken_while_messages_come_and_go(void **state)
{
    (void)state;
    w.log_file_bytes = 64 * 1024; /* so that files run out often */
    lane_world_open();
    lane_world_publish_many(0, MANY);
    for (unsigned round = 0; round < 30; round++) {
        lane_world_consume(round * 100, 100);
        lane_world_publish_many(MANY + round * 100, 100);
    }
    lane_world_cut_power();
    lane_world_open();
    assert_int_equal(backlog()->ready, MANY);
    lane_world_consume(3000, MANY);
}

/* The snapshot would otherwise be as large as what is published while a slow disk syncs; and on a
 * disk that fills up meanwhile, it could not be written at all, and the log would never go on. */
static void what_comes_during_the_syncs_of_a_snapshot_goes_into_a_segment(void **state)
{
    (void)state;
    enum { LATE = 2000 };
    w.log_file_bytes = 128 * 1024;
    w.limits.files_kept = 100; /* so that the one snapshot is the test's own */
    lane_world_open();
    lane_world_publish_many(0, MANY);
    pager_snapshot(w.lane);
    for (uint64_t i = MANY; i < MANY + LATE; i++)
        lane_world_publish(i); /* the store does nothing meanwhile */
    assert_int_equal(w.lane->snapshot_bytes, 0);
    lane_world_settle();
    assert_in_range(w.lane->snapshot_bytes, 1, w.log_file_bytes / 4);
    assert_false(pager_is_busy(w.lane));
    lane_world_cut_power();
    lane_world_open();
    assert_int_equal(backlog()->ready, MANY + LATE);
    lane_world_consume(0, MANY + LATE);
    assert_int_equal(w.counters.lost, 0);
}

static void transient_messages_do_not_outlive_the_process(void **state)
{
    (void)state;
    lane_world_open();
    for (uint64_t i = 0; i < MANY; i++) {
        if (i % 2)
            lane_world_publish_transient(i);
        else
            lane_world_publish(i);
    }
    lane_world_settle();
    pager_snapshot(w.lane);
    lane_world_settle();
    lane_world_close();
    lane_world_open();
    assert_int_equal(backlog()->ready, MANY / 2);
    for (uint64_t i = 0; i < MANY; i += 2)
        assert_int_equal(lane_world_take().number, i);
}

/* --- a disk that is full, or broken ----------------------------------------------------------- */

static void while_the_disk_is_full_messages_stay_in_memory_and_are_served(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 100);
    disk_sim_set_room(w.disk, disk_sim_used(w.disk) + 64 * 1024);
    for (uint64_t i = 100; i < MANY; i++)
        lane_world_publish_transient(i);
    for (int i = 0; i < 10; i++) {
        lane_world_settle();
        loop_sim_advance(w.loops, 1000);
    }
    disk_sim_set_room(w.disk, UINT64_MAX);
    loop_sim_advance(w.loops, 1000);
    lane_world_consume(0, MANY);
    assert_int_equal(w.counters.lost, 0);
}

static void a_file_that_cannot_be_written_keeps_the_messages_in_memory(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, 100);
    for (uint64_t i = 100; i < MANY; i++)
        lane_world_publish_transient(i);
    disk_sim_fail_at(w.disk, disk_sim_calls(w.disk) + 1, ERR_IO);
    lane_world_settle();
    assert_true(w.failures > 0);
    lane_world_consume(0, MANY);
    assert_int_equal(w.counters.lost, 0);
}

static void a_broken_block_costs_its_own_messages_and_no_others(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, MANY);
    assert_true(disk_sim_flip_bit(w.disk, lane_world_segment_path(1), 20000, 3));
    uint64_t last = 0;
    unsigned count = 0;
    while (backlog()->ready > 0) {
        struct held_message held = lane_world_take();
        assert_true(count == 0 || held.number > last);
        last = held.number;
        count++;
        lane_world_ack(held.sequence);
    }
    assert_true(w.counters.lost > 0);
    assert_true(w.counters.lost < 200);
    assert_int_equal(count + w.counters.lost, MANY);
    assert_int_equal(backlog()->ready, 0);
}

static void a_missing_file_costs_its_own_messages_and_no_others(void **state)
{
    (void)state;
    lane_world_open();
    lane_world_publish_many(0, MANY);
    pager_snapshot(w.lane);
    lane_world_settle();
    lane_world_close();
    struct disk *disk = disk_sim_port(w.disk);
    assert_int_equal(disk->remove(disk, lane_world_segment_path(1)), 0);
    lane_world_open();
    const uint64_t left = backlog()->ready;
    assert_in_range(left, 1, MANY - 1);
    uint64_t last = 0;
    for (uint64_t i = 0; i < left; i++) {
        uint64_t number = lane_world_take().number;
        assert_true(i == 0 || number > last);
        last = number;
    }
}

/* --- out of order ----------------------------------------------------------------------------- */

static void a_message_on_disk_can_be_read_alone_when_it_is_due(void **state)
{
    (void)state;
    struct message *m = NULL;
    lane_world_open();
    for (uint64_t i = 0; i < MANY; i++)
        lane_world_publish_due(i, 2000000 + i);
    lane_world_settle();
    const uint64_t sequence = on_disk();
    assert_true(pager_fetch(w.lane, sequence, 2000000 + sequence, &m));
    assert_null(m);
    lane_world_settle();
    assert_true(w.fetched_calls > 0);
    assert_true(pager_fetch(w.lane, sequence, 2000000 + sequence, &m));
    assert_int_equal(lane_world_number_of(m), sequence);
    pager_deliver_on_disk(w.lane, sequence);
    lane_world_ack(sequence);
    message_unref(&m);
    assert_int_equal(backlog()->ready, MANY - 1);
}

static void what_was_taken_out_of_the_middle_does_not_come_again(void **state)
{
    (void)state;
    struct message *m = NULL;
    lane_world_open();
    for (uint64_t i = 0; i < MANY; i++)
        lane_world_publish_due(i, 2000000 + i);
    lane_world_settle();
    const uint64_t sequence = on_disk();
    pager_fetch(w.lane, sequence, 2000000 + sequence, &m);
    lane_world_settle();
    pager_fetch(w.lane, sequence, 2000000 + sequence, &m);
    pager_deliver_on_disk(w.lane, sequence);
    lane_world_ack(sequence);
    message_unref(&m);
    lane_world_consume(0, (unsigned)sequence);
    lane_world_consume(sequence + 1, (unsigned)(MANY - sequence - 1));
}

static void deadlines_on_disk_are_known_again_after_a_restart(void **state)
{
    (void)state;
    struct backlog_first_due due;
    lane_world_open();
    for (uint64_t i = 0; i < MANY; i++)
        lane_world_publish_due(i, 5000000 - i);
    lane_world_settle();
    pager_snapshot(w.lane);
    lane_world_settle();
    lane_world_close();
    lane_world_open();
    assert_true(pager_must_scan(w.lane));
    pager_scan(w.lane);
    lane_world_settle();
    assert_false(pager_must_scan(w.lane));
    assert_true(backlog_find_due(&w.lane->backlog, &due));
    assert_int_equal(due.deadline_ms, 5000000 - (MANY - 1));
}

static void an_owner_can_be_told_of_every_message_on_disk_after_a_restart(void **state)
{
    (void)state;
    w.wants_found = true;
    lane_world_open();
    lane_world_publish_many(0, MANY);
    pager_snapshot(w.lane);
    lane_world_settle();
    lane_world_close();
    lane_world_open();
    const uint64_t on_disk_alone = backlog()->disk_ready;
    pager_scan(w.lane);
    lane_world_settle();
    pager_find_log_only(w.lane);
    assert_int_equal(w.found_count, on_disk_alone);
}

/* --- browsing --------------------------------------------------------------------------------- */

static unsigned wakes;

static void wake(void *arg)
{
    (void)arg;
    wakes++;
}

static void reading_without_taking_changes_nothing(void **state)
{
    (void)state;
    struct pager_reader_cursor cursor = {0};
    struct pager_found found;
    lane_world_open();
    lane_world_publish_many(0, MANY);
    const uint64_t begin = backlog()->disk_begin * CHUNK, end = backlog()->disk_end * CHUNK;
    struct pager_reader *reader = pager_reader_create(w.home, wake, NULL);
    wakes = 0;
    for (uint64_t i = begin; i < end; i++) {
        enum pager_reader_result result =
            pager_reader_find(reader, w.lane, &cursor, i, false, &found);
        if (result == READER_WAIT) {
            lane_world_settle();
            result = pager_reader_find(reader, w.lane, &cursor, i, false, &found);
        }
        assert_int_equal(result, READER_FOUND);
        assert_int_equal(found.sequence, i);
    }
    assert_true(wakes > 0);
    assert_int_equal(pager_reader_find(reader, w.lane, &cursor, end, false, &found), READER_END);
    pager_reader_free(&reader);
    assert_int_equal(backlog()->ready, MANY);
    lane_world_consume(0, MANY);
}

/* Finds the first message on disk from `from` on; waits for the disk. */
static enum pager_reader_result find_from(struct pager_reader *reader,
                                          struct pager_reader_cursor *cursor, uint64_t from,
                                          struct pager_found *ret)
{
    enum pager_reader_result result;
    while ((result = pager_reader_find(reader, w.lane, cursor, from, false, ret)) == READER_WAIT)
        lane_world_settle();
    return result;
}

static void a_reader_sees_what_is_paged_out_behind_its_position(void **state)
{
    (void)state;
    struct pager_reader_cursor cursor = {0};
    struct pager_found found;
    lane_world_open();
    lane_world_publish_many(0, MANY);
    pager_snapshot(w.lane); /* copies the tail, which stays in memory, into a segment */
    lane_world_settle();
    const uint64_t tail = backlog()->disk_end * CHUNK;
    assert_true(tail + 2 * CHUNK < MANY);
    struct pager_reader *reader = pager_reader_create(w.home, wake, NULL);
    assert_int_equal(find_from(reader, &cursor, tail - 1, &found), READER_FOUND);
    assert_int_equal(find_from(reader, &cursor, tail, &found), READER_END);
    lane_world_publish_many(MANY, MANY); /* the tail is paged out: only its copies are left */
    for (uint64_t i = tail; i < backlog()->disk_end * CHUNK; i++) {
        assert_int_equal(find_from(reader, &cursor, i, &found), READER_FOUND);
        assert_int_equal(found.sequence, i);
    }
    pager_reader_free(&reader);
}

int main(void)
{
#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, lane_world_tear_down)
    const struct CMUnitTest tests[] = {
        PROMISE(a_backlog_above_its_limit_is_paged_out_from_its_middle),
        PROMISE(what_was_paged_out_comes_back_whole_and_in_order),
        PROMISE(publishing_and_consuming_at_once_keeps_the_order),
        PROMISE(transient_messages_are_paged_like_others),
        PROMISE(a_short_backlog_stays_in_memory),
        PROMISE(while_memory_is_short_a_lane_pages_out_earlier),
        PROMISE(a_message_larger_than_a_block_comes_back),
        PROMISE(one_unacked_message_does_not_hold_up_the_others),
        PROMISE(a_file_is_removed_when_all_its_messages_are_settled),
        PROMISE(a_purge_drops_what_is_on_disk_without_reading_it),
        PROMISE(what_was_purged_does_not_come_back_after_a_crash),
        PROMISE(after_a_snapshot_a_crash_loses_nothing),
        PROMISE(snapshots_are_taken_while_messages_come_and_go),
        PROMISE(what_comes_during_the_syncs_of_a_snapshot_goes_into_a_segment),
        PROMISE(transient_messages_do_not_outlive_the_process),
        PROMISE(while_the_disk_is_full_messages_stay_in_memory_and_are_served),
        PROMISE(a_file_that_cannot_be_written_keeps_the_messages_in_memory),
        PROMISE(a_broken_block_costs_its_own_messages_and_no_others),
        PROMISE(a_missing_file_costs_its_own_messages_and_no_others),
        PROMISE(a_message_on_disk_can_be_read_alone_when_it_is_due),
        PROMISE(what_was_taken_out_of_the_middle_does_not_come_again),
        PROMISE(deadlines_on_disk_are_known_again_after_a_restart),
        PROMISE(an_owner_can_be_told_of_every_message_on_disk_after_a_restart),
        PROMISE(reading_without_taking_changes_nothing),
        PROMISE(a_reader_sees_what_is_paged_out_behind_its_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
