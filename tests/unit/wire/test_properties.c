/* The properties of a content header. */
#include "wire/properties.h"

#include <stdlib.h>

#include "wire/samples.h"

static bool same(const struct properties *a, const struct properties *b)
{
#define SAME_octet(x, y) ((x) == (y))
#define SAME_longlong(x, y) ((x) == (y))
#define SAME_shortstr(x, y) slice_equal(x, y)
#define SAME_table(x, y) slice_equal(x, y)
#define SAME(wire_type, name, NAME, bit) &&SAME_##wire_type(a->name, b->name)
    return a->flags == b->flags PROPERTIES(SAME);
}

/* Properties with the flags asked for and random values. */
static struct properties sample(uint16_t flags)
{
    struct properties m = {.flags = flags};
#define MAKE_octet (uint8_t) sample_u64()
#define MAKE_longlong sample_u64()
#define MAKE_shortstr sample_bytes(sample_below(20))
#define MAKE_table sample_table(2)
#define MAKE(wire_type, name, NAME, bit)                                                           \
    if (flags & PROPERTY_##NAME)                                                                   \
        m.name = MAKE_##wire_type;
    PROPERTIES(MAKE)
    return m;
}

static void release(struct properties *m)
{
#define FREE_octet(v)
#define FREE_longlong(v)
#define FREE_shortstr(v) exactly_free(v);
#define FREE_table(v) exactly_free(v);
#define FREE(wire_type, name, NAME, bit) FREE_##wire_type(m->name)
    PROPERTIES(FREE)
}

/* Each property alone is found where reading all of them finds it. */
static void check_each(struct slice bytes, const struct properties *m)
{
    struct slice found;
#define FOUND_octet(v) (found.n == 1 && found.p[0] == (v))
#define FOUND_longlong(v) (found.n == 8 && wire_u64(found.p) == (v))
#define FOUND_shortstr(v) slice_equal(found, v)
#define FOUND_table(v) slice_equal(found, v)
#define FOUND(wire_type, name, NAME, bit)                                                          \
    assert_int_equal(properties_find(bytes, PROPERTY_##NAME, &found),                              \
                     (m->flags & PROPERTY_##NAME) != 0);                                           \
    if (m->flags & PROPERTY_##NAME)                                                                \
        assert_true(FOUND_##wire_type(m->name));
    PROPERTIES(FOUND)
}

static void check(uint16_t flags)
{
    struct properties m = sample(flags), back;
    size_t n = properties_size(&m);
    uint8_t *bytes = malloc(n);
    assert_non_null(bytes);
    assert_ptr_equal(properties_put(bytes, &m), bytes + n);
    assert_true(properties_read(slice_of(bytes, n), &back));
    assert_true(same(&m, &back));
    check_each(slice_of(bytes, n), &back);
    for (size_t shorter = 0; shorter < n; shorter++) {
        struct slice prefix = exactly(bytes, shorter);
        assert_false(properties_read(prefix, &back));
        for (unsigned bit = 2; bit < 16; bit++) { /* whatever it says: it stays within the bytes */
            struct slice found = SLICE_EMPTY;
            if (properties_find(prefix, (enum property)(1u << bit), &found))
                assert_true(found.p >= prefix.p && found.p + found.n <= prefix.p + shorter);
        }
        exactly_free(prefix);
    }
    free(bytes);
    release(&m);
}

static void every_set_of_properties_reads_back_and_no_prefix_of_it_is_accepted(void **state)
{
    (void)state;
    check(0);
    check(PROPERTY_ALL);
    for (unsigned bit = 2; bit < 16; bit++)
        check((uint16_t)(1u << bit));
    for (int round = 0; round < 500; round++)
        check((uint16_t)(sample_u64() & PROPERTY_ALL));
}

static void the_bytes_are_those_of_the_specification(void **state)
{
    (void)state;
    struct properties m = {
        .flags = PROPERTY_CONTENT_TYPE | PROPERTY_HEADERS | PROPERTY_DELIVERY_MODE |
                 PROPERTY_PRIORITY | PROPERTY_TIMESTAMP | PROPERTY_CLUSTER_ID,
        .content_type = slice_str("a/b"),
        .headers = slice_of("\1nt\1", 4),
        .delivery_mode = DELIVERY_MODE_PERSISTENT,
        .priority = 9,
        .timestamp = 258,
        .cluster_id = slice_str("c"),
    };
    const uint8_t expected[] = {0xB8, 0x44, 3, 'a', '/', 'b', 0, 0, 0, 4, 1, 'n', 't',
                                1,    2,    9, 0,   0,   0,   0, 0, 0, 1, 2, 1,   'c'};
    uint8_t bytes[sizeof expected];
    assert_int_equal(properties_size(&m), sizeof expected);
    properties_put(bytes, &m);
    assert_memory_equal(bytes, expected, sizeof expected);
}

static void trailing_bytes_are_refused(void **state)
{
    (void)state;
    struct properties m;
    assert_false(properties_read(slice_of("\0\0\0", 3), &m));
    assert_false(properties_read(slice_of("\x10\0\1\0", 4), &m));
    assert_false(properties_read(slice_of("\x80\0\1a\0", 5), &m));
}

static void the_two_low_flags_mean_nothing(void **state)
{
    (void)state;
    struct properties m;
    assert_true(properties_read(slice_of("\x10\3\2", 3), &m));
    assert_int_equal(m.flags, PROPERTY_DELIVERY_MODE);
    assert_int_equal(m.delivery_mode, DELIVERY_MODE_PERSISTENT);
    uint8_t bytes[3];
    m.flags |= 3;
    properties_put(bytes, &m);
    assert_memory_equal(bytes, "\x10\0\2", 3);
}

static void malformed_headers_are_refused(void **state)
{
    (void)state;
    struct properties m;
    assert_false(properties_read(slice_of("\x20\0\0\0\0\1\5", 7), &m));
    assert_true(properties_read(slice_of("\x20\0\0\0\0\2\0V", 8), &m));
    assert_int_equal(m.headers.n, 2);
}

static void an_empty_property_is_not_an_absent_one(void **state)
{
    (void)state;
    struct properties m;
    assert_true(properties_read(slice_of("\2\0\0", 3), &m));
    assert_int_equal(m.flags, PROPERTY_REPLY_TO);
    assert_int_equal(m.reply_to.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_of_properties_reads_back_and_no_prefix_of_it_is_accepted),
        cmocka_unit_test(the_bytes_are_those_of_the_specification),
        cmocka_unit_test(trailing_bytes_are_refused),
        cmocka_unit_test(the_two_low_flags_mean_nothing),
        cmocka_unit_test(malformed_headers_are_refused),
        cmocka_unit_test(an_empty_property_is_not_an_absent_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
