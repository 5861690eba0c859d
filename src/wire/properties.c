/* The properties of a content header: decoding, finding one, encoding. */
#include "wire/properties.h"

#include "wire/table.h"

/* How each type of property is read, measured and written. */
#define READ_octet wire_read_u8(&r)
#define READ_longlong wire_read_u64(&r)
#define READ_shortstr wire_read_shortstr(&r)
#define READ_table wire_read_table(&r)

#define SIZE_octet(v) 1
#define SIZE_longlong(v) 8
#define SIZE_shortstr(v) (1 + (v).n)
#define SIZE_table(v) (4 + (v).n)

#define PUT_octet wire_put_u8
#define PUT_longlong wire_put_u64
#define PUT_shortstr wire_put_shortstr
#define PUT_table wire_put_longstr

bool properties_read_all(struct slice flags_and_values, struct properties *ret)
{
    struct wire_reader r = wire_reader_of(flags_and_values);
    *ret = (struct properties){.flags = wire_read_u16(&r) & PROPERTY_ALL};
#define PROPERTY_READ(wire_type, name, NAME, bit)                                                  \
    if (ret->flags & PROPERTY_##NAME)                                                              \
        ret->name = READ_##wire_type;
    PROPERTIES(PROPERTY_READ)
#undef PROPERTY_READ
    return wire_reader_is_done(&r) && table_is_valid(ret->headers);
}

/* For each type: how many bytes of length precede a value; and how many bytes the value has, if no
 * length precedes it. */
#define SHAPE_octet                                                                                \
    {                                                                                              \
        0, 1                                                                                       \
    }
#define SHAPE_longlong                                                                             \
    {                                                                                              \
        0, 8                                                                                       \
    }
#define SHAPE_shortstr                                                                             \
    {                                                                                              \
        1, 0                                                                                       \
    }
#define SHAPE_table                                                                                \
    {                                                                                              \
        4, 0                                                                                       \
    }

static const struct {
    uint8_t length_bytes;
    uint8_t bytes;
} shapes[16] = {
#define PROPERTY_SHAPE(wire_type, name, NAME, bit) [bit] = SHAPE_##wire_type,
    PROPERTIES(PROPERTY_SHAPE)
#undef PROPERTY_SHAPE
};

bool properties_find(struct slice s, enum property property, struct slice *ret)
{
    lv_assert(property && !(property & (property - 1))); /* one bit */
    if (s.n < 2 || !(wire_u16(s.p) & property))
        return false;
    unsigned flags = wire_u16(s.p) & PROPERTY_ALL & ~((unsigned)property - 1);
    for (size_t at = 2; flags; flags &= ~(1u << (31 - __builtin_clz(flags)))) {
        unsigned bit = 31 - (unsigned)__builtin_clz(flags);
        size_t length = shapes[bit].length_bytes, n = shapes[bit].bytes;
        if (at + length > s.n)
            return false;
        if (length > 0)
            n = length == 1 ? s.p[at] : wire_u32(s.p + at);
        at += length;
        if (n > s.n - at)
            return false;
        if (1u << bit == (unsigned)property) {
            *ret = slice_of(s.p + at, n);
            return true;
        }
        at += n;
    }
    return false;
}

size_t properties_size(const struct properties *m)
{
    size_t size = 2;
#define PROPERTY_SIZE(wire_type, name, NAME, bit)                                                  \
    if (m->flags & PROPERTY_##NAME)                                                                \
        size += SIZE_##wire_type(m->name);
    PROPERTIES(PROPERTY_SIZE)
#undef PROPERTY_SIZE
    return size;
}

uint8_t *properties_put(uint8_t *p, const struct properties *m)
{
    p = wire_put_u16(p, m->flags & PROPERTY_ALL);
#define PROPERTY_PUT(wire_type, name, NAME, bit)                                                   \
    if (m->flags & PROPERTY_##NAME)                                                                \
        p = PUT_##wire_type(p, m->name);
    PROPERTIES(PROPERTY_PUT)
#undef PROPERTY_PUT
    return p;
}
