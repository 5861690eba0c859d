/* Logs that are damaged, incomplete, or written by a newer Leveret. */
#include "store/log_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "store/log_records.h"

static struct world *written_log(void)
{
    struct world *w = world_create();
    world_write(w, 0, 40);
    return w;
}

/* Checks that each line of `text` is one of `all`, in the same order. */
static void check_is_subsequence(struct slice text, const char *all)
{
    while (text.n > 0) {
        const uint8_t *end = memchr(text.p, '\n', text.n);
        size_t n = (size_t)(end - text.p) + 1;
        char *line = slice_strdup(slice_of(text.p, n));
        all = strstr(all, line);
        assert_non_null(all);
        all += n;
        text = slice_of(text.p + n, text.n - n);
        free(line);
    }
}

/* A log of 40 messages, closed in good order, with one bit flipped: wherever that is, the other
 * messages are read, in order, and either the damage is reported or nothing is missing. */
static void damage_costs_only_the_damaged_record(void **state)
{
    (void)state;
    struct world *whole = written_log();
    world_reopen(whole);
    struct lv_buffer all = {0};
    lv_buffer_add(&all, whole->read.p, whole->read.n);
    lv_buffer_add_u8(&all, 0);
    world_free(whole);
    unsigned reported = 0;
    unsigned lost = 0;
    for (unsigned i = 0; i < 600; i++) {
        struct world *w = written_log();
        log_close(&w->log);
        char path[64];
        snprintf(path, sizeof path, "log/%020u.log", 1 + i % 6);
        disk_sim_flip_bit(w->sim, path, 64 + i * 13, i % 8);
        assert_int_equal(world_try_open(w), 0);
        assert_true(w->enqueues >= 39);
        assert_true(w->enqueues == 40 || w->recovery.damaged_ranges == 1);
        reported += w->recovery.damaged_ranges > 0;
        lost += 40 - w->enqueues;
        check_is_subsequence(lv_buffer_slice(&w->read), (const char *)all.p);
        world_free(w);
    }
    assert_true(lost > 300);
    assert_true(reported >= lost);
    lv_buffer_free(&all);
}

static void a_missing_file_is_reported_and_the_others_are_read(void **state)
{
    (void)state;
    struct world *w = written_log();
    struct disk *disk = disk_sim_port(w->sim);
    assert_true(log_current_file(w->log) > 4);
    log_close(&w->log);
    assert_int_equal(disk->remove(disk, "log/00000000000000000003.log"), 0);
    assert_int_equal(world_try_open(w), 0);
    assert_int_equal(w->recovery.damaged_ranges, 1);
    assert_in_range(w->enqueues, 25, 38);
    world_free(w);
}

static void a_damaged_header_costs_no_record(void **state)
{
    (void)state;
    struct world *w = written_log();
    log_close(&w->log);
    assert_true(disk_sim_flip_bit(w->sim, "log/00000000000000000003.log", 20, 1));
    assert_int_equal(world_try_open(w), 0);
    assert_int_equal(w->recovery.damaged_ranges, 1);
    assert_int_equal(w->enqueues, 40);
    world_free(w);
}

static void write_header(struct world *w, const char *path, uint32_t version)
{
    struct disk *disk = disk_sim_port(w->sim);
    uint8_t bytes[LOG_FILE_HEADER_BYTES];
    log_put_file_header(bytes, &(struct log_file_header){version, 3, 4});
    if (version == 0)
        memset(bytes, 0, sizeof bytes);
    struct disk_file *file = NULL;
    assert_int_equal(disk->open(disk, path, DISK_OPEN_WRITE, &file), 0);
    struct iovec part = {bytes, sizeof bytes};
    assert_int_equal(disk->write(disk, file, 0, &part, 1), 0);
    assert_int_equal(disk->sync(disk, file), 0);
    disk->close(disk, &file);
}

static void a_newer_version_is_refused(void **state)
{
    (void)state;
    struct world *w = written_log();
    log_close(&w->log);
    write_header(w, "log/00000000000000000003.log", LOG_FORMAT_VERSION + 1);
    assert_int_equal(world_try_open(w), ERR_FORMAT);
    assert_non_null(strstr(lv_error_reason(ERR_FORMAT), "log/00000000000000000003.log"));
    assert_null(w->log);
    assert_int_equal(w->enqueues, 0);
    world_free(w);
}

static void
a_format_of_headers_that_only_a_newer_leveret_knows_is_refused_by_file_and_offset(void **state)
{
    (void)state;
    const struct log_message later = {.format = HEADER_FORMATS, .is_persistent = true};
    struct world *w = written_log();
    log_enqueue(log_stage(w->log, 0), &later, &later, 1, 1000, 0, 0);
    log_submit(log_stage(w->log, 0));
    world_step(w);
    log_close(&w->log);
    assert_int_equal(world_try_open(w), ERR_FORMAT);
    assert_non_null(strstr(lv_error_reason(ERR_FORMAT), ".log, offset "));
    assert_non_null(strstr(lv_error_reason(ERR_FORMAT), "of the format 3"));
    world_free(w);
}

static void a_log_without_any_header_is_not_taken_for_an_empty_one(void **state)
{
    (void)state;
    struct world *w = world_create();
    world_write(w, 0, 3);
    log_close(&w->log);
    for (unsigned i = 1; i <= 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "log/%020u.log", i);
        if (disk_sim_flip_bit(w->sim, path, 0, 1))
            write_header(w, path, 0);
    }
    assert_int_equal(world_try_open(w), ERR_FORMAT);
    world_free(w);
}

/* The body is full of bytes that look like headers of records, each with another length: the search
 * for the next record behind damage must still end soon. */
static void a_body_that_looks_like_records_is_searched_in_bounded_time(void **state)
{
    (void)state;
    enum { BODY = 400000 };
    struct world *w = world_create();
    uint8_t *body = lv_malloc(BODY);
    for (size_t i = 0; i < BODY; i += 16) {
        memset(body + i, 0xaa, 8);
        log_put32(body + i + 8, (uint32_t)(BODY - i));
        log_put32(body + i + 12, LOG_ENQUEUE);
    }
    world_enqueue(w, 0, 1, "before");
    world_submit_and_step(w, 0);
    world_enqueue_body(w, 0, 1, 2, slice_of(body, BODY));
    world_submit_and_step(w, 0);
    world_enqueue(w, 0, 3, "behind");
    world_submit_and_step(w, 0);
    log_close(&w->log);
    for (unsigned file = 1; file <= 3; file++) {
        char path[64];
        snprintf(path, sizeof path, "log/%020u.log", file);
        disk_sim_flip_bit(w->sim, path, 128 + 9, 7); /* the length of the record itself */
        disk_sim_flip_bit(w->sim, path, 128 + 9 + 300000, 7);
    }
    assert_int_equal(world_try_open(w), 0);
    assert_true(w->recovery.damaged_ranges >= 1);
    world_free(w);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_costs_only_the_damaged_record),
        cmocka_unit_test(a_missing_file_is_reported_and_the_others_are_read),
        cmocka_unit_test(a_damaged_header_costs_no_record),
        cmocka_unit_test(a_newer_version_is_refused),
        cmocka_unit_test(
            a_format_of_headers_that_only_a_newer_leveret_knows_is_refused_by_file_and_offset),
        cmocka_unit_test(a_log_without_any_header_is_not_taken_for_an_empty_one),
        cmocka_unit_test(a_body_that_looks_like_records_is_searched_in_bounded_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
