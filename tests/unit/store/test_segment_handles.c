/* Which segment files are open, and which are closed to make room for others. */
#include "store/segments_world.h"

#include "base/error.h"

static void submit_writes(struct world *w, uint64_t from, uint64_t below)
{
    for (uint64_t i = from; i < below; i++) {
        submit_write(w, i, 0, "x");
        world_run(w);
    }
    w->answers.n = 0;
}

static void at_most_64_files_are_open_unless_they_wait_for_a_sync(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_writes(&w, 0, 300);
    assert_int_equal(paper_open_count(w.paper), 256);
    for (uint64_t i = 0; i < 300; i++)
        submit_sync(&w, i);
    world_run(&w);
    assert_int_equal(paper_open_count(w.paper), 64);
    for (uint64_t i = 0; i < 300; i++)
        submit_read(&w, i, 0, 1);
    world_run(&w);
    assert_int_equal(paper_open_count(w.paper), 64);
    world_stop(&w);
}

static void files_that_need_no_sync_are_closed_first(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_writes(&w, 0, 64);
    submit_sync(&w, 5);
    submit_sync(&w, 9);
    check_answers(&w, "sync, sync");
    submit_read(&w, 5, 0, 1);
    check_answers(&w, "read: x");
    paper_trace(w.paper);
    submit_writes(&w, 0x100, 0x101);
    check_trace(&w, "close segments/1-9.seg\n" /* 5 was used after it */
                    "open-to-write segments/1-100.seg: ERR_NOT_FOUND\n"
                    "create segments/1-100.seg\n"
                    "write segments/1-100.seg 0+1\n");
    world_stop(&w);
}

static void with_256_unsynced_files_the_oldest_is_synced_and_closed(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_writes(&w, 0, 256);
    paper_trace(w.paper);
    submit_writes(&w, 0x100, 0x101);
    check_trace(&w, "sync segments/1-0.seg\n"
                    "close segments/1-0.seg\n"
                    "open-to-write segments/1-100.seg: ERR_NOT_FOUND\n"
                    "create segments/1-100.seg\n"
                    "write segments/1-100.seg 0+1\n");
    world_stop(&w);
}

static void a_sync_that_failed_when_its_file_was_closed_fails_later_jobs(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_writes(&w, 0, 256);
    paper_fail(w.paper, "sync", 1, 1, ERR_IO);
    submit_writes(&w, 256, 257); /* closes file 0 */
    assert_int_equal(paper_calls(w.paper), 1);
    submit_sync(&w, 0);
    submit_write(&w, 0, 1, "more");
    submit_sync(&w, 1);
    check_answers(&w, "sync: ERR_IO, sync, write: ERR_IO");
    world_stop(&w);
}

static void with_too_few_descriptors_other_files_are_closed(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    paper_set_open_max(w.paper, 3);
    submit_writes(&w, 0, 10);
    assert_int_equal(paper_open_count(w.paper), 3);
    submit_read(&w, 0, 0, 1);
    check_answers(&w, "read: x");
    submit_sync(&w, 9); /* the folder needs a descriptor too */
    check_answers(&w, "sync");
    world_stop(&w);
}

static void without_any_descriptor_jobs_fail_and_nothing_is_lost(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_write(&w, 1, 0, "x");
    check_answers(&w, "write");
    paper_set_open_max(w.paper, 0);
    submit_read(&w, 2, 0, 1);
    submit_write(&w, 2, 0, "y");
    submit_sync(&w, 2);
    submit_sync(&w, 1); /* its file was closed for the sake of the others */
    check_answers(&w, "read: ERR_NO_DESCRIPTORS, sync: ERR_NO_DESCRIPTORS, "
                      "write: ERR_NO_DESCRIPTORS, sync: ERR_NO_DESCRIPTORS");
    assert_true(slice_is(paper_synced(w.paper, "segments/1-1.seg"), "x"));
    paper_set_open_max(w.paper, 5);
    submit_write(&w, 2, 0, "y");
    submit_sync(&w, 2);
    submit_sync(&w, 1);
    check_answers(&w, "write, sync, sync");
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_most_64_files_are_open_unless_they_wait_for_a_sync),
        cmocka_unit_test(files_that_need_no_sync_are_closed_first),
        cmocka_unit_test(with_256_unsynced_files_the_oldest_is_synced_and_closed),
        cmocka_unit_test(a_sync_that_failed_when_its_file_was_closed_fails_later_jobs),
        cmocka_unit_test(with_too_few_descriptors_other_files_are_closed),
        cmocka_unit_test(without_any_descriptor_jobs_fail_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
