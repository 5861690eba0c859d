#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "store/sim/disk_sim.h"

enum { SECTOR = 512, SECTORS = 8, BYTES = SECTOR * SECTORS, SEEDS = 300 };

static struct disk_file *opened(struct disk_sim *sim, const char *path, enum disk_open how)
{
    struct disk *disk = disk_sim_port(sim);
    struct disk_file *file = NULL;
    assert_int_equal(disk->open(disk, path, how, &file), 0);
    return file;
}

static int write_all(struct disk_sim *sim, struct disk_file *file, uint8_t value)
{
    struct disk *disk = disk_sim_port(sim);
    uint8_t bytes[BYTES];
    struct iovec parts[] = {{bytes, 100}, {bytes + 100, BYTES - 100}};
    memset(bytes, value, sizeof bytes);
    return disk->write(disk, file, 0, parts, 2);
}

static size_t read_all(struct disk_sim *sim, const char *path, uint8_t *bytes)
{
    struct disk *disk = disk_sim_port(sim);
    struct disk_file *file = opened(sim, path, DISK_OPEN_READ);
    size_t n;
    assert_int_equal(disk->read(disk, file, 0, bytes, BYTES, &n), 0);
    disk->close(disk, &file);
    return n;
}

/* A disk with the folder "d" and in it the file "d/f" of all ones, synced. */
static struct disk_sim *disk_made(uint64_t seed)
{
    struct disk_sim *sim = disk_sim_create(seed);
    struct disk *disk = disk_sim_port(sim);
    assert_int_equal(disk->make_directory(disk, "d"), 0);
    assert_int_equal(disk->make_directory(disk, "d"), 0);
    assert_int_equal(disk->sync_directory(disk, "."), 0);
    struct disk_file *file = opened(sim, "d/f", DISK_OPEN_CREATE);
    assert_int_equal(write_all(sim, file, 1), 0);
    assert_int_equal(disk->sync(disk, file), 0);
    assert_int_equal(disk->sync_directory(disk, "d"), 0);
    disk->close(disk, &file);
    return sim;
}

static bool is_there(struct disk_sim *sim, const char *path)
{
    struct disk *disk = disk_sim_port(sim);
    struct disk_file *file = NULL;
    int err = disk->open(disk, path, DISK_OPEN_READ, &file);
    assert_true(err == 0 || err == ERR_NOT_FOUND);
    disk->close(disk, &file);
    return err == 0;
}

static void cut_and_restart(struct disk_sim *sim)
{
    disk_sim_cut_power(sim);
    disk_sim_restart(sim);
}

/* --- power cuts and failures ------------------------------------------------------------------ */

static void what_was_synced_survives_with_any_seed(void **state)
{
    (void)state;
    uint8_t ones[BYTES];
    memset(ones, 1, sizeof ones);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk_sim *sim = disk_made(seed);
        cut_and_restart(sim);
        uint8_t bytes[BYTES];
        assert_int_equal(read_all(sim, "d/f", bytes), BYTES);
        assert_memory_equal(bytes, ones, BYTES);
        disk_sim_free(&sim);
    }
}

/* All three cases occur over the seeds. */
static void each_sector_that_was_not_synced_is_old_or_new_or_torn(void **state)
{
    (void)state;
    unsigned kept = 0, lost = 0, torn = 0, mixed = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk_sim *sim = disk_made(seed);
        struct disk *disk = disk_sim_port(sim);
        struct disk_file *file = opened(sim, "d/f", DISK_OPEN_WRITE);
        unsigned kept_before = kept, lost_before = lost;
        assert_int_equal(write_all(sim, file, 2), 0);
        disk->close(disk, &file);
        uint8_t bytes[BYTES];
        assert_int_equal(read_all(sim, "d/f", bytes), BYTES);
        assert_int_equal(bytes[0], 2);
        cut_and_restart(sim);
        read_all(sim, "d/f", bytes);
        for (size_t s = 0; s < BYTES; s += SECTOR) {
            size_t n = 0;
            while (n < SECTOR && bytes[s + n] == 2)
                n++;
            for (size_t i = n; i < SECTOR; i++)
                assert_int_equal(bytes[s + i], 1);
            kept += n == SECTOR;
            lost += n == 0;
            torn += n > 0 && n < SECTOR;
        }
        mixed += kept > kept_before && lost > lost_before;
        disk_sim_free(&sim);
    }
    assert_true(kept > SEEDS);
    assert_true(lost > SEEDS);
    assert_true(torn > SEEDS / 8);
    assert_true(mixed > SEEDS / 8);
}

static void the_same_seed_gives_the_same_disk(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint8_t bytes[2][BYTES];
        for (unsigned i = 0; i < 2; i++) {
            struct disk_sim *sim = disk_made(seed);
            struct disk *disk = disk_sim_port(sim);
            struct disk_file *file = opened(sim, "d/f", DISK_OPEN_WRITE);
            write_all(sim, file, 2);
            disk->close(disk, &file);
            cut_and_restart(sim);
            read_all(sim, "d/f", bytes[i]);
            disk_sim_free(&sim);
        }
        assert_memory_equal(bytes[0], bytes[1], BYTES);
    }
}

static void a_size_that_was_not_synced_may_be_old_new_or_between(void **state)
{
    (void)state;
    unsigned old = 0, new = 0, between = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk_sim *sim = disk_made(seed);
        struct disk *disk = disk_sim_port(sim);
        struct disk_file *file = opened(sim, "d/f", DISK_OPEN_WRITE);
        assert_int_equal(disk->fill(disk, file, 2 * BYTES), 0);
        disk->close(disk, &file);
        cut_and_restart(sim);
        file = opened(sim, "d/f", DISK_OPEN_READ);
        uint64_t size;
        assert_int_equal(disk->size(disk, file, &size), 0);
        assert_in_range(size, BYTES, 2 * BYTES);
        old += size == BYTES;
        new += size == 2 * BYTES;
        between += size > BYTES && size < 2 * BYTES;
        disk->close(disk, &file);
        disk_sim_free(&sim);
    }
    assert_true(old > 0);
    assert_true(new > 0);
    assert_true(between > 0);
}

static void names_that_were_not_synced_may_be_lost(void **state)
{
    (void)state;
    unsigned created = 0, removed = 0, renamed = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk_sim *sim = disk_made(seed);
        struct disk *disk = disk_sim_port(sim);
        struct disk_file *file = opened(sim, "d/g", DISK_OPEN_CREATE);
        disk->close(disk, &file);
        assert_int_equal(disk->rename(disk, "d/f", "d/h"), 0);
        assert_false(is_there(sim, "d/f"));
        cut_and_restart(sim);
        created += is_there(sim, "d/g");
        renamed += is_there(sim, "d/h");
        assert_true(is_there(sim, "d/f") != is_there(sim, "d/h"));
        disk_sim_free(&sim);

        sim = disk_made(seed);
        disk = disk_sim_port(sim);
        assert_int_equal(disk->remove(disk, "d/f"), 0);
        assert_int_equal(disk->remove(disk, "d/f"), ERR_NOT_FOUND);
        cut_and_restart(sim);
        removed += !is_there(sim, "d/f");
        disk_sim_free(&sim);
    }
    assert_in_range(created, 1, SEEDS - 1);
    assert_in_range(removed, 1, SEEDS - 1);
    assert_in_range(renamed, 1, SEEDS - 1);
}

static void a_folder_that_was_not_synced_may_be_lost_with_what_is_in_it(void **state)
{
    (void)state;
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk_sim *sim = disk_sim_create(seed);
        struct disk *disk = disk_sim_port(sim);
        assert_int_equal(disk->make_directory(disk, "d"), 0);
        struct disk_file *file = opened(sim, "d/f", DISK_OPEN_CREATE);
        assert_int_equal(disk->sync(disk, file), 0);
        assert_int_equal(disk->sync_directory(disk, "d"), 0);
        disk->close(disk, &file);
        cut_and_restart(sim);
        lost += !is_there(sim, "d/f");
        disk_sim_free(&sim);
    }
    assert_in_range(lost, 1, SEEDS - 1);
}

static void a_killed_process_leaves_the_disk_as_it_reads(void **state)
{
    (void)state;
    struct disk_sim *sim = disk_made(1);
    struct disk *disk = disk_sim_port(sim);
    struct disk_file *file = opened(sim, "d/f", DISK_OPEN_WRITE);
    assert_int_equal(write_all(sim, file, 2), 0);
    disk_sim_kill(sim);
    assert_int_equal(write_all(sim, file, 3), ERR_IO);
    assert_int_equal(disk->sync(disk, file), ERR_IO);
    disk->close(disk, &file);
    disk_sim_restart(sim);
    uint8_t bytes[BYTES];
    assert_int_equal(read_all(sim, "d/f", bytes), BYTES);
    assert_int_equal(bytes[0], 2);
    assert_int_equal(bytes[BYTES - 1], 2);
    disk_sim_free(&sim);
}

static void a_failed_sync_forgets_what_it_did_not_write(void **state)
{
    (void)state;
    unsigned forgotten = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct disk_sim *sim = disk_made(seed);
        struct disk *disk = disk_sim_port(sim);
        struct disk_file *file = opened(sim, "d/f", DISK_OPEN_WRITE);
        assert_int_equal(write_all(sim, file, 2), 0);
        disk_sim_fail_at(sim, disk_sim_calls(sim) + 1, ERR_IO);
        assert_int_equal(disk->sync(disk, file), ERR_IO);
        assert_int_equal(disk->sync(disk, file), 0); /* which is a lie */
        disk->close(disk, &file);
        uint8_t bytes[BYTES];
        read_all(sim, "d/f", bytes);
        assert_null(memchr(bytes, 1, BYTES));
        cut_and_restart(sim);
        read_all(sim, "d/f", bytes);
        forgotten += memchr(bytes, 1, BYTES) != NULL;
        disk_sim_free(&sim);
    }
    assert_true(forgotten > SEEDS / 2);
}

static void the_power_can_go_in_the_middle_of_any_call(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 4; n++) {
        struct disk_sim *sim = disk_made(n);
        struct disk *disk = disk_sim_port(sim);
        struct disk_file *file = opened(sim, "d/f", DISK_OPEN_WRITE);
        uint64_t before = disk_sim_calls(sim);
        disk_sim_cut_power_at(sim, before + n);
        for (uint64_t i = 1; i <= 4; i++)
            assert_int_equal(write_all(sim, file, 2), i < n ? 0 : ERR_IO);
        assert_int_equal(disk_sim_calls(sim), before + n);
        assert_true(disk_sim_is_cut(sim));
        disk->close(disk, &file);
        disk_sim_restart(sim);
        assert_true(is_there(sim, "d/f"));
        disk_sim_free(&sim);
    }
}

static void a_full_disk_takes_no_more(void **state)
{
    (void)state;
    struct disk_sim *sim = disk_made(1);
    struct disk *disk = disk_sim_port(sim);
    struct disk_file *file = opened(sim, "d/g", DISK_OPEN_CREATE);
    assert_int_equal(disk_sim_used(sim), BYTES);
    disk_sim_set_room(sim, BYTES + 100);
    assert_int_equal(write_all(sim, file, 2), ERR_NO_SPACE);
    assert_int_equal(disk->fill(disk, file, 101), ERR_NO_SPACE);
    assert_int_equal(disk->fill(disk, file, 100), 0);
    assert_int_equal(disk->remove(disk, "d/f"), 0);
    assert_int_equal(write_all(sim, file, 2), 0);
    disk->close(disk, &file);
    disk_sim_free(&sim);
}

static void note_name(void *arg, const char *name, uint64_t bytes)
{
    char *out = arg;
    snprintf(out + strlen(out), 100 - strlen(out), "%s:%u ", name, (unsigned)bytes);
}

static void a_folder_lists_its_own_files(void **state)
{
    (void)state;
    struct disk_sim *sim = disk_made(1);
    struct disk *disk = disk_sim_port(sim);
    struct disk_file *file = opened(sim, "top", DISK_OPEN_CREATE);
    disk->close(disk, &file);
    char names[100] = "";
    assert_int_equal(disk->list(disk, "d", note_name, names), 0);
    assert_int_equal(disk->list(disk, ".", note_name, names), 0);
    assert_string_equal(names, "f:4096 top:0 ");
    assert_int_equal(disk->list(disk, "nowhere", note_name, names), ERR_NOT_FOUND);
    file = NULL;
    assert_int_equal(disk->open(disk, "nowhere/f", DISK_OPEN_CREATE, &file), ERR_NOT_FOUND);
    disk_sim_free(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_synced_survives_with_any_seed),
        cmocka_unit_test(each_sector_that_was_not_synced_is_old_or_new_or_torn),
        cmocka_unit_test(the_same_seed_gives_the_same_disk),
        cmocka_unit_test(a_size_that_was_not_synced_may_be_old_new_or_between),
        cmocka_unit_test(names_that_were_not_synced_may_be_lost),
        cmocka_unit_test(a_folder_that_was_not_synced_may_be_lost_with_what_is_in_it),
        cmocka_unit_test(a_killed_process_leaves_the_disk_as_it_reads),
        cmocka_unit_test(a_failed_sync_forgets_what_it_did_not_write),
        cmocka_unit_test(the_power_can_go_in_the_middle_of_any_call),
        cmocka_unit_test(a_full_disk_takes_no_more),
        cmocka_unit_test(a_folder_lists_its_own_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
