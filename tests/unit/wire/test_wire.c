/* Numbers, strings, the reader, reply names and UTF-8. */
#include "wire/wire.h"

#include "wire/samples.h"

static void numbers_are_big_endian_and_come_back(void **state)
{
    (void)state;
    uint8_t b[15];
    uint8_t *p = wire_put_u8(b, 0x12);
    p = wire_put_u16(p, 0x3456);
    p = wire_put_u32(p, 0x789ABCDE);
    p = wire_put_u64(p, UINT64_C(0xF00102030405060A));
    assert_ptr_equal(p, b + 15);
    assert_memory_equal(b, "\x12\x34\x56\x78\x9A\xBC\xDE\xF0\x01\x02\x03\x04\x05\x06\x0A", 15);

    struct wire_reader r = wire_reader_of(slice_of(b, sizeof b));
    assert_int_equal(wire_read_u8(&r), 0x12);
    assert_int_equal(wire_read_u16(&r), 0x3456);
    assert_int_equal(wire_read_u32(&r), 0x789ABCDE);
    assert_true(wire_read_u64(&r) == UINT64_C(0xF00102030405060A));
    assert_true(wire_reader_is_done(&r));
}

static void a_reader_remembers_its_first_failure(void **state)
{
    (void)state;
    struct slice s = exactly("\x01\x02\x03", 3);
    struct wire_reader r = wire_reader_of(s);
    assert_int_equal(wire_read_u32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(wire_read_u8(&r), 0); /* it would fit, but the reader has failed */
    assert_int_equal(wire_read_shortstr(&r).n, 0);
    assert_false(wire_reader_is_done(&r));
    exactly_free(s);
}

static void a_string_longer_than_its_slice_is_refused(void **state)
{
    (void)state;
    struct slice s = exactly("\x04"
                             "abc",
                             4);
    struct wire_reader r = wire_reader_of(s);
    assert_ptr_equal(wire_read_shortstr(&r).p, NULL);
    assert_true(r.failed);
    exactly_free(s);

    s = exactly("\xFF\xFF\xFF\xFF"
                "abc",
                7);
    r = wire_reader_of(s);
    assert_int_equal(wire_read_longstr(&r).n, 0);
    assert_true(r.failed);
    exactly_free(s);
}

static void an_empty_slice_can_be_read(void **state)
{
    (void)state;
    struct wire_reader r = wire_reader_of(SLICE_EMPTY);
    assert_true(wire_reader_is_done(&r));
    assert_int_equal(wire_read_bytes(&r, 0).n, 0);
    assert_true(wire_reader_is_done(&r));
    assert_int_equal(wire_read_u8(&r), 0);
    assert_true(r.failed);
}

static void strings_of_every_short_length_come_back(void **state)
{
    (void)state;
    for (size_t n = 0; n <= SHORTSTR_BYTES_MAX; n++) {
        struct slice text = sample_bytes(n);
        struct slice room = sample_bytes(n + 1);
        uint8_t *p = (uint8_t *)(uintptr_t)room.p;
        assert_ptr_equal(wire_put_shortstr(p, text), p + n + 1);
        struct wire_reader r = wire_reader_of(room);
        assert_true(slice_equal(wire_read_shortstr(&r), text));
        assert_true(wire_reader_is_done(&r));
        exactly_free(room);
        exactly_free(text);
    }
}

static void reply_codes_have_names(void **state)
{
    (void)state;
    assert_string_equal(wire_reply_name(404), "NOT_FOUND");
    assert_string_equal(wire_reply_name(REPLY_PRECONDITION_FAILED), "PRECONDITION_FAILED");
    assert_int_equal(REPLY_INTERNAL_ERROR, 541);
    assert_null(wire_reply_name(0));
    assert_null(wire_reply_name(999));
}

static bool is_utf8(const char *bytes, size_t n)
{
    struct slice s = exactly(bytes, n);
    bool is = wire_is_utf8(s);
    exactly_free(s);
    return is;
}

#define IS_UTF8(literal) is_utf8(literal, sizeof(literal) - 1)

static void utf8_is_what_rabbitmq_accepts_as_utf8(void **state)
{
    (void)state;
    assert_true(IS_UTF8(""));
    assert_true(IS_UTF8("\0"));
    assert_true(IS_UTF8("plain text of more than eight bytes \x7F"));
    assert_true(IS_UTF8("\xC2\x80"));
    assert_true(IS_UTF8("\xE0\xA0\x80"));
    assert_true(IS_UTF8("\xED\xA0\x80")); /* a surrogate */
    assert_true(IS_UTF8("\xEF\xBF\xBF")); /* a noncharacter */
    assert_true(IS_UTF8("\xF0\x90\x80\x80"));
    assert_true(IS_UTF8("\xF4\x90\x80\x80")); /* above U+10FFFF */
    assert_true(IS_UTF8("\xF7\xBF\xBF\xBF"));
    assert_true(IS_UTF8("eight ok\xC3\xA9 and on"));

    assert_false(IS_UTF8("\x80"));
    assert_false(IS_UTF8("\xC0\x80")); /* overlong */
    assert_false(IS_UTF8("\xC1\xBF"));
    assert_false(IS_UTF8("\xE0\x9F\xBF"));
    assert_false(IS_UTF8("\xF0\x8F\xBF\xBF"));
    assert_false(IS_UTF8("\xE2\x82")); /* cut short */
    assert_false(IS_UTF8("\xC3"));
    assert_false(IS_UTF8("\xC3("));
    assert_false(IS_UTF8("\xF8\x88\x80\x80\x80"));
    assert_false(IS_UTF8("\xFF"));
    assert_false(IS_UTF8("eight ok\xFF"));
    assert_false(IS_UTF8("seven o\xFFk and on"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_big_endian_and_come_back),
        cmocka_unit_test(a_reader_remembers_its_first_failure),
        cmocka_unit_test(a_string_longer_than_its_slice_is_refused),
        cmocka_unit_test(an_empty_slice_can_be_read),
        cmocka_unit_test(strings_of_every_short_length_come_back),
        cmocka_unit_test(reply_codes_have_names),
        cmocka_unit_test(utf8_is_what_rabbitmq_accepts_as_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
