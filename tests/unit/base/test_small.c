/* The small things of base/: vec.h, search.h, bits.h, digits.h, byte_size.h, progress.h,
 * slice_copy(). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/bits.h"
#include "base/byte_size.h"
#include "base/digits.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/search.h"
#include "base/vec.h"

static void an_array_grows_and_keeps_its_items(void **state)
{
    (void)state;
    struct {
        unsigned *items;
        size_t count, capacity;
    } a = {0};
    for (unsigned i = 0; i < 1000; i++) {
        lv_vec_room(a.items, a.count, a.capacity);
        assert_true(a.count < a.capacity);
        a.items[a.count++] = i;
    }
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(a.items[i], i);
    free(a.items);
}

static void a_lower_bound_is_the_first_item_not_before_the_wanted_one(void **state)
{
    static const unsigned items[] = {2, 4, 4, 4, 9};
    static const size_t expected[] = {0, 0, 0, 1, 1, 4, 4, 4, 4, 4, 5, 5};
    size_t found;
    (void)state;
    for (unsigned wanted = 0; wanted < 12; wanted++) {
        LV_LOWER_BOUND(found, 5, at, items[at] < wanted);
        assert_int_equal(found, expected[wanted]);
    }
    LV_LOWER_BOUND(found, 0, at, items[at] < 1);
    assert_int_equal(found, 0);
}

static void the_numbers_of_a_set_are_taken_in_order(void **state)
{
    static const unsigned expected[] = {0, 5, 31, 32, 63};
    uint64_t left = 0;
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        left |= UINT64_C(1) << expected[i];
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(lv_bits_take(&left), expected[i]);
    assert_int_equal(left, 0);
}

static void digits_are_read_up_to_the_first_other_character(void **state)
{
    struct slice text = slice_str("18446744073709551615 kB");
    uint64_t n = 7;
    (void)state;
    assert_true(lv_digits_take(&text, &n));
    assert_true(n == UINT64_MAX);
    assert_true(slice_is(text, " kB"));
    assert_false(lv_digits_take(&text, &n));
    assert_true(slice_is(text, " kB"));
    text = slice_str("18446744073709551616");
    assert_false(lv_digits_take(&text, &n));
    assert_true(n == UINT64_MAX);
    text = slice_str("007x");
    assert_true(lv_digits_take(&text, &n));
    assert_int_equal(n, 7);
    text = slice_str("-1");
    assert_false(lv_digits_take(&text, &n));
    text = SLICE_EMPTY;
    assert_false(lv_digits_take(&text, &n));
}

static void a_copy_of_a_slice_has_its_own_bytes(void **state)
{
    char bytes[] = "hare";
    struct slice copy = slice_copy(slice_str(bytes));
    struct slice nothing = slice_copy(SLICE_EMPTY);
    (void)state;
    bytes[0] = 'c';
    assert_true(slice_is(copy, "hare"));
    assert_int_equal(copy.p[copy.n], 0);
    assert_int_equal(nothing.n, 0);
    assert_non_null(nothing.p);
    free((void *)(uintptr_t)copy.p);
    free((void *)(uintptr_t)nothing.p);
}

static void sizes_have_rabbitmqs_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"0", 0},
                {"1048576", 1048576},
                {"50MB", 50000000},
                {"50mb", 50000000},
                {"1kB", 1000},
                {"2GiB", INT64_C(2) << 30},
                {"2gib", INT64_C(2) << 30},
                {"3k", 3072},
                {"3M", 3 << 20},
                {"1TB", INT64_C(1000000000000)},
                {"10 MiB", 10 << 20},
                {"7B", 7},
                /* as rabbit_resource_monitor_misc:parse_information_unit() of 3.10 has them */
                {"3K", 3072},
                {"3KB", 3000},
                {"3kib", 3072},
                {"3kiB", 3072},
                {"3m", 3145728},
                {"3MiB", 3145728},
                {"3MIB", 3145728},
                {"3g", INT64_C(3221225472)},
                {"3GB", INT64_C(3000000000)},
                {"3GiB", INT64_C(3221225472)},
                /* which 3.10 does not know */
                {"3KiB", 3072},
                {"5Mi", 5 << 20},
                {"3T", INT64_C(3) << 40}};
    static const char *const bad[] = {"",
                                      "MB",
                                      "-1",
                                      "1.5GB",
                                      "1XB",
                                      "1kbb",
                                      "1 k b",
                                      "0x5",
                                      "99999999999999999999",
                                      "9999999999GiB"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t n;
        assert_int_equal(lv_byte_size_parse(good[i].text, &n), 0);
        assert_true(n == good[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t n = 42;
        assert_int_equal(lv_byte_size_parse(bad[i], &n), ERR_INVALID);
        assert_true(n == 42);
    }
}

static void work_is_cancelled_or_becomes_final_but_not_both(void **state)
{
    (void)state;
    struct progress cancelled = {0}, final = {0};
    assert_false(progress_is_cancelled(&cancelled));
    assert_true(progress_cancel(&cancelled) && progress_cancel(&cancelled));
    assert_true(progress_is_cancelled(&cancelled));
    assert_false(progress_finish(&cancelled));
    assert_true(progress_finish(&final) && progress_finish(NULL));
    assert_false(progress_cancel(&final) || progress_is_cancelled(&final));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_grows_and_keeps_its_items),
        cmocka_unit_test(a_lower_bound_is_the_first_item_not_before_the_wanted_one),
        cmocka_unit_test(the_numbers_of_a_set_are_taken_in_order),
        cmocka_unit_test(sizes_have_rabbitmqs_units),
        cmocka_unit_test(digits_are_read_up_to_the_first_other_character),
        cmocka_unit_test(a_copy_of_a_slice_has_its_own_bytes),
        cmocka_unit_test(work_is_cancelled_or_becomes_final_but_not_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
