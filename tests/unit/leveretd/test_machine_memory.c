#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "leveretd/machine_memory.h"

static void statm_has_the_resident_pages(void **state)
{
    (void)state;
    uint64_t bytes = 1;
    assert_true(statm_parse(slice_str("1234 567 89 1 0 2 0\n"), 4096, &bytes));
    assert_int_equal(bytes, 567 * 4096);
    assert_false(statm_parse(slice_str(""), 4096, &bytes));
    assert_false(statm_parse(slice_str("1234"), 4096, &bytes));
    assert_false(statm_parse(slice_str("1234 x"), 4096, &bytes));
    assert_false(statm_parse(slice_str("1 99999999999999999999 1"), 4096, &bytes));
    assert_int_equal(bytes, 567 * 4096);
}

static void a_cgroup_limit_is_a_number_or_none(void **state)
{
    (void)state;
    uint64_t bytes = 1;
    assert_true(cgroup_parse_limit(slice_str("536870912\n"), &bytes));
    assert_int_equal(bytes, 536870912);
    assert_false(cgroup_parse_limit(slice_str("max\n"), &bytes));
    assert_false(cgroup_parse_limit(slice_str("9223372036854771712\n"), &bytes));
    assert_false(cgroup_parse_limit(SLICE_EMPTY, &bytes));
    assert_int_equal(bytes, 536870912);
}

static void the_memory_cgroup_is_found_in_either_version(void **state)
{
    (void)state;
    struct slice path;
    bool is_v1;
    assert_true(cgroup_parse_path(slice_str("0::/system.slice/leveret.service\n"), &path, &is_v1));
    assert_true(slice_is(path, "/system.slice/leveret.service"));
    assert_false(is_v1);

    assert_true(cgroup_parse_path(
        slice_str("12:cpu,cpuacct:/a\n5:hugetlb,memory:/docker/1:2\n0::/b\n"), &path, &is_v1));
    assert_true(slice_is(path, "/docker/1:2"));
    assert_true(is_v1);

    assert_false(cgroup_parse_path(slice_str("3:cpu:/a\n2:memory2:/b\n"), &path, &is_v1));
    assert_false(cgroup_parse_path(SLICE_EMPTY, &path, &is_v1));
}

static void this_machine_has_memory_and_this_process_uses_some_of_it(void **state)
{
    (void)state;
    uint64_t resident;
    assert_true(machine_memory_resident(&resident));
    assert_in_range(resident, 100000, machine_memory_bytes());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statm_has_the_resident_pages),
        cmocka_unit_test(a_cgroup_limit_is_a_number_or_none),
        cmocka_unit_test(the_memory_cgroup_is_found_in_either_version),
        cmocka_unit_test(this_machine_has_memory_and_this_process_uses_some_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
