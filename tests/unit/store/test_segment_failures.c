/* What follows when a call of the disk fails. */
#include "store/segments_world.h"

#include <string.h>

#include "base/error.h"

/* --- one failure ------------------------------------------------------------------------------ */

static void a_write_that_found_no_room_can_be_repeated(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_write(&w, 1, 0, "one");
    world_run(&w);
    paper_fail(w.paper, "write", 1, 1, ERR_NO_SPACE);
    submit_write(&w, 1, 3, "two");
    submit_sync(&w, 1);
    submit_write(&w, 1, 3, "two");
    submit_sync(&w, 1);
    check_answers(&w, "write, write: ERR_NO_SPACE, sync: ERR_NO_SPACE, write, sync");
    assert_true(slice_is(paper_synced(w.paper, "segments/1-1.seg"), "onetwo"));
    world_stop(&w);
}

static void a_write_leaves_the_room_that_others_need(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    segments_leave_room(w.s, 100);
    paper_set_room(w.paper, 102);
    submit_write(&w, 1, 0, "one");
    submit_sync(&w, 1);
    check_answers(&w, "write: ERR_NO_SPACE, sync: ERR_NO_SPACE");
    assert_int_equal(paper_bytes(w.paper, "segments/1-1.seg").n, 0);
    paper_set_room(w.paper, 99);
    submit_write(&w, 1, 0, "one");
    submit_sync(&w, 1);
    check_answers(&w, "write: ERR_NO_SPACE, sync: ERR_NO_SPACE");
    paper_set_room(w.paper, 103);
    submit_write(&w, 1, 0, "one");
    submit_sync(&w, 1);
    check_answers(&w, "write, sync");
    assert_true(slice_is(paper_synced(w.paper, "segments/1-1.seg"), "one"));
    world_stop(&w);
}

static void a_sync_fails_with_the_first_error_of_the_writes_before(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    paper_fail(w.paper, "create", 1, 1, ERR_NO_DESCRIPTORS);
    submit_write(&w, 1, 0, "one");
    submit_write(&w, 1, 3, "two");
    submit_sync(&w, 1);
    check_answers(&w, "write: ERR_NO_DESCRIPTORS, write: ERR_NOT_FOUND, sync: ERR_NO_DESCRIPTORS");
    world_stop(&w);
}

static void a_failed_write_is_final_until_the_file_is_removed(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_write(&w, 1, 0, "one");
    check_answers(&w, "write");
    paper_fail(w.paper, "write", 1, 1, ERR_IO);
    submit_write(&w, 1, 3, "two");
    submit_write(&w, 1, 3, "two");
    submit_sync(&w, 1);
    submit_sync(&w, 1);
    check_answers(&w, "write: ERR_IO, write: ERR_IO, sync: ERR_IO, sync: ERR_IO");
    submit_read(&w, 1, 0, 3);
    submit_write(&w, 2, 0, "another file");
    submit_sync(&w, 2);
    submit_remove(&w, 1);
    submit_write(&w, 1, 0, "new");
    submit_sync(&w, 1);
    check_answers(&w, "read: one, write, remove, sync, write, sync");
    world_stop(&w);
}

static void a_failed_sync_is_never_tried_again(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    paper_fail(w.paper, "sync", 1, 1, ERR_IO);
    submit_write(&w, 1, 0, "one");
    submit_sync(&w, 1);
    submit_sync(&w, 1);
    submit_write(&w, 1, 3, "two");
    submit_sync(&w, 1);
    check_answers(&w, "write, sync: ERR_IO, sync: ERR_IO, write: ERR_IO, sync: ERR_IO");
    assert_int_equal(paper_calls(w.paper), 1);
    world_stop(&w);
}

static void a_failed_sync_of_the_folder_is_final_for_all_files(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    paper_fail(w.paper, "sync-folder", 1, 1, ERR_IO);
    submit_write(&w, 1, 0, "one");
    submit_sync(&w, 1);
    check_answers(&w, "write, sync: ERR_IO");
    submit_write(&w, 2, 0, "two");
    submit_sync(&w, 2);
    check_answers(&w, "write, sync: ERR_IO");
    assert_int_equal(paper_calls(w.paper), 1);
    world_stop(&w);
}

static void a_failed_removal_is_reported_and_can_be_repeated(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_write(&w, 1, 0, "one");
    paper_fail(w.paper, "remove", 1, 1, ERR_IO);
    submit_remove(&w, 1);
    submit_remove(&w, 1);
    submit_read(&w, 1, 0, 1);
    check_answers(&w, "write, remove: ERR_IO, remove, read: ERR_NOT_FOUND");
    world_stop(&w);
}

/* --- any failure ------------------------------------------------------------------------------ */

/* Makes each call of the disk fail in turn: every job has one answer, and what a successful sync
 * covers is on the disk. */
struct trial {
    struct paper *paper;
    unsigned done;
    unsigned failed;
    unsigned writes_failed;
};

static void trial_done(void *arg, int error, struct lv_buffer *read)
{
    struct trial *trial = arg;
    (void)read;
    trial->done++;
    trial->failed += error < 0;
}

static void trial_written(void *arg, int error, struct lv_buffer *read)
{
    struct trial *trial = arg;
    trial_done(arg, error, read);
    trial->writes_failed += error < 0;
}

static void check_synced(struct trial *trial, const char *path, const char *text)
{
    struct slice synced = paper_synced(trial->paper, path);
    assert_true(slice_equal(synced, paper_bytes(trial->paper, path)));
    if (trial->writes_failed == 0)
        assert_true(slice_is(synced, text));
}

static void trial_synced_1(void *arg, int error, struct lv_buffer *read)
{
    trial_done(arg, error, read);
    if (error == 0)
        check_synced(arg, "segments/1-1.seg", "onetwo");
}

static void trial_synced_2(void *arg, int error, struct lv_buffer *read)
{
    trial_done(arg, error, read);
    if (error == 0)
        check_synced(arg, "segments/1-2.seg", "three");
}

static void trial_write(struct segments *s, uint64_t number, uint64_t offset, const char *text,
                        struct trial *trial)
{
    struct lv_buffer b = {0};
    lv_buffer_add(&b, text, strlen(text));
    segments_write(s, 1, number, offset, &b, trial_written, trial);
}

/* Returns true if the call that was to fail was made. */
static bool run_trial(unsigned number, int error)
{
    struct trial trial = {.paper = paper_create()};
    struct segments *s;
    assert_int_equal(segments_open(paper_disk(trial.paper), true, &s), 0);
    paper_set_open_max(trial.paper, 2);
    paper_fail(trial.paper, NULL, number, 1, error);
    trial_write(s, 1, 0, "one", &trial);
    trial_write(s, 1, 3, "two", &trial);
    segments_sync(s, 1, 1, trial_synced_1, &trial);
    trial_write(s, 2, 0, "three", &trial);
    segments_sync(s, 1, 2, trial_synced_2, &trial);
    segments_sync(s, 1, 1, trial_synced_1, &trial);
    segments_read(s, 1, 1, 0, 6, trial_done, &trial);
    segments_remove(s, 1, 1, trial_done, &trial);
    segments_remove(s, 1, 2, trial_done, &trial);
    segments_close(&s);
    assert_int_equal(trial.done, 9);
    bool was_reached = paper_calls(trial.paper) >= number;
    /* Without descriptors, an open is tried again after other files were closed. */
    if (was_reached && error != ERR_NO_DESCRIPTORS && error != ERR_NOT_FOUND)
        assert_in_range(trial.failed, 1, 7);
    paper_free(&trial.paper);
    return was_reached;
}

static void whichever_call_of_the_disk_fails_every_job_has_a_true_answer(void **state)
{
    (void)state;
    static const int errors[] = {ERR_IO, ERR_NO_SPACE, ERR_NOT_FOUND, ERR_NO_DESCRIPTORS,
                                 ERR_REFUSED};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        unsigned number = 1;
        while (run_trial(number, errors[i]))
            number++;
        assert_in_range(number, 14, 40);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_that_found_no_room_can_be_repeated),
        cmocka_unit_test(a_write_leaves_the_room_that_others_need),
        cmocka_unit_test(a_sync_fails_with_the_first_error_of_the_writes_before),
        cmocka_unit_test(a_failed_write_is_final_until_the_file_is_removed),
        cmocka_unit_test(a_failed_sync_is_never_tried_again),
        cmocka_unit_test(a_failed_sync_of_the_folder_is_final_for_all_files),
        cmocka_unit_test(a_failed_removal_is_reported_and_can_be_repeated),
        cmocka_unit_test(whichever_call_of_the_disk_fails_every_job_has_a_true_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
