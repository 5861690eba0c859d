#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "auth/sasl.h"
#include "base/buffer.h"
#include "wire/table.h"

#define S(text) slice_str(text)
#define B(bytes) slice_of(bytes, sizeof(bytes) - 1)

static void check(const char *mechanism, struct slice response, const char *user,
                  const char *password)
{
    struct slice u = SLICE_EMPTY;
    struct slice p = SLICE_EMPTY;
    assert_int_equal(sasl_parse(S(mechanism), response, &u, &p), SASL_OK);
    assert_true(slice_is(u, user));
    assert_true(slice_is(p, password));
}

static void check_refused(const char *mechanism, struct slice response, enum sasl_result result)
{
    struct slice u = S("unchanged");
    struct slice p = S("unchanged");
    assert_int_equal(sasl_parse(S(mechanism), response, &u, &p), result);
    assert_true(slice_is(u, "unchanged"));
    assert_true(slice_is(p, "unchanged"));
}

static void plain_has_a_nul_before_user_and_password(void **state)
{
    (void)state;
    check("PLAIN", B("\0guest\0secret"), "guest", "secret");
    check("PLAIN", B("\0guest\0"), "guest", "");
    check("PLAIN", B("\0\0"), "", "");
    check("PLAIN", B("\0\0secret"), "", "secret");
}

static void a_malformed_plain_response_is_refused(void **state)
{
    (void)state;
    check_refused("PLAIN", SLICE_EMPTY, SASL_MALFORMED);
    check_refused("PLAIN", B("\0"), SASL_MALFORMED);
    check_refused("PLAIN", B("guest"), SASL_MALFORMED);
    check_refused("PLAIN", B("\0guest"), SASL_MALFORMED);
    check_refused("PLAIN", B("guest\0secret"), SASL_MALFORMED);
    check_refused("PLAIN", B("other\0guest\0secret"), SASL_MALFORMED);
    check_refused("PLAIN", B("\0guest\0secret\0"), SASL_MALFORMED);
    check_refused("PLAIN", B("\0guest\0secret\0more"), SASL_MALFORMED);
}

static void amqplain_is_a_table_with_its_fields_in_any_order(void **state)
{
    (void)state;
    struct lv_buffer out = {0};
    struct table_writer w;
    table_begin(&w, &out);
    table_put_str(&w, "PASSWORD", S("secret"));
    table_put_bool(&w, "extra", true);
    table_put_str(&w, "LOGIN", S("guest"));
    struct slice table = table_end(&w);
    check("AMQPLAIN", table, "guest", "secret");
    for (size_t n = 0; n < table.n; n++) /* every prefix */
        check_refused("AMQPLAIN", slice_of(table.p, n), SASL_MALFORMED);
    lv_buffer_free(&out);
}

static void amqplain_wants_both_as_long_strings(void **state)
{
    (void)state;
    struct lv_buffer out = {0};
    struct table_writer w;
    table_begin(&w, &out);
    table_put_str(&w, "LOGIN", S("guest"));
    check_refused("AMQPLAIN", table_end(&w), SASL_MALFORMED);
    lv_buffer_free(&out);
    table_begin(&w, &out);
    table_put_str(&w, "LOGIN", S("guest"));
    table_put_int(&w, "PASSWORD", 5);
    check_refused("AMQPLAIN", table_end(&w), SASL_MALFORMED);
    lv_buffer_free(&out);
}

static void a_set_of_mechanisms_is_written_with_spaces(void **state)
{
    static const struct {
        unsigned set;
        const char *text;
    } cases[] = {{SASL_PLAIN | SASL_AMQPLAIN, "PLAIN AMQPLAIN"},
                 {SASL_EXTERNAL, "EXTERNAL"},
                 {SASL_PLAIN | SASL_EXTERNAL, "PLAIN EXTERNAL"},
                 {SASL_AMQPLAIN | SASL_ANONYMOUS, "AMQPLAIN ANONYMOUS"}};
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lv_buffer out = {0};
        sasl_print(cases[i].set, &out);
        assert_string_equal((const char *)out.p, cases[i].text);
        lv_buffer_free(&out);
    }
    assert_int_equal(sasl_mechanism(S("EXTERNAL")), SASL_EXTERNAL);
    assert_int_equal(sasl_mechanism(S("external")), 0);
}

static void a_mechanism_that_is_not_offered_is_unknown(void **state)
{
    (void)state;
    check_refused("EXTERNAL", SLICE_EMPTY, SASL_UNKNOWN_MECHANISM);
    check_refused("ANONYMOUS", B("\0guest\0guest"), SASL_UNKNOWN_MECHANISM);
    check_refused("plain", B("\0guest\0guest"), SASL_UNKNOWN_MECHANISM);
    check_refused("PLAIN ", B("\0guest\0guest"), SASL_UNKNOWN_MECHANISM);
    check_refused("", SLICE_EMPTY, SASL_UNKNOWN_MECHANISM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_has_a_nul_before_user_and_password),
        cmocka_unit_test(a_malformed_plain_response_is_refused),
        cmocka_unit_test(amqplain_is_a_table_with_its_fields_in_any_order),
        cmocka_unit_test(amqplain_wants_both_as_long_strings),
        cmocka_unit_test(a_set_of_mechanisms_is_written_with_spaces),
        cmocka_unit_test(a_mechanism_that_is_not_offered_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
