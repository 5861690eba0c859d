/* Properties keys of bindings. The hashes are what Erlang's phash2() gives for the same terms. */
#include "api/binding_props.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/term_hash.h"
#include "wire/table.h"

static void assert_hash(struct table_writer *w, uint32_t expected)
{
    assert_int_equal(term_hash_table(table_end(w)), expected);
    lv_buffer_free(w->out);
}

static struct table_writer *table_of(void)
{
    static struct lv_buffer out;
    static struct table_writer w;
    table_begin(&w, &out);
    return &w;
}

static void put_decimal(struct table_writer *w, const char *name, uint8_t scale, int64_t number)
{
    table_put_field(w, slice_str(name),
                    &(struct field){FIELD_DECIMAL, .scale = scale, .i = number});
}

static void tables_hash_as_in_erlang(void **state)
{
    (void)state;
    struct table_writer *w = table_of();
    table_put_long(w, "n", 5);
    assert_hash(w, 0xfb9aa57f);

    w = table_of();
    table_put_str(w, "a", slice_str("b"));
    assert_hash(w, 0x2823bdc8);

    w = table_of();
    table_put_str(w, "abcdefghijklmnop", slice_str("a longer text, of more than twelve bytes"));
    table_put_str(w, "e", SLICE_EMPTY);
    assert_hash(w, 0xea7eb299);

    w = table_of();
    table_put_double(w, "f", 1.5);
    table_put_bool(w, "t", true);
    table_put_void(w, "v");
    assert_hash(w, 0x50a336c5);
}

static void large_integers_hash_as_in_erlang(void **state)
{
    (void)state;
    struct table_writer *w = table_of();
    table_put_long(w, "b", 134217727);
    table_put_long(w, "c", 134217728);
    table_put_long(w, "d", -134217728);
    table_put_long(w, "e", -134217729);
    table_put_long(w, "g", -5);
    table_put_long(w, "h", 5000000000);
    table_put_long(w, "i", -5000000000);
    table_put_timestamp(w, "j", UINT64_MAX);
    assert_hash(w, 0x93dbe94e);
}

static void nested_tables_hash_as_in_erlang(void **state)
{
    (void)state;
    struct table_writer *w = table_of();
    table_put_array(w, "l");
    table_put_long(w, NULL, 1);
    table_put_str(w, NULL, slice_str("a"));
    table_put_table(w, NULL);
    table_put_int(w, "q", -1);
    table_end(w);
    table_put_array(w, NULL);
    table_end(w);
    table_end(w);
    table_put_table(w, "t");
    table_end(w);
    put_decimal(w, "x", 2, 314);
    assert_hash(w, 0x0ef858ff);
}

static const struct slice none = SLICE_EMPTY;

static void assert_key(const char *routing_key, struct slice arguments, const char *expected)
{
    struct lv_buffer out = {0};
    binding_props_append(&out, slice_str(routing_key), arguments);
    assert_true(slice_is(lv_buffer_slice(&out), expected));
    assert_true(binding_props_fit(lv_buffer_slice(&out), slice_str(routing_key), arguments));
    lv_buffer_free(&out);
}

static struct slice five(struct lv_buffer *out)
{
    struct table_writer w;
    table_begin(&w, out);
    table_put_long(&w, "n", 5);
    return table_end(&w);
}

static void keys_are_encoded_as_in_rabbitmq(void **state)
{
    struct lv_buffer table = {0};
    (void)state;
    assert_key("", none, "~");
    assert_key("key", none, "key");
    assert_key("x.y-z_~*", none, "x.y-z_%7E%2A");
    assert_key("a/b c%\xC3\xBC", none, "a%2Fb+c%25%C3%BC");
    assert_key("k", five(&table), "k~-5qlfw");
    lv_buffer_free(&table);
    assert_key("", five(&table), "~-5qlfw");
    lv_buffer_free(&table);
}

static bool fits(const char *props, const char *routing_key, struct slice arguments)
{
    return binding_props_fit(slice_str(props), slice_str(routing_key), arguments);
}

static void a_key_fits_its_binding_alone(void **state)
{
    struct lv_buffer table = {0};
    (void)state;
    struct slice arguments = five(&table);
    assert_true(fits("a/b", "a/b", none)); /* a client that does not escape */
    assert_true(fits("key~", "key", none));
    assert_true(fits("50%", "50%", none));
    assert_true(fits("%4", "%4", none));
    assert_false(fits("", "key", none));
    assert_false(fits("ke", "key", none));
    assert_false(fits("keys", "key", none));
    assert_false(fits("k", "k", arguments));
    assert_false(fits("k~-5qlfw", "k", none));
    assert_false(fits("k~-5qlf", "k", arguments));
    assert_false(fits("k~-5qlfw~", "k", arguments));
    lv_buffer_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_hash_as_in_erlang),
        cmocka_unit_test(large_integers_hash_as_in_erlang),
        cmocka_unit_test(nested_tables_hash_as_in_erlang),
        cmocka_unit_test(keys_are_encoded_as_in_rabbitmq),
        cmocka_unit_test(a_key_fits_its_binding_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
