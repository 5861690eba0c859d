/* Every method, from the table itself: what is written reads back, anything shorter or longer is
 * refused. Then a few frames by hand, from the specification. */
#include "wire/methods.h"

#include <stdlib.h>
#include <string.h>

#include "wire/samples.h"

enum { ROUNDS = 50 };

/* A random value for a field of each type, its comparison, and its end. */
#define MAKE_octet(v) v = (uint8_t)sample_u64()
#define MAKE_short(v) v = (uint16_t)sample_u64()
#define MAKE_long(v) v = (uint32_t)sample_u64()
#define MAKE_longlong(v) v = sample_u64()
#define MAKE_shortstr(v)                                                                           \
    v = sample_text(sample_below(SHORTSTR_BYTES_MAX + 1) / (1 + sample_below(30)))
#define MAKE_rawstr(v)                                                                             \
    v = sample_bytes(sample_below(SHORTSTR_BYTES_MAX + 1) / (1 + sample_below(30)))
#define MAKE_longstr(v) v = sample_bytes(sample_below(300))
#define MAKE_table(v) v = sample_table(2)
#define MAKE_bit0(v) v = sample_below(2)
#define MAKE_bit1(v) v = sample_below(2)
#define MAKE_bit2(v) v = sample_below(2)
#define MAKE_bit3(v) v = sample_below(2)
#define MAKE_bit4(v) v = sample_below(2)
#define MAKE_nothing(v) v = 0

#define SAME_octet(a, b) assert_true(a == b)
#define SAME_short(a, b) assert_true(a == b)
#define SAME_long(a, b) assert_true(a == b)
#define SAME_longlong(a, b) assert_true(a == b)
#define SAME_shortstr(a, b) assert_true(slice_equal(a, b))
#define SAME_rawstr(a, b) assert_true(slice_equal(a, b))
#define SAME_longstr(a, b) assert_true(slice_equal(a, b))
#define SAME_table(a, b) assert_true(slice_equal(a, b))
#define SAME_bit0(a, b) assert_true(a == b)
#define SAME_bit1(a, b) assert_true(a == b)
#define SAME_bit2(a, b) assert_true(a == b)
#define SAME_bit3(a, b) assert_true(a == b)
#define SAME_bit4(a, b) assert_true(a == b)
#define SAME_nothing(a, b) assert_true(a == b)

#define FREE_octet(v)
#define FREE_short(v)
#define FREE_long(v)
#define FREE_longlong(v)
#define FREE_shortstr(v) exactly_free(v)
#define FREE_rawstr(v) exactly_free(v)
#define FREE_longstr(v) exactly_free(v)
#define FREE_table(v) exactly_free(v)
#define FREE_bit0(v)
#define FREE_bit1(v)
#define FREE_bit2(v)
#define FREE_bit3(v)
#define FREE_bit4(v)
#define FREE_nothing(v)

/* clang-format off */
#define MAKE_METHOD(class, method, ...)                                                            \
    static struct amqp_##class##_##method make_##class##_##method(void)                            \
    {                                                                                              \
        struct amqp_##class##_##method m;
#define MAKE_FIELD(type, name) MAKE_##type(m.name);
#define MAKE_END(class, method, class_id, method_id) return m; }
AMQP_METHODS(MAKE_METHOD, MAKE_FIELD, MAKE_END)

#define SAME_METHOD(class, method, ...)                                                            \
    static void same_##class##_##method(const struct amqp_##class##_##method *a,                   \
                                        const struct amqp_##class##_##method *b)                   \
    {
#define SAME_FIELD(type, name) SAME_##type(a->name, b->name);
#define SAME_END(class, method, class_id, method_id) }
AMQP_METHODS(SAME_METHOD, SAME_FIELD, SAME_END)

#define FREE_METHOD(class, method, ...)                                                            \
    static void free_##class##_##method(const struct amqp_##class##_##method *m)                   \
    { (void)m;
#define FREE_FIELD(type, name) FREE_##type(m->name);
#define FREE_END(class, method, class_id, method_id) }
AMQP_METHODS(FREE_METHOD, FREE_FIELD, FREE_END)
/* clang-format on */

/* Writes one method and reads it back. */
#define ROUND_METHOD(class, method, ID, class_id, method_id, is_synchronous, content)              \
    static void round_##class##_##method(void)                                                     \
    {                                                                                              \
        struct amqp_##class##_##method m = make_##class##_##method(), back;                        \
        memset(&back, 0, sizeof back);                                                             \
        size_t n = amqp_##class##_##method##_size(&m);                                             \
        uint8_t *frame = malloc(n);                                                                \
        assert_non_null(frame);                                                                    \
        assert_ptr_equal(amqp_##class##_##method##_put(frame, 0x1234, &m), frame + n);             \
        assert_int_equal(frame[0], FRAME_METHOD);                                                  \
        assert_int_equal(wire_u16(frame + 1), 0x1234);                                             \
        assert_int_equal(wire_u32(frame + 3), n - FRAME_OVERHEAD);                                 \
        assert_int_equal(wire_u16(frame + 7), class_id);                                           \
        assert_int_equal(wire_u16(frame + 9), method_id);                                          \
        assert_int_equal(frame[n - 1], FRAME_END);                                                 \
                                                                                                   \
        struct slice args = exactly(frame + 11, n - 12);                                           \
        assert_int_equal(amqp_##class##_##method##_read(args, &back), WIRE_OK);                    \
        same_##class##_##method(&m, &back);                                                        \
        for (size_t shorter = 0; shorter < args.n; shorter++) {                                    \
            struct slice prefix = exactly(args.p, shorter);                                        \
            assert_int_equal(amqp_##class##_##method##_read(prefix, &back), WIRE_MALFORMED);       \
            exactly_free(prefix);                                                                  \
        }                                                                                          \
        struct slice longer = slice_of(frame + 11, n - 11);                                        \
        assert_int_equal(amqp_##class##_##method##_read(longer, &back), WIRE_MALFORMED);           \
        exactly_free(args);                                                                        \
        free(frame);                                                                               \
        free_##class##_##method(&m);                                                               \
    }
AMQP_METHODS(ROUND_METHOD, AMQP_NO_FIELD, AMQP_NO_END)

static void every_method_reads_back_and_no_prefix_of_it_is_accepted(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
#define CALL_METHOD(class, method, ...) round_##class##_##method();
        AMQP_METHODS(CALL_METHOD, AMQP_NO_FIELD, AMQP_NO_END)
    }
}

static void every_method_is_found_by_its_id(void **state)
{
    (void)state;
    size_t count = 0;
#define FIND(class, method, ID, class_id, method_id, is_synchronous, content)                      \
    do {                                                                                           \
        const struct amqp_method *found = amqp_method_find(AMQP_##ID);                             \
        assert_non_null(found);                                                                    \
        assert_string_equal(found->name, #class "." #method);                                      \
        assert_int_equal(found->id, AMQP_##ID);                                                    \
        assert_int_equal(amqp_class_of(found->id), class_id);                                      \
        assert_int_equal(amqp_method_of(found->id), method_id);                                    \
        assert_int_equal(found->synchronous, is_synchronous);                                      \
        assert_int_equal(found->has_content, content);                                             \
        count++;                                                                                   \
    } while (0);
    AMQP_METHODS(FIND, AMQP_NO_FIELD, AMQP_NO_END)
    assert_int_equal(count, 66);
    assert_null(amqp_method_find(0));
    assert_null(amqp_method_find(60u << 16 | 41));
    assert_int_equal(amqp_method_find(AMQP_TX_SELECT)->count, 0);
    assert_int_equal(amqp_method_find(AMQP_QUEUE_DECLARE)->count, 8);
    assert_string_equal(amqp_method_find(AMQP_QUEUE_DECLARE)->fields[7].name, "arguments");
    assert_int_equal(amqp_method_find(AMQP_QUEUE_DECLARE)->fields[7].type, AMQP_FIELD_table);
}

#define GOLDEN(class, method, channel, struct_value, ...)                                          \
    do {                                                                                           \
        const uint8_t expected[] = {__VA_ARGS__};                                                  \
        uint8_t frame[sizeof expected + 1];                                                        \
        struct amqp_##class##_##method m = struct_value;                                           \
        assert_int_equal(amqp_##class##_##method##_size(&m), sizeof expected);                     \
        assert_ptr_equal(amqp_##class##_##method##_put(frame, channel, &m),                        \
                         frame + sizeof expected);                                                 \
        assert_memory_equal(frame, expected, sizeof expected);                                     \
    } while (0)

#define VALUE(...)                                                                                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void frames_are_those_of_the_specification(void **state)
{
    (void)state;
    /* clang-format off */
    GOLDEN(queue, declare, 1,
           VALUE(.queue = slice_str("hare"), .durable = true, .auto_delete = true),
           1, 0, 1, 0, 0, 0, 16, 0, 50, 0, 10, 0, 0, 4, 'h', 'a', 'r', 'e', 0x0A, 0, 0, 0, 0, 0xCE);
    GOLDEN(basic, publish, 2,
           VALUE(.exchange = slice_str("x"), .routing_key = slice_str("k.1"), .immediate = true),
           1, 0, 2, 0, 0, 0, 13, 0, 60, 0, 40, 0, 0, 1, 'x', 3, 'k', '.', '1', 2, 0xCE);
    GOLDEN(basic, deliver, 0x0102,
           VALUE(.consumer_tag = slice_str("t"), .delivery_tag = 258, .redelivered = true,
                 .routing_key = slice_str("q")),
           1, 1, 2, 0, 0, 0, 18, 0, 60, 0, 60, 1, 't', 0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 1, 'q', 0xCE);
    GOLDEN(basic, ack, 1, VALUE(.delivery_tag = 7, .multiple = true),
           1, 0, 1, 0, 0, 0, 13, 0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 7, 1, 0xCE);
    GOLDEN(basic, nack, 1, VALUE(.delivery_tag = 7, .requeue = true),
           1, 0, 1, 0, 0, 0, 13, 0, 60, 0, 120, 0, 0, 0, 0, 0, 0, 0, 7, 2, 0xCE);
    GOLDEN(connection, tune, 0, VALUE(.channel_max = 2047, .frame_max = 131072, .heartbeat = 60),
           1, 0, 0, 0, 0, 0, 12, 0, 10, 0, 30, 7, 0xFF, 0, 2, 0, 0, 0, 60, 0xCE);
    GOLDEN(connection, close, 0, VALUE(.reply_code = 320, .reply_text = slice_str("bye")),
           1, 0, 0, 0, 0, 0, 14, 0, 10, 0, 50, 1, 0x40, 3, 'b', 'y', 'e', 0, 0, 0, 0, 0xCE);
    GOLDEN(tx, select, 3, VALUE(0),
           1, 0, 3, 0, 0, 0, 4, 0, 90, 0, 10, 0xCE);
    /* clang-format on */
}

static void bits_that_mean_nothing_are_ignored(void **state)
{
    (void)state;
    struct amqp_basic_publish m;
    struct slice args = slice_of("\0\0\0\0\xFE", 5);
    assert_int_equal(amqp_basic_publish_read(args, &m), WIRE_OK);
    assert_false(m.mandatory);
    assert_true(m.immediate);
}

static void a_short_string_must_be_utf8_except_in_methods_with_content(void **state)
{
    (void)state;
    struct amqp_basic_get get = {.reserved1 = 77};
    assert_int_equal(amqp_basic_get_read(slice_of("\0\0\1\xFF\0", 5), &get), WIRE_BAD_UTF8);
    assert_int_equal(get.reserved1, 77); /* changed on success only */

    struct amqp_basic_publish publish;
    struct slice args = slice_of("\0\0\1\xFF\1\x80\0", 7);
    assert_int_equal(amqp_basic_publish_read(args, &publish), WIRE_OK);
    assert_true(slice_is(publish.exchange, "\xFF"));
}

static void a_malformed_table_is_distinguished_from_malformed_arguments(void **state)
{
    (void)state;
    struct amqp_queue_declare m;
    assert_int_equal(amqp_queue_declare_read(slice_of("\0\0\1q\0\0\0\0\1\5", 10), &m),
                     WIRE_BAD_TABLE);
    /* The first fault in the order of the fields is the one that is reported. */
    assert_int_equal(amqp_queue_declare_read(slice_of("\0\0\1\xFF\0\0\0\0\1\5", 10), &m),
                     WIRE_BAD_UTF8);
    struct amqp_connection_start_ok ok;
    assert_int_equal(amqp_connection_start_ok_read(slice_of("\0\0\0\1\5\1\xFF\0\0\0\0\0", 12), &ok),
                     WIRE_BAD_TABLE);
}

static void a_method_is_described_in_one_line(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    amqp_method_describe(&b, AMQP_QUEUE_DECLARE, slice_of("\0\0\2q\"\2\0\0\0\7\1aI\0\0\0\7", 17));
    assert_text(&b, "queue.declare(reserved1=0, queue=\"q\\\"\", passive=false, durable=true, "
                    "exclusive=false, auto_delete=false, no_wait=false, "
                    "arguments=[{<<\"a\">>,signedint,7}])");
    amqp_method_describe(&b, AMQP_BASIC_ACK, slice_of("\0\0\0\0\0\0\0\x09\1", 9));
    assert_text(&b, "basic.ack(delivery_tag=9, multiple=true)");
    amqp_method_describe(&b, AMQP_TX_COMMIT_OK, SLICE_EMPTY);
    assert_text(&b, "tx.commit_ok()");
    amqp_method_describe(&b, AMQP_TX_COMMIT_OK, slice_str("?"));
    assert_text(&b, "tx.commit_ok() malformed");
    amqp_method_describe(&b, AMQP_BASIC_ACK, slice_of("\0", 1));
    assert_text(&b, "basic.ack(delivery_tag=0) malformed");
    amqp_method_describe(&b, 60u << 16 | 99, slice_of("\0a", 2));
    assert_text(&b, "unknown method 60.99, <<0,97>>");
    amqp_method_describe(&b, AMQP_BASIC_CANCEL_OK, slice_of("\3a\xFF\n", 4));
    assert_text(&b, "basic.cancel_ok(consumer_tag=\"a\\xff\\x0a\")");
}

static void a_password_is_not_written_to_a_log(void **state)
{
    (void)state;
    struct lv_buffer b = {0};
    amqp_method_describe(&b, AMQP_CONNECTION_START_OK,
                         slice_of("\0\0\0\0\5PLAIN\0\0\0\4\0u\0p\0", 19));
    assert_text(&b, "connection.start_ok(client_properties=[], mechanism=\"PLAIN\", "
                    "response=(4 bytes), locale=\"\")");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_reads_back_and_no_prefix_of_it_is_accepted),
        cmocka_unit_test(every_method_is_found_by_its_id),
        cmocka_unit_test(frames_are_those_of_the_specification),
        cmocka_unit_test(bits_that_mean_nothing_are_ignored),
        cmocka_unit_test(a_short_string_must_be_utf8_except_in_methods_with_content),
        cmocka_unit_test(a_malformed_table_is_distinguished_from_malformed_arguments),
        cmocka_unit_test(a_method_is_described_in_one_line),
        cmocka_unit_test(a_password_is_not_written_to_a_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
