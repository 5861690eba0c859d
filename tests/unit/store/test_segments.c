#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/paper_disk.h"
#include "store/scratch.h"
#include "store/segments.h"

/* --- a world: a disk of paper, segments that are stepped, and what came of each call ---------- */

struct world {
    struct paper *paper;
    struct segments *s;
    struct lv_buffer said;
};

struct asked {
    struct world *w;
    char name[32];
};

/* Notes "name: bytes" or "name: ERR_..."; frees what it was asked with. */
static void note_done(void *arg, int error, struct lv_buffer *read)
{
    struct asked *asked = arg;
    struct lv_buffer *said = &asked->w->said;

    lv_buffer_printf(said, "%s%s", said->n ? ", " : "", asked->name);
    if (error < 0)
        lv_buffer_printf(said, ": %s", lv_error_name(error));
    else if (read)
        lv_buffer_printf(said, ": %.*s", (int)read->n, (const char *)read->p);
    free(asked);
}

static struct asked *ask(struct world *w, const char *name)
{
    struct asked *asked = lv_calloc(1, sizeof *asked);

    asked->w = w;
    snprintf(asked->name, sizeof asked->name, "%s", name);
    return asked;
}

static void world_start(struct world *w)
{
    *w = (struct world){.paper = paper_create()};
    assert_int_equal(segments_open(paper_disk(w->paper), true, &w->s), 0);
    paper_trace(w->paper);
}

static void world_stop(struct world *w)
{
    segments_close(&w->s);
    paper_free(&w->paper);
    lv_buffer_free(&w->said);
}

static void ask_write(struct world *w, uint64_t number, uint64_t offset, const char *text)
{
    struct lv_buffer b = {0};

    lv_buffer_add(&b, text, strlen(text));
    segments_write(w->s, 1, number, offset, &b, note_done, ask(w, "write"));
    assert_null(b.p);
    assert_int_equal(b.n, 0);
}

static void ask_read(struct world *w, uint64_t number, uint64_t offset, size_t bytes)
{
    segments_read(w->s, 1, number, offset, bytes, note_done, ask(w, "read"));
}

static void ask_sync(struct world *w, uint64_t number)
{
    segments_sync(w->s, 1, number, note_done, ask(w, "sync"));
}

static void ask_remove(struct world *w, uint64_t number)
{
    segments_remove(w->s, 1, number, note_done, ask(w, "remove"));
}

static void run(struct world *w)
{
    while (segments_step(w->s))
        ;
}

/* Does all the work, and compares what was said. */
static void check_said(struct world *w, const char *expected)
{
    run(w);
    lv_buffer_add_u8(&w->said, 0);
    assert_string_equal((const char *)w->said.p, expected);
    w->said.n = 0;
}

static void check_trace(struct world *w, const char *expected)
{
    run(w);
    assert_string_equal(paper_trace(w->paper), expected);
}

/* --- the ordinary way ------------------------------------------------------------------------- */

static void opening_makes_the_folder_and_its_name_lasts(void **state)
{
    struct paper *paper = paper_create();
    struct segments *s = NULL;

    (void)state;
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
    struct world w;

    (void)state;
    world_start(&w);
    ask_write(&w, 0x1f, 0, "hare");
    ask_sync(&w, 0x1f);
    ask_write(&w, 0x1f, 4, "s run");
    ask_sync(&w, 0x1f);
    ask_read(&w, 0x1f, 1, 6);
    ask_remove(&w, 0x1f);
    check_said(&w, "write, sync, write, sync, read: ares r, remove");
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
    struct world w;

    (void)state;
    world_start(&w);
    ask_write(&w, 1, 0, "LvSb\x03 and what we do not know");
    check_said(&w, "write");
    segments_close(&w.s);
    paper_trace(w.paper);
    assert_int_equal(segments_open(paper_disk(w.paper), true, &w.s), ERR_FORMAT);
    assert_null(w.s);
    assert_non_null(
        strstr(lv_error_reason(ERR_FORMAT), "segments/1-1.seg is of the newer version 3"));
    assert_null(strstr(paper_trace(w.paper), "write"));
    world_stop(&w);
}

static void a_file_that_is_there_is_not_cut(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    ask_write(&w, 1, 0, "abcdef");
    run(&w);
    segments_close(&w.s);
    assert_int_equal(segments_open(paper_disk(w.paper), true, &w.s), 0);
    ask_write(&w, 1, 0, "AB");
    ask_read(&w, 1, 0, 100);
    check_said(&w, "write, write, read: ABcdef");
    world_stop(&w);
}

static void a_file_open_for_reading_is_opened_again_to_write(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    ask_write(&w, 1, 0, "abc");
    run(&w);
    segments_close(&w.s);
    assert_int_equal(segments_open(paper_disk(w.paper), true, &w.s), 0);
    paper_trace(w.paper);
    ask_read(&w, 1, 0, 3);
    ask_write(&w, 1, 3, "d");
    ask_read(&w, 1, 0, 4);
    check_said(&w, "write, read: abc, write, read: abcd");
    check_trace(&w, "open segments/1-1.seg\n"
                    "read segments/1-1.seg 0+3\n"
                    "close segments/1-1.seg\n"
                    "open-to-write segments/1-1.seg\n"
                    "write segments/1-1.seg 3+1\n"
                    "read segments/1-1.seg 0+4\n");
    world_stop(&w);
}

static void what_is_not_there_is_said_so(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    ask_read(&w, 1, 0, 10);
    ask_sync(&w, 1);
    ask_remove(&w, 1);
    segments_remove(w.s, 1, 1, NULL, NULL);
    ask_write(&w, 1, 8, "not its beginning");
    check_said(&w, "read: ERR_NOT_FOUND, sync: ERR_NOT_FOUND, remove, write: ERR_NOT_FOUND");
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
    struct world w;
    struct lv_buffer b = {0}, kept = {0};

    (void)state;
    world_start(&w);
    lv_buffer_add(&b, "the bytes", 9);
    const void *bytes = b.p;
    segments_write(w.s, 1, 1, 0, &b, NULL, NULL);
    segments_read(w.s, 1, 1, 4, 100, keep_buffer, &kept);
    run(&w);
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

static void what_could_not_be_written_is_handed_back(void **state)
{
    struct world w;
    struct lv_buffer b = {0}, kept = {0};

    (void)state;
    world_start(&w);
    lv_buffer_add(&b, "the bytes", 9);
    const void *bytes = b.p;
    paper_fail(w.paper, "create", 1, 1, ERR_NO_SPACE);
    segments_write(w.s, 1, 1, 0, &b, keep_unwritten, &kept);
    run(&w);
    assert_ptr_equal(kept.p, bytes);
    assert_int_equal(kept.n, 9);
    segments_write(w.s, 1, 1, 0, &kept, note_done, ask(&w, "write"));
    ask_read(&w, 1, 0, 9);
    check_said(&w, "write, read: the bytes");
    world_stop(&w);
}

/* --- who goes first --------------------------------------------------------------------------- */

static void a_read_overtakes_the_work_for_other_files(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    ask_write(&w, 1, 0, "read me");
    ask_write(&w, 2, 0, "x");
    check_said(&w, "write, write");
    for (uint64_t i = 0; i < 3; i++) {
        ask_write(&w, 2, 1 + i, "y");
        ask_write(&w, 3, i, "z");
    }
    ask_read(&w, 1, 0, 7);
    assert_true(segments_step(w.s));
    assert_int_equal(w.said.n, strlen("read: read me"));
    ask_read(&w, 2, 0, 4); /* this one is behind three writes to its file */
    check_said(&w, "read: read me, write, write, write, write, write, read: xyyy, write");
    world_stop(&w);
}

static void reads_do_not_hold_up_the_others_for_ever(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    ask_write(&w, 1, 0, "a");
    check_said(&w, "write");
    ask_write(&w, 2, 0, "b");
    for (int i = 0; i < 10; i++)
        ask_read(&w, 1, 0, 0);
    check_said(&w, "read: , read: , read: , read: , read: , read: , read: , read: , "
                   "write, read: , read: ");
    world_stop(&w);
}

/* --- open files ------------------------------------------------------------------------------- */

static void ask_write_files(struct world *w, uint64_t from, uint64_t below)
{
    for (uint64_t i = from; i < below; i++) {
        ask_write(w, i, 0, "x");
        run(w);
    }
    w->said.n = 0;
}

static void at_most_64_files_are_open_unless_they_wait_for_a_sync(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    ask_write_files(&w, 0, 300);
    assert_int_equal(paper_open_count(w.paper), 256);
    for (uint64_t i = 0; i < 300; i++)
        ask_sync(&w, i);
    run(&w);
    assert_int_equal(paper_open_count(w.paper), 64);
    for (uint64_t i = 0; i < 300; i++)
        ask_read(&w, i, 0, 1);
    run(&w);
    assert_int_equal(paper_open_count(w.paper), 64);
    world_stop(&w);
}

static void what_need_not_be_synced_is_closed_first(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    ask_write_files(&w, 0, 64);
    ask_sync(&w, 5);
    ask_sync(&w, 9);
    check_said(&w, "sync, sync");
    ask_read(&w, 5, 0, 1);
    check_said(&w, "read: x");
    paper_trace(w.paper);
    ask_write_files(&w, 0x100, 0x101);
    check_trace(&w, "close segments/1-9.seg\n" /* 5 was used after it */
                    "open-to-write segments/1-100.seg: ERR_NOT_FOUND\n"
                    "create segments/1-100.seg\n"
                    "write segments/1-100.seg 0+1\n");
    world_stop(&w);
}

static void with_too_many_that_wait_for_a_sync_the_oldest_gets_it(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    ask_write_files(&w, 0, 256);
    paper_trace(w.paper);
    ask_write_files(&w, 0x100, 0x101);
    check_trace(&w, "sync segments/1-0.seg\n"
                    "close segments/1-0.seg\n"
                    "open-to-write segments/1-100.seg: ERR_NOT_FOUND\n"
                    "create segments/1-100.seg\n"
                    "write segments/1-100.seg 0+1\n");
    world_stop(&w);
}

static void a_sync_that_failed_at_closing_is_told_to_who_asks_later(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    ask_write_files(&w, 0, 256);
    paper_fail(w.paper, "sync", 1, 1, ERR_IO);
    ask_write_files(&w, 256, 257); /* closes file 0 */
    assert_int_equal(paper_calls(w.paper), 1);
    ask_sync(&w, 0);
    ask_write(&w, 0, 1, "more");
    ask_sync(&w, 1);
    check_said(&w, "sync: ERR_IO, sync, write: ERR_IO");
    world_stop(&w);
}

static void with_too_few_descriptors_others_are_closed(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    paper_set_open_max(w.paper, 3);
    ask_write_files(&w, 0, 10);
    assert_int_equal(paper_open_count(w.paper), 3);
    ask_read(&w, 0, 0, 1);
    check_said(&w, "read: x");
    ask_sync(&w, 9); /* the folder needs a descriptor too */
    check_said(&w, "sync");
    world_stop(&w);
}

static void without_any_descriptor_it_is_said_and_nothing_is_lost(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    ask_write(&w, 1, 0, "x");
    check_said(&w, "write");
    paper_set_open_max(w.paper, 0);
    ask_read(&w, 2, 0, 1);
    ask_write(&w, 2, 0, "y");
    ask_sync(&w, 2);
    ask_sync(&w, 1); /* its file was closed for the sake of the others */
    check_said(&w, "read: ERR_NO_DESCRIPTORS, sync: ERR_NO_DESCRIPTORS, "
                   "write: ERR_NO_DESCRIPTORS, sync: ERR_NO_DESCRIPTORS");
    assert_true(slice_is(paper_synced(w.paper, "segments/1-1.seg"), "x"));
    paper_set_open_max(w.paper, 5);
    ask_write(&w, 2, 0, "y");
    ask_sync(&w, 2);
    ask_sync(&w, 1);
    check_said(&w, "write, sync, sync");
    world_stop(&w);
}

/* --- failures --------------------------------------------------------------------------------- */

static void a_write_without_room_can_be_tried_again(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    ask_write(&w, 1, 0, "one");
    run(&w);
    paper_fail(w.paper, "write", 1, 1, ERR_NO_SPACE);
    ask_write(&w, 1, 3, "two");
    ask_sync(&w, 1);
    ask_write(&w, 1, 3, "two");
    ask_sync(&w, 1);
    check_said(&w, "write, write: ERR_NO_SPACE, sync: ERR_NO_SPACE, write, sync");
    assert_true(slice_is(paper_synced(w.paper, "segments/1-1.seg"), "onetwo"));
    world_stop(&w);
}

static void a_failed_write_is_final_until_the_file_is_removed(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    ask_write(&w, 1, 0, "one");
    check_said(&w, "write");
    paper_fail(w.paper, "write", 1, 1, ERR_IO);
    ask_write(&w, 1, 3, "two");
    ask_write(&w, 1, 3, "two");
    ask_sync(&w, 1);
    ask_sync(&w, 1);
    check_said(&w, "write: ERR_IO, write: ERR_IO, sync: ERR_IO, sync: ERR_IO");
    ask_read(&w, 1, 0, 3);
    ask_write(&w, 2, 0, "another file");
    ask_sync(&w, 2);
    ask_remove(&w, 1);
    ask_write(&w, 1, 0, "new");
    ask_sync(&w, 1);
    check_said(&w, "read: one, write, remove, sync, write, sync");
    world_stop(&w);
}

static void a_failed_sync_is_never_tried_again(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    paper_fail(w.paper, "sync", 1, 1, ERR_IO);
    ask_write(&w, 1, 0, "one");
    ask_sync(&w, 1);
    ask_sync(&w, 1);
    ask_write(&w, 1, 3, "two");
    ask_sync(&w, 1);
    check_said(&w, "write, sync: ERR_IO, sync: ERR_IO, write: ERR_IO, sync: ERR_IO");
    assert_int_equal(paper_calls(w.paper), 1);
    world_stop(&w);
}

static void a_failed_sync_of_the_folder_is_final_for_all_files(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    paper_fail(w.paper, "sync-folder", 1, 1, ERR_IO);
    ask_write(&w, 1, 0, "one");
    ask_sync(&w, 1);
    check_said(&w, "write, sync: ERR_IO");
    ask_write(&w, 2, 0, "two");
    ask_sync(&w, 2);
    check_said(&w, "write, sync: ERR_IO");
    assert_int_equal(paper_calls(w.paper), 1);
    world_stop(&w);
}

static void a_failed_removal_is_said(void **state)
{
    struct world w;

    (void)state;
    world_start(&w);
    ask_write(&w, 1, 0, "one");
    paper_fail(w.paper, "remove", 1, 1, ERR_IO);
    ask_remove(&w, 1);
    ask_remove(&w, 1);
    ask_read(&w, 1, 0, 1);
    check_said(&w, "write, remove: ERR_IO, remove, read: ERR_NOT_FOUND");
    world_stop(&w);
}

/* One call of the disk fails, each in turn: every call has its one answer, and a sync that is said
 * to be done is done. */
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

/* True when the error came up. */
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
    /* Opening with too few descriptors is tried again with others closed. */
    if (was_reached && error != ERR_NO_DESCRIPTORS && error != ERR_NOT_FOUND)
        assert_in_range(trial.failed, 1, 7);
    paper_free(&trial.paper);
    return was_reached;
}

static void whatever_call_fails_every_answer_is_given_and_true(void **state)
{
    static const int errors[] = {ERR_IO, ERR_NO_SPACE, ERR_NOT_FOUND, ERR_NO_DESCRIPTORS,
                                 ERR_REFUSED};

    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        unsigned number = 1;
        while (run_trial(number, errors[i]))
            number++;
        assert_in_range(number, 14, 40);
    }
}

/* --- the end, and what is there --------------------------------------------------------------- */

struct chain {
    struct segments *s;
    unsigned links;
    unsigned done;
};

static void chain_done(void *arg, int error, struct lv_buffer *read)
{
    struct chain *chain = arg;
    struct lv_buffer b = {0};

    (void)read;
    assert_int_equal(error, 0);
    if (++chain->done >= chain->links)
        return;
    lv_buffer_add_u8(&b, 'x');
    segments_write(chain->s, 1, chain->done % 3, 0, &b, chain_done, chain);
}

static void closing_does_what_was_asked_for_and_what_that_asks_for(void **state)
{
    (void)state;
    for (int is_stepped = 0; is_stepped < 2; is_stepped++) {
        struct paper *paper = paper_create();
        struct chain chain = {.links = 20};
        struct lv_buffer b = {0};
        struct segments *s;
        assert_int_equal(segments_open(paper_disk(paper), is_stepped, &s), 0);
        chain.s = s;
        lv_buffer_add_u8(&b, 'x');
        segments_write(s, 1, 0, 0, &b, chain_done, &chain);
        segments_close(&s);
        assert_int_equal(chain.done, 20);
        paper_free(&paper);
    }
}

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

static void the_files_that_are_there_are_listed_and_others_are_not(void **state)
{
    struct world w;
    struct lv_buffer listed = {0};

    (void)state;
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
    ask_write(&w, 0xab, 0, "12345");
    run(&w);
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

/* --- the thread ------------------------------------------------------------------------------- */

enum { CLIENTS = 3, FILES_EACH = 30, BLOCKS_EACH = 6, BLOCK_BYTES = 3000 };

struct client {
    struct segments *s;
    uint64_t queue;
    _Atomic unsigned done;
    _Atomic unsigned wrong;
};

struct expected {
    struct client *client;
    uint8_t byte;
    bool is_read;
};

static void client_done(void *arg, int error, struct lv_buffer *read)
{
    struct expected *e = arg;
    bool is_right = error == 0 && e->is_read == (read != NULL) &&
                    (!read || (read->n == BLOCK_BYTES && read->p[0] == e->byte &&
                               read->p[BLOCK_BYTES - 1] == e->byte));

    if (!is_right)
        atomic_fetch_add(&e->client->wrong, 1);
    atomic_fetch_add(&e->client->done, 1);
    free(e);
}

static struct expected *expect(struct client *client, uint8_t byte, bool is_read)
{
    struct expected *e = lv_malloc(sizeof *e);

    *e = (struct expected){client, byte, is_read};
    return e;
}

static void client_block(struct client *client, uint64_t number, unsigned block)
{
    uint8_t byte = (uint8_t)(client->queue * 100 + number + block);
    struct lv_buffer b = {0};

    memset(lv_buffer_reserve(&b, BLOCK_BYTES), byte, BLOCK_BYTES);
    b.n = BLOCK_BYTES;
    segments_write(client->s, client->queue, number, block * (uint64_t)BLOCK_BYTES, &b, client_done,
                   expect(client, byte, false));
    if (block % 3 == 2)
        segments_sync(client->s, client->queue, number, client_done, expect(client, 0, false));
    segments_read(client->s, client->queue, number, block * (uint64_t)BLOCK_BYTES, BLOCK_BYTES,
                  client_done, expect(client, byte, true));
}

static void *client_run(void *arg)
{
    struct client *client = arg;

    for (unsigned block = 0; block < BLOCKS_EACH; block++)
        for (uint64_t number = 0; number < FILES_EACH; number++)
            client_block(client, number, block);
    for (uint64_t number = 0; number < FILES_EACH; number++)
        segments_remove(client->s, client->queue, number, client_done, expect(client, 0, false));
    return NULL;
}

static void check_clients(struct disk *disk)
{
    struct client clients[CLIENTS];
    pthread_t threads[CLIENTS];
    struct segments *s;

    assert_int_equal(segments_open(disk, false, &s), 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.s = s, .queue = i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, client_run, &clients[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    segments_close(&s);
    for (unsigned i = 0; i < CLIENTS; i++) {
        assert_int_equal(clients[i].wrong, 0);
        assert_int_equal(clients[i].done, FILES_EACH * (BLOCKS_EACH * 2 + BLOCKS_EACH / 3 + 1));
    }
}

static void many_threads_ask_and_each_gets_its_own(void **state)
{
    struct paper *paper = paper_create();

    (void)state;
    check_clients(paper_disk(paper));
    paper_free(&paper);
}

static void the_same_on_a_real_disk(void **state)
{
    char *dir = scratch_create();
    struct disk *disk = disk_posix_create(dir);
    char folder[4200];

    (void)state;
    check_clients(disk);
    snprintf(folder, sizeof folder, "%s/segments", dir);
    assert_int_equal(rmdir(folder), 0); /* nothing is left in it */
    disk_posix_free(&disk);
    scratch_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_makes_the_folder_and_its_name_lasts),
        cmocka_unit_test(a_file_is_written_synced_with_its_name_read_and_removed),
        cmocka_unit_test(a_file_of_a_newer_version_is_refused_by_its_name),
        cmocka_unit_test(a_file_that_is_there_is_not_cut),
        cmocka_unit_test(a_file_open_for_reading_is_opened_again_to_write),
        cmocka_unit_test(what_is_not_there_is_said_so),
        cmocka_unit_test(buffers_are_moved_not_copied),
        cmocka_unit_test(what_could_not_be_written_is_handed_back),
        cmocka_unit_test(a_read_overtakes_the_work_for_other_files),
        cmocka_unit_test(reads_do_not_hold_up_the_others_for_ever),
        cmocka_unit_test(at_most_64_files_are_open_unless_they_wait_for_a_sync),
        cmocka_unit_test(what_need_not_be_synced_is_closed_first),
        cmocka_unit_test(with_too_many_that_wait_for_a_sync_the_oldest_gets_it),
        cmocka_unit_test(a_sync_that_failed_at_closing_is_told_to_who_asks_later),
        cmocka_unit_test(with_too_few_descriptors_others_are_closed),
        cmocka_unit_test(without_any_descriptor_it_is_said_and_nothing_is_lost),
        cmocka_unit_test(a_write_without_room_can_be_tried_again),
        cmocka_unit_test(a_failed_write_is_final_until_the_file_is_removed),
        cmocka_unit_test(a_failed_sync_is_never_tried_again),
        cmocka_unit_test(a_failed_sync_of_the_folder_is_final_for_all_files),
        cmocka_unit_test(a_failed_removal_is_said),
        cmocka_unit_test(whatever_call_fails_every_answer_is_given_and_true),
        cmocka_unit_test(closing_does_what_was_asked_for_and_what_that_asks_for),
        cmocka_unit_test(the_files_that_are_there_are_listed_and_others_are_not),
        cmocka_unit_test(many_threads_ask_and_each_gets_its_own),
        cmocka_unit_test(the_same_on_a_real_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
