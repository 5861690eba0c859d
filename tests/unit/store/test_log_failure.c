/* Full disks, and calls of the disk that fail. */
#include "store/log_world.h"

#include <string.h>

#include "base/error.h"
#include "store/log_private.h"

static void a_full_disk_stops_the_log_and_loses_nothing(void **state)
{
    (void)state;
    struct world *w = world_create();
    world_write(w, 0, 1);
    disk_sim_set_room(w->sim, disk_sim_used(w->sim));
    for (uint64_t i = 1; i < 40; i++) {
        char body[300] = "later";
        world_enqueue_body(w, 1, 2, i, slice_of(body, sizeof body));
        log_submit(log_stage(w->log, 1));
        world_step(w);
    }
    assert_true(w->safe[1] < 39);
    assert_int_equal(log_failure(w->log), 0);
    assert_true(log_unsafe_bytes(w->log) > 0);
    assert_non_null(memmem(w->answers.p, w->answers.n, "no-room ", 8));
    w->answers.n = 0;
    disk_sim_set_room(w->sim, UINT64_MAX);
    world_step(w);
    assert_int_equal(w->safe[1], 39);
    assert_int_equal(log_unsafe_bytes(w->log), 0);
    assert_non_null(memmem(w->answers.p, w->answers.n, "room ", 5));
    world_cut_power(w);
    assert_int_equal(w->enqueues, 40);
    world_free(w);
}

static void closing_on_a_full_disk_fails_the_remaining_tickets(void **state)
{
    (void)state;
    struct world *w = world_create();
    world_step(w);
    disk_sim_set_room(w->sim, disk_sim_used(w->sim));
    uint8_t body[3 * FILE_BYTES] = {0};
    world_enqueue_body(w, 0, 1, 1, slice_of(body, sizeof body));
    world_submit_and_step(w, 0);
    check_text(&w->answers, "no-room ");
    log_close(&w->log);
    check_text(&w->answers, "0:1! ");
    assert_int_equal(w->error, ERR_NO_SPACE);
    world_free(w);
}

/* Writes 30 messages while the n-th call of the disk fails. If the log stores all of them (a lack
 * of room passes, except in a sync), all are safe; else what was not yet safe fails, and so does
 * what is submitted later. */
static void run_with_failure(uint64_t n, int error)
{
    struct world *w = world_create();
    disk_sim_fail_at(w->sim, disk_sim_calls(w->sim) + n, error);
    world_write(w, 0, 30);
    uint64_t safe = w->safe[0];
    int failure = log_failure(w->log);
    if (failure == 0) {
        assert_int_equal(safe, 30);
    } else {
        assert_int_equal(failure, error);
        assert_true(safe < 30);
        world_enqueue(w, 1, 1, "later");
        world_submit_and_step(w, 1);
        assert_int_equal(w->safe[1], 0);
        assert_int_equal(w->error, failure);
        assert_int_equal(log_unsafe_bytes(w->log), 0);
    }
    world_cut_power(w);
    assert_in_range(w->enqueues, safe, 30);
    assert_int_equal(w->recovery.damaged_ranges, 0);
    world_free(w);
}

static void nothing_safe_is_lost_whichever_disk_call_fails(void **state)
{
    (void)state;
    static const int errors[] = {ERR_IO, ERR_NO_SPACE, ERR_NO_DESCRIPTORS};
    for (size_t e = 0; e < sizeof errors / sizeof errors[0]; e++)
        for (uint64_t n = 1; n < 150; n++)
            run_with_failure(n, errors[e]);
}

/* Fills two files, so that a small one is prepared. This goes without the world's steps, in which
 * the writer takes the small file at once. */
static struct world *world_with_small_file(void)
{
    struct world *w = world_create();
    world_write(w, 0, 1);
    disk_sim_set_room(w->sim, disk_sim_used(w->sim) + 3000);
    uint8_t body[1000] = {0};
    for (uint64_t i = 1; i <= 20; i++)
        world_enqueue_body(w, 0, 1, i, slice_of(body, sizeof body));
    log_submit(log_stage(w->log, 0));
    enum log_progress progress = LOG_WORKED;
    while (progress == LOG_WORKED)
        progress = log_writer_round(w->log);
    assert_int_equal(progress, LOG_BLOCKED);
    assert_true(log_files_keep(w->log));
    assert_true(w->log->files.next.bytes < FILE_BYTES);
    assert_false(log_files_keep(w->log));
    assert_int_equal(w->log->files.next_error, ERR_NO_SPACE);
    return w;
}

static void a_small_file_is_prepared_until_there_is_room_for_a_full_one(void **state)
{
    (void)state;
    struct world *w = world_with_small_file();
    disk_sim_set_room(w->sim, UINT64_MAX);
    assert_true(log_files_keep(w->log));
    assert_int_equal(w->log->files.next_error, 0);
    world_step(w);
    assert_int_equal(w->safe[0], 2);
    world_cut_power(w);
    assert_int_equal(w->enqueues, 21);
    world_free(w);
}

static void a_start_on_a_full_disk_uses_the_small_file_and_keeps_the_reserve(void **state)
{
    (void)state;
    struct world *w = world_with_small_file();
    uint64_t bytes = w->log->files.next.bytes;
    unsigned count = world_files(w);
    assert_true(w->log->files.has_reserve);
    disk_sim_kill(w->sim);
    log_close(&w->log);
    disk_sim_restart(w->sim);
    world_fill_disk(w);
    assert_int_equal(world_try_open(w), 0);
    assert_int_equal(w->log->current.bytes, bytes);
    assert_true(w->log->files.has_reserve);
    assert_int_equal(world_files(w), count);
    world_free(w);
}

/* Fills the disk, starts the log and settles a message, as often as asked for: the log is closed in
 * good order if `is_closed`, and otherwise killed. */
static void start_on_full_disks(unsigned starts, bool is_closed)
{
    struct world *w = world_create();
    w->options.file_bytes = 64 * LOG_PAGE_BYTES; /* a start takes a page of the reserve */
    world_reopen(w);
    world_write(w, 0, 3);
    world_step(w);
    log_close(&w->log);
    for (unsigned i = 0; i < starts; i++) {
        world_fill_disk(w);
        assert_int_equal(world_try_open(w), 0);
        world_fill_disk(w); /* whatever the start has given back, somebody else takes */
        w->safe[0] = 0;
        log_settle(log_stage(w->log, 0), 1, i, 1);
        uint64_t ticket = log_submit(log_stage(w->log, 0));
        world_step(w);
        assert_int_equal(w->safe[0], ticket);
        if (is_closed) {
            log_close(&w->log);
        } else {
            disk_sim_kill(w->sim);
            log_close(&w->log);
            disk_sim_restart(w->sim);
        }
    }
    world_fill_disk(w);
    assert_int_equal(world_try_open(w), 0);
    assert_int_equal(w->recovery.damaged_ranges, 0);
    assert_int_equal(w->enqueues, 3);
    world_free(w);
}

static void a_log_starts_on_a_full_disk_as_often_as_it_is_stopped(void **state)
{
    (void)state;
    start_on_full_disks(6, true);
    start_on_full_disks(6, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_stops_the_log_and_loses_nothing),
        cmocka_unit_test(closing_on_a_full_disk_fails_the_remaining_tickets),
        cmocka_unit_test(nothing_safe_is_lost_whichever_disk_call_fails),
        cmocka_unit_test(a_small_file_is_prepared_until_there_is_room_for_a_full_one),
        cmocka_unit_test(a_start_on_a_full_disk_uses_the_small_file_and_keeps_the_reserve),
        cmocka_unit_test(a_log_starts_on_a_full_disk_as_often_as_it_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
