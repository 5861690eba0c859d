#include "wire/samples.h"

#include <stdlib.h>
#include <string.h>

const char field_letters[] = "SIDTFAbdflstxVBui";

static uint64_t state = UINT64_C(0x9E3779B97F4A7C15);

uint64_t sample_u64(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

size_t sample_below(size_t n)
{
    return n ? (size_t)(sample_u64() % n) : 0;
}

struct slice exactly(const void *p, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    if (n > 0)
        memcpy(copy, p, n);
    return slice_of(copy, n);
}

void exactly_free(struct slice s)
{
    free((void *)(uintptr_t)s.p);
}

/* Letters, with a two-byte sequence now and then where it fits. */
struct slice sample_text(size_t n)
{
    uint8_t text[SHORTSTR_BYTES_MAX * 4];
    assert_true(n <= sizeof text);
    for (size_t i = 0; i < n; i++)
        text[i] = (uint8_t)('a' + sample_below(26));
    if (n >= 2 && sample_below(2))
        memcpy(text + sample_below(n - 1), "\xc3\xa9", 2);
    return exactly(text, n);
}

struct slice sample_bytes(size_t n)
{
    uint8_t bytes[SHORTSTR_BYTES_MAX * 4];
    assert_true(n <= sizeof bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)sample_u64();
    return exactly(bytes, n);
}

static struct slice take(struct lv_buffer *b)
{
    struct slice s = exactly(b->p, b->n);
    lv_buffer_free(b);
    return s;
}

static struct slice sample_array(size_t depth)
{
    struct lv_buffer b = {0};
    struct table_writer w;
    table_begin(&w, &b);
    table_put_array(&w, "");
    for (size_t i = sample_below(4); i > 0; i--) {
        struct field f = sample_value((uint8_t)field_letters[sample_below(17)], depth);
        table_put_value(&w, &f);
        sample_release(&f);
    }
    struct slice content = table_end(&w);
    content = exactly(content.p, content.n);
    lv_buffer_free(&b);
    return content;
}

struct slice sample_table(size_t depth)
{
    struct lv_buffer b = {0};
    struct table_writer w;
    table_begin(&w, &b);
    for (size_t i = sample_below(5); i > 0; i--) {
        struct slice name = sample_bytes(sample_below(9));
        struct field f = sample_value((uint8_t)field_letters[sample_below(17)], depth);
        table_put_field(&w, name, &f);
        sample_release(&f);
        exactly_free(name);
    }
    table_end(&w);
    return take(&b);
}

struct field sample_value(uint8_t type, size_t depth)
{
    struct field f = {.type = type};
    switch (type) {
    case FIELD_LONGSTR: f.bytes = sample_text(sample_below(40)); break;
    case FIELD_BINARY: f.bytes = sample_bytes(sample_below(40)); break;
    case FIELD_TABLE: f.bytes = depth ? sample_table(depth - 1) : exactly("", 0); break;
    case FIELD_ARRAY: f.bytes = depth ? sample_array(depth - 1) : exactly("", 0); break;
    case FIELD_BOOL: f.b = sample_below(2); break;
    case FIELD_BYTE: f.i = (int8_t)sample_u64(); break;
    case FIELD_UNSIGNEDBYTE: f.i = (uint8_t)sample_u64(); break;
    case FIELD_SHORT: f.i = (int16_t)sample_u64(); break;
    case FIELD_UNSIGNEDSHORT: f.i = (uint16_t)sample_u64(); break;
    case FIELD_SIGNEDINT: f.i = (int32_t)sample_u64(); break;
    case FIELD_UNSIGNEDINT: f.i = (uint32_t)sample_u64(); break;
    case FIELD_LONG:
    case FIELD_TIMESTAMP: f.i = (int64_t)sample_u64(); break;
    case FIELD_FLOAT: f.f = (double)(float)(int32_t)sample_u64() / 1024; break;
    case FIELD_DOUBLE: f.f = (double)(int64_t)sample_u64() / 3; break;
    case FIELD_DECIMAL:
        f.scale = (uint8_t)sample_u64();
        f.i = (uint32_t)sample_u64();
        break;
    }
    return f;
}

void sample_release(struct field *f)
{
    exactly_free(f->bytes);
    *f = (struct field){0};
}

void assert_text(struct lv_buffer *b, const char *expected)
{
    lv_buffer_add_u8(b, 0);
    assert_string_equal((const char *)b->p, expected);
    lv_buffer_free(b);
}
