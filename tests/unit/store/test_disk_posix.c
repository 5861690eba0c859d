#include "store/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "store/disk.h"

static void note_file(void *arg, const char *name, uint64_t bytes)
{
    lv_buffer_printf(arg, "%s:%u ", name, (unsigned)bytes);
}

static void check_list(struct disk *disk, const char *path, const char *expected)
{
    struct lv_buffer names = {0};
    assert_int_equal(disk->list(disk, path, note_file, &names), 0);
    lv_buffer_add_u8(&names, 0);
    assert_string_equal((const char *)names.p, expected);
    lv_buffer_free(&names);
}

static void what_is_written_in_many_parts_is_read_in_one(void **state)
{
    (void)state;
    enum { PARTS = 200 };
    char *dir = scratch_create();
    struct disk *disk = disk_posix_create(dir);
    uint8_t bytes[PARTS * 3];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    struct iovec parts[PARTS];
    for (size_t i = 0; i < PARTS; i++)
        parts[i] = (struct iovec){bytes + i * 3, 3};
    struct disk_file *file = NULL;
    assert_int_equal(disk->open(disk, "f", DISK_OPEN_WRITE, &file), ERR_NOT_FOUND);
    assert_null(file);
    assert_int_equal(disk->open(disk, "f", DISK_OPEN_CREATE, &file), 0);
    assert_int_equal(disk->write(disk, file, 50, parts, PARTS), 0);
    assert_int_equal(disk->sync(disk, file), 0);
    uint64_t size;
    assert_int_equal(disk->size(disk, file, &size), 0);
    assert_int_equal(size, 50 + sizeof bytes);
    uint8_t back[PARTS * 3 + 100];
    size_t n;
    assert_int_equal(disk->read(disk, file, 50, back, sizeof back, &n), 0);
    assert_int_equal(n, sizeof bytes);
    assert_memory_equal(back, bytes, sizeof bytes);
    assert_int_equal(disk->truncate(disk, file, 60), 0);
    assert_int_equal(disk->read(disk, file, 60, back, sizeof back, &n), 0);
    assert_int_equal(n, 0);
    disk->close(disk, &file);
    assert_null(file);
    disk_posix_free(&disk);
    assert_null(disk);
    scratch_remove(&dir);
}

static void a_filled_file_is_zeros_whatever_it_contained(void **state)
{
    (void)state;
    enum { BYTES = 700000 };
    char *dir = scratch_create();
    struct disk *disk = disk_posix_create(dir);
    uint8_t *back = malloc(BYTES + 1);
    memset(back, 7, BYTES);
    struct disk_file *file = NULL;
    assert_int_equal(disk->open(disk, "f", DISK_OPEN_CREATE, &file), 0);
    struct iovec part = {back, BYTES};
    assert_int_equal(disk->write(disk, file, 500000, &part, 1), 0);
    assert_int_equal(disk->fill(disk, file, BYTES), 0);
    size_t n;
    assert_int_equal(disk->read(disk, file, 0, back, BYTES + 1, &n), 0);
    assert_int_equal(n, BYTES);
    for (size_t i = 0; i < BYTES; i++)
        assert_int_equal(back[i], 0);
    disk->close(disk, &file);
    free(back);
    disk_posix_free(&disk);
    scratch_remove(&dir);
}

static void files_are_listed_renamed_and_removed(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct disk *disk = disk_posix_create(dir);
    assert_int_equal(disk->make_directory(disk, "log"), 0);
    assert_int_equal(disk->make_directory(disk, "log"), 0);
    assert_int_equal(disk->sync_directory(disk, "."), 0);
    struct disk_file *file = NULL;
    assert_int_equal(disk->open(disk, "log/a", DISK_OPEN_CREATE, &file), 0);
    disk->close(disk, &file);
    check_list(disk, "log", "a:0 ");
    check_list(disk, ".", "");
    assert_int_equal(disk->rename(disk, "log/a", "log/b"), 0);
    assert_int_equal(disk->rename(disk, "log/a", "log/b"), ERR_NOT_FOUND);
    assert_int_equal(disk->sync_directory(disk, "log"), 0);
    check_list(disk, "log", "b:0 ");
    assert_int_equal(disk->remove(disk, "log/b"), 0);
    assert_int_equal(disk->remove(disk, "log/b"), ERR_NOT_FOUND);
    assert_int_equal(disk->sync_directory(disk, "nowhere"), ERR_NOT_FOUND);
    disk_posix_free(&disk);
    char path[256];
    snprintf(path, sizeof path, "%s/log", dir);
    assert_int_equal(rmdir(path), 0);
    scratch_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_in_many_parts_is_read_in_one),
        cmocka_unit_test(a_filled_file_is_zeros_whatever_it_contained),
        cmocka_unit_test(files_are_listed_renamed_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
