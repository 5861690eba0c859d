/* Listings: columns found by name, rows sorted, filtered and shown in pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "manage/facts.h"
#include "manage/listing.h"

/* --- facts and columns of our own ------------------------------------------------------------- */

struct animal {
    struct slice name;
    struct slice food;
    uint64_t legs;
    bool is_counted;
};

#define ANIMAL_COLUMNS(C)                                                                          \
    C(name, STRING, f->name)                                                                       \
    C(food, STRING, f->food)                                                                       \
    C(legs, NUMBER_IF, f->is_counted, f->legs)                                                     \
    C(flies, BOOL, f->legs == 2)

#define F struct animal
#define COLUMN_OF(column) animal_column_##column
ANIMAL_COLUMNS(COLUMN_VALUE)
static const struct column animal_columns[] = {ANIMAL_COLUMNS(COLUMN_ROW) COLUMNS_END};

static void add(struct listing *l, const char *name, uint64_t legs)
{
    struct animal f = {slice_str(name), slice_str("hay"), legs, true};
    listing_add(l, FACTS_COPY(&f, &f.name, &f.food));
}

static struct listing animals(void)
{
    struct listing l = {.columns = animal_columns};
    add(&l, "horse", 4);
    add(&l, "Heron", 2);
    add(&l, "spider", 8);
    add(&l, "seahorse", 0);
    add(&l, "goose", 2);
    return l;
}

static const struct column *column(const char *name)
{
    return column_find(animal_columns, slice_str(name));
}

static void assert_names(const struct listing *l, const char *wanted)
{
    char names[256] = "";
    for (size_t i = 0; i < l->count; i++) {
        const struct animal *f = l->rows[i];
        strncat(names, i ? " " : "", 2);
        strncat(names, (const char *)f->name.p, f->name.n);
    }
    assert_string_equal(names, wanted);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_column_is_found_by_its_whole_name(void **state)
{
    (void)state;
    assert_ptr_equal(column("legs"), &animal_columns[2]);
    assert_null(column("leg"));
    assert_null(column("legs "));
    assert_null(column(""));
}

static void a_value_has_the_type_of_its_column_or_is_missing(void **state)
{
    (void)state;
    struct animal snake = {.name = slice_str("snake")};
    assert_int_equal(column("name")->value(NULL, &snake).type, VALUE_STRING);
    assert_int_equal(column("legs")->value(NULL, &snake).type, VALUE_NOTHING);
    snake.is_counted = true;
    assert_int_equal(column("legs")->value(NULL, &snake).type, VALUE_NUMBER);
    assert_false(column("flies")->value(NULL, &snake).yes);
}

static void copied_facts_outlive_what_they_were_copied_from(void **state)
{
    (void)state;
    char name[] = "horse", food[] = "hay";
    struct animal f = {slice_str(name), slice_str(food), 4, true};
    struct animal *copy = FACTS_COPY(&f, &f.name, &f.food);
    memset(name, 'x', sizeof name);
    memset(food, 'x', sizeof food);
    memset(&f, 'x', sizeof f);
    assert_true(slice_is(copy->name, "horse"));
    assert_true(slice_is(copy->food, "hay"));
    assert_int_equal(copy->legs, 4);
    free(copy);
}

static void rows_are_sorted_by_a_column_and_equals_keep_their_order(void **state)
{
    (void)state;
    struct listing l = animals();
    listing_sort(&l, NULL, column("legs"), false);
    assert_names(&l, "seahorse Heron goose horse spider");
    listing_sort(&l, NULL, column("legs"), true);
    assert_names(&l, "spider horse Heron goose seahorse");
    listing_sort(&l, NULL, column("name"), false);
    assert_names(&l, "Heron goose horse seahorse spider");
    listing_free(&l);
}

static void rows_without_a_value_are_sorted_first(void **state)
{
    (void)state;
    struct listing l = animals();
    ((struct animal *)l.rows[2])->is_counted = false; /* spider */
    listing_sort(&l, NULL, column("legs"), false);
    assert_names(&l, "spider seahorse Heron goose horse");
    listing_free(&l);
}

static void a_filter_keeps_rows_that_contain_a_text_in_either_case(void **state)
{
    (void)state;
    const struct column *const name[] = {column("name"), NULL};
    struct listing l = animals();
    listing_keep_matching(&l, NULL, name, slice_str("H"));
    assert_names(&l, "horse Heron seahorse");
    listing_keep_matching(&l, NULL, name, slice_str("horse"));
    assert_names(&l, "horse seahorse");
    listing_keep_matching(&l, NULL, name, SLICE_EMPTY);
    assert_names(&l, "horse seahorse");
    listing_keep_matching(&l, NULL, name, slice_str("longer than any of them"));
    assert_names(&l, "");
    listing_free(&l);
}

static void a_page_is_a_part_of_the_rows_in_their_order(void **state)
{
    (void)state;
    struct listing l = animals();
    listing_keep_page(&l, 1, 3);
    assert_names(&l, "Heron spider seahorse");
    listing_keep_page(&l, 2, SIZE_MAX);
    assert_names(&l, "seahorse");
    listing_keep_page(&l, 1, 10);
    assert_names(&l, "");
    listing_free(&l);
}

static void a_freed_listing_can_be_filled_again(void **state)
{
    (void)state;
    struct listing l = animals();
    listing_free(&l);
    assert_int_equal(l.count, 0);
    add(&l, "cat", 4);
    assert_names(&l, "cat");
    listing_free(&l);
}

static void numbers_of_two_types_are_compared_by_their_size(void **state)
{
    (void)state;
    struct value three = VALUE_OF_NUMBER(3), half = VALUE_OF_REAL_IF(true, 0.5);
    struct value none = VALUE_OF_REAL_IF(false, 0.5), minus = VALUE_OF_INTEGER(-1);
    struct value zero = VALUE_OF_INTEGER(0);
    assert_true(value_compare(&half, &three) < 0);
    assert_true(value_compare(&three, &half) > 0);
    assert_true(value_compare(&none, &half) < 0);
    assert_true(value_compare(&minus, &zero) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_column_is_found_by_its_whole_name),
        cmocka_unit_test(a_value_has_the_type_of_its_column_or_is_missing),
        cmocka_unit_test(copied_facts_outlive_what_they_were_copied_from),
        cmocka_unit_test(rows_are_sorted_by_a_column_and_equals_keep_their_order),
        cmocka_unit_test(rows_without_a_value_are_sorted_first),
        cmocka_unit_test(a_filter_keeps_rows_that_contain_a_text_in_either_case),
        cmocka_unit_test(a_page_is_a_part_of_the_rows_in_their_order),
        cmocka_unit_test(a_freed_listing_can_be_filled_again),
        cmocka_unit_test(numbers_of_two_types_are_compared_by_their_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
