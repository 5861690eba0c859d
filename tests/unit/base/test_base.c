#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/slice.h"

static void a_buffer_grows_and_keeps_its_bytes(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    for (unsigned i = 0; i < 100000; i++)
        lv_buffer_add_u8(&b, (uint8_t)(i * 7));
    assert_int_equal(b.n, 100000);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(b.p[i], (uint8_t)(i * 7));
    lv_buffer_free(&b);
    assert_null(b.p);
    assert_int_equal(b.n, 0);
}

static void printf_into_a_buffer_fits_whatever_it_writes(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    char *long_text = lv_malloc(5001);
    memset(long_text, 'x', 5000);
    long_text[5000] = '\0';
    lv_buffer_printf(&b, "%d-", 42);
    lv_buffer_printf(&b, "%s", long_text);
    lv_buffer_printf(&b, "%s", "");
    lv_buffer_add(&b, "!", 1);
    assert_int_equal(b.n, 3 + 5000 + 1);
    assert_memory_equal(b.p, "42-x", 4);
    assert_int_equal(b.p[b.n - 1], '!');
    lv_buffer_printf(&b, "end");
    assert_int_equal(b.p[b.n], '\0');
    free(long_text);
    lv_buffer_free(&b);
}

static void consuming_moves_the_rest_to_the_front(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    lv_buffer_consume(&b, 0);
    lv_buffer_add_slice(&b, slice_str("hello world"));
    lv_buffer_consume(&b, 6);
    assert_true(slice_is(lv_buffer_slice(&b), "world"));
    lv_buffer_consume(&b, 5);
    assert_int_equal(b.n, 0);
    lv_buffer_free(&b);
}

static void slices_compare_by_bytes_then_by_length(void **state)
{
    (void)state;
    assert_true(slice_compare(slice_str("a"), slice_str("b")) < 0);
    assert_true(slice_compare(slice_str("ab"), slice_str("a")) > 0);
    assert_int_equal(slice_compare(SLICE_EMPTY, slice_str("")), 0);
    assert_true(slice_equal(SLICE_EMPTY, slice_str("")));
    assert_true(slice_begins(slice_str("amq.topic"), "amq."));
    assert_false(slice_begins(slice_str("amq"), "amq."));
    char *copy = slice_strdup(slice_of("abc", 2));
    assert_string_equal(copy, "ab");
    free(copy);
}

struct item {
    int number;
    struct lv_list link;
};

static void a_list_keeps_order_and_items_may_leave_while_it_is_walked(void **state)
{
    (void)state;
    struct lv_list list;
    struct lv_list *link, *after;
    struct item items[10];
    lv_list_init(&list);
    assert_true(lv_list_is_empty(&list));
    for (int i = 0; i < 10; i++) {
        items[i].number = i;
        lv_list_push(&list, &items[i].link);
    }
    lv_list_each (link, after, &list) {
        struct item *item = lv_list_item(link, struct item, link);
        if (item->number % 2 == 0)
            lv_list_remove(link);
    }
    lv_list_remove(&items[0].link); /* again: it is in no list */
    lv_list_insert_before(&items[3].link, &items[0].link);
    int expected[] = {1, 0, 3, 5, 7, 9};
    unsigned n = 0;
    lv_list_each (link, after, &list)
        assert_int_equal(lv_list_item(link, struct item, link)->number, expected[n++]);
    assert_int_equal(n, 6);
}

static void every_error_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    assert_string_equal(lv_error_name(ERR_NO_SPACE), "ERR_NO_SPACE");
    assert_string_equal(lv_error_text(ERR_NO_SPACE), "no space left on the disk");
    assert_string_equal(lv_error_name(-9999), "ERR_UNKNOWN");
    assert_int_equal(lv_error_from_errno(28), ERR_NO_SPACE);
    assert_int_equal(lv_error_from_errno(98), ERR_BUSY);
    assert_int_equal(lv_error_from_errno(123456), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_grows_and_keeps_its_bytes),
        cmocka_unit_test(printf_into_a_buffer_fits_whatever_it_writes),
        cmocka_unit_test(consuming_moves_the_rest_to_the_front),
        cmocka_unit_test(slices_compare_by_bytes_then_by_length),
        cmocka_unit_test(a_list_keeps_order_and_items_may_leave_while_it_is_walked),
        cmocka_unit_test(every_error_has_a_name_and_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
