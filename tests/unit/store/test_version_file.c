#include "store/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/small_file.h"
#include "store/version_file.h"

static int check_with(const char *text)
{
    char *dir = scratch_create();
    assert_int_equal(
        small_file_replace(dir, "version", slice_of((const uint8_t *)text, strlen(text))), 0);
    int err = version_file_check(dir);
    scratch_remove(&dir);
    return err;
}

static void a_directory_without_the_file_is_accepted(void **state)
{
    (void)state;
    char *dir = scratch_create();
    assert_int_equal(version_file_check(dir), 0);
    scratch_remove(&dir);
}

static void what_this_release_wrote_is_accepted(void **state)
{
    (void)state;
    char *dir = scratch_create();
    assert_int_equal(version_file_write(dir), 0);
    assert_int_equal(version_file_write(dir), 0);
    assert_int_equal(version_file_check(dir), 0);
    uint8_t text[128];
    int n = small_file_read(dir, "version", text, sizeof text);
    static const char beginning[] = "leveret " LEVERET_VERSION "\nreadable from ";
    assert_true(n > (int)sizeof beginning - 1 && text[n - 1] == '\n');
    assert_memory_equal(text, beginning, sizeof beginning - 1);
    scratch_remove(&dir);
}

static void what_only_a_later_release_reads_is_refused_with_both_versions(void **state)
{
    (void)state;
    static const char *const needs_later[] = {
        "leveret 9.4.1\nreadable from 9.2.0\n",
        "leveret 9.4.1\nreadable from 999999999.0.0\n",
        "leveret 9.4.1-rc1\nreadable from 9.2.0-rc1\n",
    };
    for (size_t i = 0; i < sizeof needs_later / sizeof *needs_later; i++) {
        assert_int_equal(check_with(needs_later[i]), ERR_FORMAT);
        assert_non_null(strstr(lv_error_reason(ERR_FORMAT), "Leveret 9.4.1"));
        assert_non_null(strstr(lv_error_reason(ERR_FORMAT), "this is " LEVERET_VERSION));
    }
    assert_int_equal(check_with(needs_later[0]), ERR_FORMAT);
    assert_non_null(strstr(lv_error_reason(ERR_FORMAT), "Leveret 9.2.0 or a later one"));
}

static void what_a_later_release_wrote_for_this_one_too_is_accepted(void **state)
{
    (void)state;
    assert_int_equal(check_with("leveret 9.4.1\nreadable from " LEVERET_VERSION "\n"), 0);
    assert_int_equal(check_with("leveret 9.4.1\nreadable from 0.0.1\n"), 0);
    assert_int_equal(check_with("leveret 9.4.1\nreadable from 0.0.1\nand more\n"), 0);
}

static void what_is_not_understood_refuses_nothing(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "",
        "\n",
        "leveret",
        "leveret 9.4.1",
        "leveret 9.4.1\nreadable from nine\n",
        "leveret 9.4.1\nreadable from 9.2\n",
        "leveret 9.4.1\nwritten for 9.2.0\n",
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_int_equal(check_with(odd[i]), 0);
    char filled[201];
    memset(filled, '9', 200);
    filled[200] = '\0';
    assert_int_equal(check_with(filled), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_without_the_file_is_accepted),
        cmocka_unit_test(what_this_release_wrote_is_accepted),
        cmocka_unit_test(what_only_a_later_release_reads_is_refused_with_both_versions),
        cmocka_unit_test(what_a_later_release_wrote_for_this_one_too_is_accepted),
        cmocka_unit_test(what_is_not_understood_refuses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
