/* Segment files on a disk of paper: what each job does, and in which order jobs are done. */
#include "store/segments_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* --- what a job does -------------------------------------------------------------------------- */

static void opening_makes_the_folder_and_syncs_its_name(void **state)
{
    (void)state;
    struct paper *paper = paper_create();
    struct segments *s = NULL;
    assert_int_equal(segments_open(paper_disk(paper), true, &s), 0);
    assert_string_equal(paper_trace(paper), "make-folder segments\n"
                                            "sync-folder segments\n"
                                            "sync-folder .\n"
                                            "list segments\n");
    segments_close(&s);
    assert_null(s);
    segments_close(&s);
    for (unsigned n = 1; n <= 4; n++) {
        paper_fail(paper, NULL, n, 1, ERR_REFUSED);
        assert_int_equal(segments_open(paper_disk(paper), true, &s), ERR_REFUSED);
        assert_null(s);
    }
    paper_free(&paper);
}

static void a_file_is_written_synced_with_its_name_read_and_removed(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_write(&w, 0x1f, 0, "hare");
    submit_sync(&w, 0x1f);
    submit_write(&w, 0x1f, 4, "s run");
    submit_sync(&w, 0x1f);
    submit_read(&w, 0x1f, 1, 6);
    submit_remove(&w, 0x1f);
    check_answers(&w, "write, sync, write, sync, read: ares r, remove");
    check_trace(&w, "open-to-write segments/1-1f.seg: ERR_NOT_FOUND\n"
                    "create segments/1-1f.seg\n"
                    "write segments/1-1f.seg 0+4\n"
                    "sync segments/1-1f.seg\n"
                    "sync-folder segments\n"
                    "write segments/1-1f.seg 4+5\n"
                    "sync segments/1-1f.seg\n"
                    "read segments/1-1f.seg 1+6\n"
                    "close segments/1-1f.seg\n"
                    "remove segments/1-1f.seg\n");
    world_stop(&w);
}

static void a_file_of_a_newer_version_is_refused_by_its_name(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_write(&w, 1, 0, "LvSb\x03 and what we do not know");
    check_answers(&w, "write");
    segments_close(&w.s);
    paper_trace(w.paper);
    assert_int_equal(segments_open(paper_disk(w.paper), true, &w.s), ERR_FORMAT);
    assert_null(w.s);
    assert_non_null(
        strstr(lv_error_reason(ERR_FORMAT), "segments/1-1.seg is of the newer version 3"));
    assert_null(strstr(paper_trace(w.paper), "write"));
    world_stop(&w);
}

static void an_existing_file_is_not_truncated(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_write(&w, 1, 0, "abcdef");
    world_run(&w);
    segments_close(&w.s);
    assert_int_equal(segments_open(paper_disk(w.paper), true, &w.s), 0);
    submit_write(&w, 1, 0, "AB");
    submit_read(&w, 1, 0, 100);
    check_answers(&w, "write, write, read: ABcdef");
    world_stop(&w);
}

static void a_file_open_for_reading_is_opened_again_to_write(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_write(&w, 1, 0, "abc");
    world_run(&w);
    segments_close(&w.s);
    assert_int_equal(segments_open(paper_disk(w.paper), true, &w.s), 0);
    paper_trace(w.paper);
    submit_read(&w, 1, 0, 3);
    submit_write(&w, 1, 3, "d");
    submit_read(&w, 1, 0, 4);
    check_answers(&w, "write, read: abc, write, read: abcd");
    check_trace(&w, "open segments/1-1.seg\n"
                    "read segments/1-1.seg 0+3\n"
                    "close segments/1-1.seg\n"
                    "open-to-write segments/1-1.seg\n"
                    "write segments/1-1.seg 3+1\n"
                    "read segments/1-1.seg 0+4\n");
    world_stop(&w);
}

static void a_missing_file_is_an_error_except_for_its_removal(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_read(&w, 1, 0, 10);
    submit_sync(&w, 1);
    submit_remove(&w, 1);
    segments_remove(w.s, 1, 1, NULL, NULL);
    submit_write(&w, 1, 8, "not its beginning");
    check_answers(&w, "read: ERR_NOT_FOUND, sync: ERR_NOT_FOUND, remove, write: ERR_NOT_FOUND");
    assert_false(segments_step(w.s));
    world_stop(&w);
}

static void keep_buffer(void *arg, int error, struct lv_buffer *read)
{
    assert_int_equal(error, 0);
    *(struct lv_buffer *)arg = *read;
    *read = (struct lv_buffer){0};
}

static void buffers_are_moved_not_copied(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct lv_buffer b = {0};
    lv_buffer_add(&b, "the bytes", 9);
    const void *bytes = b.p;
    segments_write(w.s, 1, 1, 0, &b, NULL, NULL);
    struct lv_buffer kept = {0};
    segments_read(w.s, 1, 1, 4, 100, keep_buffer, &kept);
    world_run(&w);
    assert_ptr_equal(paper_last_written(w.paper), bytes);
    assert_int_equal(kept.n, 5);
    assert_memory_equal(kept.p, "bytes", 5);
    lv_buffer_free(&kept);
    world_stop(&w);
}

static void keep_unwritten(void *arg, int error, struct lv_buffer *unwritten)
{
    assert_int_equal(error, ERR_NO_SPACE);
    *(struct lv_buffer *)arg = *unwritten;
    *unwritten = (struct lv_buffer){0};
}

static void bytes_that_could_not_be_written_are_given_back(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    struct lv_buffer b = {0};
    lv_buffer_add(&b, "the bytes", 9);
    const void *bytes = b.p;
    paper_fail(w.paper, "create", 1, 1, ERR_NO_SPACE);
    struct lv_buffer kept = {0};
    segments_write(w.s, 1, 1, 0, &b, keep_unwritten, &kept);
    world_run(&w);
    assert_ptr_equal(kept.p, bytes);
    assert_int_equal(kept.n, 9);
    segments_write(w.s, 1, 1, 0, &kept, answer_add, answer_expect(&w, "write"));
    submit_read(&w, 1, 0, 9);
    check_answers(&w, "write, read: the bytes");
    world_stop(&w);
}

/* --- which job is next ------------------------------------------------------------------------ */

static void a_read_overtakes_jobs_of_other_files(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_write(&w, 1, 0, "read me");
    submit_write(&w, 2, 0, "x");
    check_answers(&w, "write, write");
    for (uint64_t i = 0; i < 3; i++) {
        submit_write(&w, 2, 1 + i, "y");
        submit_write(&w, 3, i, "z");
    }
    submit_read(&w, 1, 0, 7);
    assert_true(segments_step(w.s));
    assert_int_equal(w.answers.n, strlen("read: read me"));
    submit_read(&w, 2, 0, 4); /* its file has three writes to do before */
    check_answers(&w, "read: read me, write, write, write, write, write, read: xyyy, write");
    world_stop(&w);
}

static void reads_do_not_starve_other_jobs(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    submit_write(&w, 1, 0, "a");
    check_answers(&w, "write");
    submit_write(&w, 2, 0, "b");
    for (int i = 0; i < 10; i++)
        submit_read(&w, 1, 0, 0);
    check_answers(&w, "read: , read: , read: , read: , read: , read: , read: , read: , "
                      "write, read: , read: ");
    world_stop(&w);
}

/* --- closing ---------------------------------------------------------------------------------- */

struct chain {
    struct segments *s;
    unsigned links;
    unsigned done;
};

static void chain_done(void *arg, int error, struct lv_buffer *read)
{
    struct chain *chain = arg;
    (void)read;
    assert_int_equal(error, 0);
    if (++chain->done >= chain->links)
        return;
    struct lv_buffer b = {0};
    lv_buffer_add_u8(&b, 'x');
    segments_write(chain->s, 1, chain->done % 3, 0, &b, chain_done, chain);
}

static void closing_does_all_jobs_and_those_that_done_submits(void **state)
{
    (void)state;
    for (int is_stepped = 0; is_stepped < 2; is_stepped++) {
        struct paper *paper = paper_create();
        struct chain chain = {.links = 20};
        struct segments *s;
        assert_int_equal(segments_open(paper_disk(paper), is_stepped, &s), 0);
        chain.s = s;
        struct lv_buffer b = {0};
        lv_buffer_add_u8(&b, 'x');
        segments_write(s, 1, 0, 0, &b, chain_done, &chain);
        segments_close(&s);
        assert_int_equal(chain.done, 20);
        paper_free(&paper);
    }
}

/* --- listing ---------------------------------------------------------------------------------- */

static void visit(void *arg, uint64_t queue, uint64_t number, uint64_t bytes)
{
    lv_buffer_printf(arg, "%llx %llx %llu\n", (unsigned long long)queue, (unsigned long long)number,
                     (unsigned long long)bytes);
}

static void put_file(struct paper *paper, const char *path)
{
    struct disk *disk = paper_disk(paper);
    struct disk_file *file;
    assert_int_equal(disk->open(disk, path, DISK_OPEN_CREATE, &file), 0);
    disk->close(disk, &file);
}

static void only_segment_files_are_listed(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    segments_close(&w.s);
    put_file(w.paper, "segments/0-0.seg");
    put_file(w.paper, "segments/ffffffffffffffff-ffffffffffffffff.seg");
    put_file(w.paper, "segments/01-1.seg");
    put_file(w.paper, "segments/1-A.seg");
    put_file(w.paper, "segments/1-1.seg.old");
    put_file(w.paper, "segments/1-.seg");
    put_file(w.paper, "segments/1-1");
    put_file(w.paper, "segments/11111111111111111-1.seg");
    put_file(w.paper, "segments/-1-1.seg");
    put_file(w.paper, "segments/lost+found");
    assert_int_equal(segments_open(paper_disk(w.paper), true, &w.s), 0);
    submit_write(&w, 0xab, 0, "12345");
    world_run(&w);
    struct lv_buffer listed = {0};
    assert_int_equal(segments_list(w.s, visit, &listed), 0);
    lv_buffer_add_u8(&listed, 0);
    assert_string_equal((const char *)listed.p, "0 0 0\n"
                                                "ffffffffffffffff ffffffffffffffff 0\n"
                                                "1 ab 5\n");
    paper_fail(w.paper, "list", 1, 1, ERR_IO);
    assert_int_equal(segments_list(w.s, visit, &listed), ERR_IO);
    lv_buffer_free(&listed);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_makes_the_folder_and_syncs_its_name),
        cmocka_unit_test(a_file_is_written_synced_with_its_name_read_and_removed),
        cmocka_unit_test(a_file_of_a_newer_version_is_refused_by_its_name),
        cmocka_unit_test(an_existing_file_is_not_truncated),
        cmocka_unit_test(a_file_open_for_reading_is_opened_again_to_write),
        cmocka_unit_test(a_missing_file_is_an_error_except_for_its_removal),
        cmocka_unit_test(buffers_are_moved_not_copied),
        cmocka_unit_test(bytes_that_could_not_be_written_are_given_back),
        cmocka_unit_test(a_read_overtakes_jobs_of_other_files),
        cmocka_unit_test(reads_do_not_starve_other_jobs),
        cmocka_unit_test(closing_does_all_jobs_and_those_that_done_submits),
        cmocka_unit_test(only_segment_files_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
