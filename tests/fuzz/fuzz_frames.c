/* Any bytes as a sequence of frames, without a peer that would stop at the first fault.
 *
 * A method that can be read must be written with the size that amqp_X_size() returns, and must then
 * read back to the same frame; so must a content header's properties. Every other frame is refused
 * without reading beyond its end. */
#include <stdlib.h>

#include "wire/erlang_text.h"
#include "wire/methods.h"
#include "wire/properties.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Every method is read, written, read again and written again: the two frames are the same. (They
 * may differ from the input: bits without a meaning are not kept.) */
#define STABLE_METHOD(class, method, ...)                                                          \
    static void stable_##class##_##method(struct slice args)                                       \
    {                                                                                              \
        struct amqp_##class##_##method m, again;                                                   \
        if (amqp_##class##_##method##_read(args, &m) != WIRE_OK)                                   \
            return;                                                                                \
        size_t size = amqp_##class##_##method##_size(&m);                                          \
        lv_assert(size == args.n + FRAME_OVERHEAD + 4);                                            \
        uint8_t *one = malloc(size), *two = malloc(size);                                          \
        lv_assert(one &&two);                                                                      \
        lv_assert(amqp_##class##_##method##_put(one, 7, &m) == one + size);                        \
        struct slice written = slice_of(one + FRAME_HEADER_BYTES + 4, args.n);                     \
        lv_assert(amqp_##class##_##method##_read(written, &again) == WIRE_OK);                     \
        lv_assert(amqp_##class##_##method##_put(two, 7, &again) == two + size);                    \
        lv_assert(memcmp(one, two, size) == 0);                                                    \
        free(one);                                                                                 \
        free(two);                                                                                 \
    }
AMQP_METHODS(STABLE_METHOD, AMQP_NO_FIELD, AMQP_NO_END)

static void check_method(struct slice payload)
{
    if (payload.n < 4)
        return;
    uint32_t id = wire_u32(payload.p);
    struct slice args = slice_of(payload.p + 4, payload.n - 4);
    struct lv_buffer text = {0};
    amqp_method_describe(&text, id, args);
    lv_assert(!memchr(text.p, '\n', text.n)); /* one line, for any input */
    lv_buffer_free(&text);
    switch (id) {
#define CASE_METHOD(class, method, ID, ...)                                                        \
    case AMQP_##ID: stable_##class##_##method(args); break;
        AMQP_METHODS(CASE_METHOD, AMQP_NO_FIELD, AMQP_NO_END)
    }
}

static void check_properties(struct slice flags_and_values)
{
    struct properties m, again;
    if (!properties_read(flags_and_values, &m))
        return;
    size_t size = properties_size(&m);
    lv_assert(size == flags_and_values.n);
    uint8_t *written = malloc(size);
    lv_assert(written);
    lv_assert(properties_put(written, &m) == written + size);
    lv_assert(memcmp(written + 2, flags_and_values.p + 2, size - 2) == 0);
    lv_assert(properties_read(slice_of(written, size), &again));
    lv_assert(again.flags == m.flags);
    lv_assert(table_is_valid(m.headers));
    free(written);
}

static void check_frame(uint8_t type, struct slice payload)
{
    struct lv_buffer text = {0};
    erlang_put_octets(&text, type, payload);
    lv_buffer_free(&text);
    if (type == FRAME_METHOD)
        check_method(payload);
    if (type == FRAME_HEADER && payload.n >= CONTENT_HEADER_FIXED_BYTES)
        check_properties(slice_of(payload.p + CONTENT_HEADER_FIXED_BYTES,
                                  payload.n - CONTENT_HEADER_FIXED_BYTES));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct wire_reader r = wire_reader_of(slice_of(bytes, n));
    while (wire_reader_left(&r) > FRAME_HEADER_BYTES) {
        uint8_t type = wire_read_u8(&r);
        wire_read_u16(&r);
        size_t size = wire_read_u32(&r);
        size_t left = wire_reader_left(&r);
        check_frame(type, wire_read_bytes(&r, size < left ? size : left));
        wire_read_u8(&r);
    }
    return 0;
}
