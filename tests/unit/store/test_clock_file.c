#include "store/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/clock_file.h"

static void write_text(const char *dir, const char *text)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/clock", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    fclose(file);
}

static void the_file_is_read_as_it_was_written(void **state)
{
    (void)state;
    char *dir = scratch_create();
    struct clock_reading written = {
        .steady_ms = 1, .wall_ms = UINT64_MAX, .up_ms = 3, .boot = "a-b-c"};
    struct clock_reading read;
    assert_int_equal(clock_file_read(dir, &read), ERR_NOT_FOUND);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(clock_file_write(dir, &written), 0);
        assert_int_equal(clock_file_read(dir, &read), 0);
        assert_int_equal(read.steady_ms, written.steady_ms);
        assert_true(read.wall_ms == written.wall_ms);
        assert_int_equal(read.up_ms, written.up_ms);
        assert_string_equal(read.boot, written.boot);
        written = (struct clock_reading){.steady_ms = 1700000000000, .wall_ms = 5};
    }
    scratch_remove(&dir);
}

static void the_example_of_the_format_is_read(void **state)
{
    (void)state;
    char *dir = scratch_create();
    write_text(dir, "leveret clock 1\nsteady_ms 1700000000000\nwall_ms 1700003600000\n"
                    "up_ms 86400000\nboot 5c1a7f1e-5d5e-4a0c-9a58-0d3c8b1d7f52\n");
    struct clock_reading read;
    assert_int_equal(clock_file_read(dir, &read), 0);
    assert_int_equal(read.steady_ms, 1700000000000);
    assert_int_equal(read.wall_ms, 1700003600000);
    assert_int_equal(read.up_ms, 86400000);
    assert_string_equal(read.boot, "5c1a7f1e-5d5e-4a0c-9a58-0d3c8b1d7f52");
    scratch_remove(&dir);
}

static void an_incomplete_file_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "leveret clock 2\nsteady_ms 1\nwall_ms 2\nup_ms 3\nboot b\n",
        "leveret clock 1\nsteady_ms 1\nwall_ms 2\nup_ms 3\nboot b",
        "leveret clock 1\nsteady_ms 1\nwall_ms 2\nup_ms 3\nboot b\nmore\n",
        "leveret clock 1\nsteady_ms x\nwall_ms 2\nup_ms 3\nboot b\n",
        "leveret clock 1\nsteady_ms 1\nwall_ms 2\n",
    };
    char *dir = scratch_create();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_text(dir, bad[i]);
        struct clock_reading read;
        assert_int_equal(clock_file_read(dir, &read), ERR_FORMAT);
    }
    scratch_remove(&dir);
}

static void the_id_of_this_start_of_the_machine_does_not_change(void **state)
{
    (void)state;
    char one[CLOCK_BOOT_BYTES_MAX], two[CLOCK_BOOT_BYTES_MAX];
    clock_file_boot(one);
    clock_file_boot(two);
    assert_string_equal(one, two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_is_read_as_it_was_written),
        cmocka_unit_test(the_example_of_the_format_is_read),
        cmocka_unit_test(an_incomplete_file_is_refused),
        cmocka_unit_test(the_id_of_this_start_of_the_machine_does_not_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
