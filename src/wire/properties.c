#include "wire/properties.h"

#include "wire/table.h"

/* How each type of property is read, counted and written. */
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
    struct properties m = {.flags = wire_read_u16(&r) & PROPERTY_ALL};
#define PROPERTY_READ(wire_type, name, NAME, bit)                                                  \
    if (m.flags & PROPERTY_##NAME)                                                                 \
        m.name = READ_##wire_type;
    PROPERTIES(PROPERTY_READ)
#undef PROPERTY_READ
    if (!wire_reader_is_done(&r) || !table_is_valid(m.headers))
        return false;
    *ret = m;
    return true;
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
