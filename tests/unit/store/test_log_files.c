/* The files of the log: how long each is kept, and when it is used again. */
#include "store/log_world.h"

#include <stdlib.h>

#include "base/memory.h"
#include "store/log_private.h"

static void files_that_no_stage_needs_are_used_again(void **state)
{
    (void)state;
    struct world *w = world_create();
    unsigned most = 0;
    for (uint64_t i = 0; i < 200; i++) {
        world_write(w, i, 1);
        world_set_floors(w, log_current_file(w->log));
        most = world_files(w) > most ? world_files(w) : most;
    }
    assert_true(log_current_file(w->log) > 25);
    assert_true(most <= 6);
    assert_true(disk_sim_used(w->sim) <= 6 * FILE_BYTES);
    world_cut_power(w);
    assert_int_equal(w->recovery.damaged_ranges, 0);
    assert_int_equal(w->recovery.files, 1);
    assert_true(w->enqueues > 0);
    assert_true(w->enqueues < 10);
    world_free(w);
}

static void a_file_is_kept_as_long_as_one_stage_needs_it(void **state)
{
    (void)state;
    struct world *w = world_create();
    world_write(w, 0, 50);
    log_set_floor(log_stage(w->log, 0), log_current_file(w->log));
    log_set_floor(log_stage(w->log, 2), UINT64_MAX);
    world_step(w);
    world_cut_power(w);
    assert_int_equal(w->enqueues, 50);
    world_set_floors(w, log_current_file(w->log));
    world_cut_power(w);
    assert_int_equal(w->enqueues, 0);
    world_free(w);
}

static void a_staged_message_keeps_its_file_whatever_floor_was_set(void **state)
{
    (void)state;
    struct world *w = world_create();
    world_set_floors(w, UINT64_MAX);
    world_write(w, 0, 50); /* over several files; no floor is set again */
    world_cut_power(w);
    assert_int_equal(w->enqueues, 50);
    world_free(w);
}

static void on_a_disk_with_no_room_for_one_more_file_no_spare_files_are_kept(void **state)
{
    (void)state;
    struct world *w = world_create();
    world_write(w, 0, 40); /* files that are all needed */
    assert_true(world_files(w) > 5);
    disk_sim_set_room(w->sim, disk_sim_used(w->sim) + FILE_BYTES + FILE_BYTES / 2);
    world_write(w, 40, 8); /* one more file is prepared */
    assert_int_equal(w->log->files.next_error, 0);
    world_set_floors(w, log_current_file(w->log));
    assert_int_equal(w->log->files.old_count, 0);

    disk_sim_set_room(w->sim, UINT64_MAX);
    for (uint64_t i = 48; i < 100; i++) {
        world_write(w, i, 1);
        world_set_floors(w, log_current_file(w->log));
    }
    assert_int_equal(w->log->files.old_count, 1);
    world_free(w);
}

static void a_record_larger_than_a_file_gets_a_file_of_its_own(void **state)
{
    (void)state;
    struct world *w = world_create();
    uint8_t *body = lv_calloc(1, 10 * FILE_BYTES);
    world_enqueue(w, 0, 1, "before");
    log_submit(log_stage(w->log, 0));
    world_enqueue_body(w, 0, 1, 2, slice_of(body, 10 * FILE_BYTES));
    world_enqueue(w, 0, 3, "behind");
    world_submit_and_step(w, 0);
    world_write(w, 4, 3);
    assert_int_equal(w->safe[0], 5);
    world_cut_power(w);
    assert_int_equal(w->enqueues, 6);
    world_set_floors(w, UINT64_MAX);
    world_step(w);
    assert_true(disk_sim_used(w->sim) <= 6 * FILE_BYTES); /* too large to be of use again */
    world_free(w);
    free(body);
}

static void repeated_starts_do_not_add_files(void **state)
{
    (void)state;
    struct world *w = world_create();
    world_enqueue(w, 0, 1, "one");
    world_submit_and_step(w, 0);
    world_reopen(w);
    world_step(w);
    unsigned count = world_files(w);
    for (unsigned i = 0; i < 20; i++) {
        if (i % 2)
            disk_sim_cut_power(w->sim);
        world_reopen(w);
        check_text(&w->read, "1.1 one\n");
        world_step(w);
        assert_true(world_files(w) <= count + 1);
    }
    world_free(w);
}

/* Opens a new log on a disk of its own, and returns its salt. */
static uint64_t salt_of_new_log(struct log_options options)
{
    struct disk_sim *sim = disk_sim_create(1);
    options.disk = disk_sim_port(sim);
    struct log *log = NULL;
    assert_int_equal(log_open(&options, &log), 0);
    uint64_t salt = log->salt;
    log_close(&log);
    disk_sim_free(&sim);
    return salt;
}

/* Also without threads: leveretd --recover-definitions may create the log. */
static void a_new_log_has_a_random_salt_unless_it_is_given_one(void **state)
{
    (void)state;
    struct world *w = world_create();
    struct log_options options = w->options;
    assert_int_equal(salt_of_new_log(options), options.salt);
    options.salt = 0;
    assert_int_not_equal(salt_of_new_log(options), salt_of_new_log(options));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_no_stage_needs_are_used_again),
        cmocka_unit_test(a_file_is_kept_as_long_as_one_stage_needs_it),
        cmocka_unit_test(a_staged_message_keeps_its_file_whatever_floor_was_set),
        cmocka_unit_test(on_a_disk_with_no_room_for_one_more_file_no_spare_files_are_kept),
        cmocka_unit_test(a_record_larger_than_a_file_gets_a_file_of_its_own),
        cmocka_unit_test(repeated_starts_do_not_add_files),
        cmocka_unit_test(a_new_log_has_a_random_salt_unless_it_is_given_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
