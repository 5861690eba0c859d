/* Properties that a message may not have, in RabbitMQ's words, and headers that no receiver
 * sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "broker/publish_checks.h"
#include "wire/table.h"

static struct slice bcc;
static bool has_bcc;
static struct broker_error error;

static bool check(const struct properties *props)
{
    return publish_check(props, &bcc, &has_bcc, &error);
}

static void assert_expiration(const char *text, const char *why)
{
    const struct properties props = {.flags = PROPERTY_EXPIRATION, .expiration = slice_str(text)};
    assert_int_equal(check(&props), why == NULL);
    if (why)
        assert_string_equal(error.text, why);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void an_expiration_is_a_number_of_milliseconds_up_to_ten_years(void **state)
{
    (void)state;
    assert_expiration("0", NULL);
    assert_expiration("+007", NULL);
    assert_expiration("-0", NULL);
    assert_expiration("315360000000", NULL);
    assert_expiration("", "invalid expiration '': no_integer");
    assert_expiration("-", "invalid expiration '-': no_integer");
    assert_expiration("-12", "invalid expiration '-12': {value_negative,-12}");
    assert_expiration("315360000001",
                      "invalid expiration '315360000001': {value_too_large,315360000001}");
    assert_expiration(
        "99999999999999999999",
        "invalid expiration '99999999999999999999': {value_too_large,99999999999999999999}");
    assert_expiration("5s", "invalid expiration '5s': {leftover_string,\"s\"}");
}

static void a_delivery_mode_is_transient_or_persistent(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 4; mode++) {
        const struct properties props = {.flags = PROPERTY_DELIVERY_MODE,
                                         .delivery_mode = (uint8_t)mode};
        assert_int_equal(check(&props), mode == 1 || mode == 2);
    }
    assert_string_equal(error.text, "invalid message: {delivery_mode_unknown,3}");
    assert_true(check(&(struct properties){.delivery_mode = 7})); /* it is not there */
}

static void cc_and_bcc_are_arrays(void **state)
{
    (void)state;
    struct lv_buffer table = {0};
    struct table_writer w;
    table_begin(&w, &table);
    table_put_str(&w, "CC", slice_str("one"));
    struct properties props = {.headers = lv_buffer_slice(&table)};
    assert_false(check(&props));
    assert_string_equal(error.text,
                        "invalid message: {unacceptable_type_in_header,\"CC\",longstr}");
    lv_buffer_free(&table);
}

static void receivers_do_not_see_bcc(void **state)
{
    (void)state;
    struct lv_buffer table = {0}, header = {0};
    struct table_writer w;
    struct properties seen = {0};
    struct field f;
    table_begin(&w, &table);
    table_put_str(&w, "before", slice_str("b"));
    table_put_array(&w, "BCC");
    table_put_str(&w, NULL, slice_str("secret"));
    table_end(&w);
    table_put_array(&w, "x-death");
    table_end(&w);
    table_put_str(&w, "after", slice_str("a"));
    const struct properties props = {.flags = PROPERTY_HEADERS, .headers = lv_buffer_slice(&table)};
    assert_true(check(&props));
    assert_true(has_bcc && bcc.n > 0);
    for (unsigned forgets = 0; forgets < 2; forgets++) {
        header.n = 0;
        publish_rewrite_header(&header, &props, forgets);
        assert_true(properties_read(lv_buffer_slice(&header), &seen));
        assert_true(table_find(seen.headers, "before", &f));
        assert_true(table_find(seen.headers, "after", &f));
        assert_false(table_find(seen.headers, "BCC", &f));
        assert_int_equal(table_find(seen.headers, "x-death", &f), !forgets);
    }
    lv_buffer_free(&table);
    lv_buffer_free(&header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expiration_is_a_number_of_milliseconds_up_to_ten_years),
        cmocka_unit_test(a_delivery_mode_is_transient_or_persistent),
        cmocka_unit_test(cc_and_bcc_are_arrays),
        cmocka_unit_test(receivers_do_not_see_bcc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
