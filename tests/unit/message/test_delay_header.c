/* The header x-delay: what makes a message wait, and what it looks like before and after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "message/delay_header.h"
#include "message/message_header.h"
#include "wire/properties.h"
#include "wire/table.h"

/* A table of x-delay alone, an integer of this type on the wire. */
static struct slice one_field(struct lv_buffer *b, uint8_t type, int64_t value)
{
    size_t bytes = strchr("lT", type) ? 8 : strchr("Ii", type) ? 4 : strchr("su", type) ? 2 : 1;
    b->n = 0;
    lv_buffer_add_u8(b, 7);
    lv_buffer_add(b, "x-delay", 7);
    lv_buffer_add_u8(b, type);
    for (size_t i = 0; i < bytes; i++)
        lv_buffer_add_u8(b, (uint8_t)((uint64_t)value >> (8 * (bytes - 1 - i))));
    return lv_buffer_slice(b);
}

static struct message *message_with(struct slice headers)
{
    struct lv_buffer header = {0};
    const struct properties properties = {.flags = PROPERTY_HEADERS, .headers = headers};
    size_t bytes = properties_size(&properties);
    properties_put(lv_buffer_reserve(&header, bytes), &properties);
    struct message *m =
        message_create(slice_str("x"), slice_str("k"), slice_of(header.p, bytes), 1, false);
    *message_body_space(m) = 'b';
    lv_buffer_free(&header);
    return m;
}

static void only_numbers_above_zero_delay(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    const char *const digits[] = {"300", "+300", "-300", "",
                                  "-",   "3 ",   "x",    "99999999999999999999"};
    const uint64_t from_digits[] = {300, 300, 0, 0, 0, 0, 0, 0};
    for (const char *type = "Iilsub"; *type; type++)
        assert_int_equal(delay_header_ms(one_field(&b, (uint8_t)*type, 100)), 100);
    assert_int_equal(delay_header_ms(one_field(&b, 'B', 200)), 200);
    assert_int_equal(delay_header_ms(one_field(&b, 'l', 0)), 0);
    assert_int_equal(delay_header_ms(one_field(&b, 'l', -1)), 0);
    assert_int_equal(delay_header_ms(one_field(&b, 'T', 100)), 0);
    assert_int_equal(delay_header_ms(one_field(&b, 'l', 1ll << 40)), 1ull << 40);
    assert_int_equal(delay_header_ms(one_field(&b, 'l', INT64_MAX)), 1ull << 48);
    assert_int_equal(delay_header_ms(SLICE_EMPTY), 0);
    for (size_t i = 0; i < sizeof digits / sizeof *digits; i++) {
        struct table_writer w;
        b.n = 0;
        table_begin(&w, &b);
        table_put_str(&w, "x-delay", slice_str(digits[i]));
        assert_int_equal(delay_header_ms(table_end(&w)), from_digits[i]);
    }
    lv_buffer_free(&b);
}

static void a_waiting_message_has_its_bcc(void **state)
{
    (void)state;
    struct lv_buffer b = {0}, values = {0};
    struct table_writer w;
    struct field value;
    table_begin(&w, &values);
    table_put_array(&w, "BCC");
    table_put_str(&w, NULL, slice_str("copy"));
    table_end(&w);
    struct slice table = table_end(&w);
    struct field bcc;
    assert_true(table_find(table, "BCC", &bcc));
    struct message *m = message_with(one_field(&b, 'l', 100)), *waiting;
    assert_int_equal(delay_header_bcc(m).n, 0);
    assert_true(delay_header_keep_bcc(m, bcc.bytes, &waiting));
    struct slice rest = delay_header_bcc(waiting);
    assert_true(array_next(&rest, &value) && slice_is(value.bytes, "copy"));
    assert_int_equal(delay_header_ms_of(waiting), 100);
    assert_true(slice_is(message_body(waiting), "b"));
    message_unref(&m);
    message_unref(&waiting);
    lv_buffer_free(&b);
    lv_buffer_free(&values);
}

static void a_due_message_has_no_bcc_and_is_not_delayed_again(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    struct field f;
    struct message *m = message_with(one_field(&b, 'l', 100)), *waiting, *due;
    assert_true(delay_header_keep_bcc(m, SLICE_EMPTY, &waiting));
    assert_true(delay_header_make_due(waiting, &due));
    assert_true(table_find(message_headers(due), "x-delay", &f));
    assert_int_equal(f.i, -100);
    assert_int_equal(delay_header_ms_of(due), 0);
    assert_false(table_find(message_headers(due), "BCC", &f));
    message_unref(&m);
    message_unref(&waiting);
    message_unref(&due);
    lv_buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_numbers_above_zero_delay),
        cmocka_unit_test(a_waiting_message_has_its_bcc),
        cmocka_unit_test(a_due_message_has_no_bcc_and_is_not_delayed_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
