/* Field tables: reading, checking, comparing and building. Printing is in table_text.c and
 * table_json.c.
 *
 * All walks use value_read(), which reads one value and nothing inside it. A function that descends
 * into tables within tables either counts its depth (the check, which is given any bytes) or is
 * given valid tables only. */
#include "wire/table.h"

#include <stdlib.h>

#include "base/memory.h"
#include "wire/floats.h"

const char *field_type_name(uint8_t type)
{
    switch (type) {
    case FIELD_LONGSTR: return "longstr";
    case FIELD_SIGNEDINT: return "signedint";
    case FIELD_DECIMAL: return "decimal";
    case FIELD_TIMESTAMP: return "timestamp";
    case FIELD_TABLE: return "table";
    case FIELD_ARRAY: return "array";
    case FIELD_BYTE: return "byte";
    case FIELD_DOUBLE: return "double";
    case FIELD_FLOAT: return "float";
    case FIELD_LONG: return "long";
    case 'L': return "long";
    case FIELD_SHORT: return "short";
    case FIELD_BOOL: return "bool";
    case FIELD_BINARY: return "binary";
    case FIELD_VOID: return "void";
    case FIELD_UNSIGNEDBYTE: return "unsignedbyte";
    case FIELD_UNSIGNEDSHORT: return "unsignedshort";
    case FIELD_UNSIGNEDINT: return "unsignedint";
    }
    return NULL;
}

bool field_is_integer(const struct field *f)
{
    switch (f->type) {
    case FIELD_BYTE:
    case FIELD_UNSIGNEDBYTE:
    case FIELD_SHORT:
    case FIELD_UNSIGNEDSHORT:
    case FIELD_SIGNEDINT:
    case FIELD_UNSIGNEDINT:
    case FIELD_LONG: return true;
    }
    return false;
}

static double float_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return (double)f;
}

static double double_of(uint64_t bits)
{
    double f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static uint32_t bits_of_float(double value)
{
    float f = (float)value;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static uint64_t bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Reads one value. The content of a table or an array is stepped over. */
static bool value_read(struct wire_reader *r, struct field *ret)
{
    struct field f = {.type = wire_read_u8(r)};
    switch (f.type) {
    case FIELD_LONGSTR:
    case FIELD_BINARY:
    case FIELD_TABLE:
    case FIELD_ARRAY: f.bytes = wire_read_longstr(r); break;
    case FIELD_BOOL: f.b = wire_read_u8(r) != 0; break;
    case FIELD_BYTE: f.i = (int64_t)(int8_t)wire_read_u8(r); break;
    case FIELD_UNSIGNEDBYTE: f.i = wire_read_u8(r); break;
    case FIELD_SHORT: f.i = (int16_t)wire_read_u16(r); break;
    case FIELD_UNSIGNEDSHORT: f.i = wire_read_u16(r); break;
    case FIELD_SIGNEDINT: f.i = (int32_t)wire_read_u32(r); break;
    case FIELD_UNSIGNEDINT: f.i = wire_read_u32(r); break;
    case 'L': f.type = FIELD_LONG; /* fallthrough */
    case FIELD_LONG:
    case FIELD_TIMESTAMP: f.i = (int64_t)wire_read_u64(r); break;
    case FIELD_FLOAT: f.f = float_of(wire_read_u32(r)); break;
    case FIELD_DOUBLE: f.f = double_of(wire_read_u64(r)); break;
    case FIELD_DECIMAL:
        f.scale = wire_read_u8(r);
        f.i = wire_read_u32(r);
        break;
    case FIELD_VOID: break;
    default: return false;
    }
    if (r->failed)
        return false;
    *ret = f;
    return true;
}

/* Returns the bytes that were not read yet. */
static struct slice reader_rest(const struct wire_reader *r)
{
    return slice_of(r->p, wire_reader_left(r));
}

bool table_next(struct slice *rest, struct slice *ret_name, struct field *ret)
{
    struct wire_reader r = wire_reader_of(*rest);
    if (rest->n == 0)
        return false;
    struct slice name = wire_read_shortstr(&r);
    if (!value_read(&r, ret))
        return false;
    *ret_name = name;
    *rest = reader_rest(&r);
    return true;
}

bool array_next(struct slice *rest, struct field *ret)
{
    struct wire_reader r = wire_reader_of(*rest);
    if (rest->n == 0 || !value_read(&r, ret))
        return false;
    *rest = reader_rest(&r);
    return true;
}

bool table_find_slice(struct slice table, struct slice name, struct field *ret)
{
    struct slice here;
    struct field f;
    while (table_next(&table, &here, &f)) {
        if (slice_equal(here, name)) {
            *ret = f;
            return true;
        }
    }
    return false;
}

bool table_find(struct slice table, const char *name, struct field *ret)
{
    return table_find_slice(table, slice_str(name), ret);
}

bool table_find_string(struct slice table, const char *name, struct slice *ret)
{
    struct field f;
    if (!table_find(table, name, &f) || f.type != FIELD_LONGSTR)
        return false;
    *ret = f.bytes;
    return true;
}

/* --- checking --------------------------------------------------------------------------------- */

/* Returns whether the value is a table or an array. */
static bool is_nest(const struct field *f)
{
    return f->type == FIELD_TABLE || f->type == FIELD_ARRAY;
}

/* Takes the next value of a table or an array; `kind` is its field type. */
static bool nest_next(uint8_t kind, struct slice *rest, struct slice *ret_name, struct field *ret)
{
    *ret_name = SLICE_EMPTY;
    return kind == FIELD_TABLE ? table_next(rest, ret_name, ret) : array_next(rest, ret);
}

static bool nest_is_valid(uint8_t kind, struct slice rest, size_t depth)
{
    struct slice name;
    struct field f;
    if (depth > TABLE_DEPTH_MAX)
        return false;
    while (nest_next(kind, &rest, &name, &f)) {
        if (is_nest(&f) && !nest_is_valid(f.type, f.bytes, depth + 1))
            return false;
    }
    return rest.n == 0;
}

bool table_is_valid(struct slice table)
{
    return nest_is_valid(FIELD_TABLE, table, 0);
}

/* --- writing values --------------------------------------------------------------------------- */

static void put_bytes(struct lv_buffer *out, struct slice s)
{
    uint8_t *p = lv_buffer_reserve(out, 4 + s.n);
    out->n += (size_t)(wire_put_longstr(p, s) - p);
}

static void put_u8(struct lv_buffer *out, uint8_t v)
{
    lv_buffer_add_u8(out, v);
}

static void put_u16(struct lv_buffer *out, uint16_t v)
{
    wire_put_u16(lv_buffer_reserve(out, sizeof v), v);
    out->n += sizeof v;
}

static void put_u32(struct lv_buffer *out, uint32_t v)
{
    wire_put_u32(lv_buffer_reserve(out, sizeof v), v);
    out->n += sizeof v;
}

static void put_u64(struct lv_buffer *out, uint64_t v)
{
    wire_put_u64(lv_buffer_reserve(out, sizeof v), v);
    out->n += sizeof v;
}

static void put_name(struct lv_buffer *out, struct slice name)
{
    uint8_t *p = lv_buffer_reserve(out, 1 + name.n);
    out->n += (size_t)(wire_put_shortstr(p, name) - p);
}

/* Appends type and value. */
static void put_value(struct lv_buffer *out, const struct field *f)
{
    put_u8(out, f->type);
    switch (f->type) {
    case FIELD_LONGSTR:
    case FIELD_BINARY:
    case FIELD_TABLE:
    case FIELD_ARRAY: put_bytes(out, f->bytes); return;
    case FIELD_BOOL: put_u8(out, f->b); return;
    case FIELD_BYTE:
    case FIELD_UNSIGNEDBYTE: put_u8(out, (uint8_t)f->i); return;
    case FIELD_SHORT:
    case FIELD_UNSIGNEDSHORT: put_u16(out, (uint16_t)f->i); return;
    case FIELD_SIGNEDINT:
    case FIELD_UNSIGNEDINT: put_u32(out, (uint32_t)f->i); return;
    case FIELD_LONG:
    case FIELD_TIMESTAMP: put_u64(out, (uint64_t)f->i); return;
    case FIELD_FLOAT: put_u32(out, bits_of_float(f->f)); return;
    case FIELD_DOUBLE: put_u64(out, bits_of_double(f->f)); return;
    case FIELD_DECIMAL:
        put_u8(out, f->scale);
        put_u32(out, (uint32_t)f->i);
        return;
    case FIELD_VOID: return;
    }
    lv_unreachable();
}

/* --- comparing -------------------------------------------------------------------------------- */

static void put_canonical_value(struct lv_buffer *out, const struct field *f);

static int by_bytes(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static void put_canonical_array(struct lv_buffer *out, struct slice rest)
{
    struct field f;
    while (array_next(&rest, &f))
        put_canonical_value(out, &f);
}

/* Writes every field in its canonical form, then sorts these by their bytes. A name's length comes
 * first, so short names sort first: any fixed order will do. */
void table_canonical(struct lv_buffer *out, struct slice table)
{
    struct slice name, rest = table;
    struct field f;
    size_t count = 0;
    while (table_next(&rest, &name, &f))
        count++;
    if (count == 0)
        return;

    struct lv_buffer fields = {0};
    size_t *ends = lv_calloc(count, sizeof *ends);
    for (size_t i = 0; table_next(&table, &name, &f); i++) {
        put_name(&fields, name);
        put_canonical_value(&fields, &f);
        ends[i] = fields.n;
    }
    struct slice *sorted = lv_calloc(count, sizeof *sorted);
    for (size_t i = 0, start = 0; i < count; start = ends[i++])
        sorted[i] = slice_of(fields.p + start, ends[i] - start);
    qsort(sorted, count, sizeof *sorted, by_bytes);
    for (size_t i = 0; i < count; i++)
        lv_buffer_add_slice(out, sorted[i]);
    free(sorted);
    free(ends);
    lv_buffer_free(&fields);
}

static void put_canonical_value(struct lv_buffer *out, const struct field *f)
{
    if (!is_nest(f)) {
        struct field plain = *f;
        if (plain.f == 0)
            plain.f = 0; /* -0.0 is the same number */
        put_value(out, &plain);
        return;
    }
    put_u8(out, f->type);
    size_t start = out->n;
    put_u32(out, 0);
    if (f->type == FIELD_TABLE)
        table_canonical(out, f->bytes);
    else
        put_canonical_array(out, f->bytes);
    lv_assert(out->n - start - 4 <= UINT32_MAX);
    wire_put_u32(out->p + start, (uint32_t)(out->n - start - 4));
}

bool table_equal(struct slice a, struct slice b)
{
    if (slice_equal(a, b))
        return true;
    if (a.n != b.n) /* the same fields have the same size in any order */
        return false;
    struct lv_buffer x = {0}, y = {0};
    table_canonical(&x, a);
    table_canonical(&y, b);
    bool is_equal = slice_equal(lv_buffer_slice(&x), lv_buffer_slice(&y));
    lv_buffer_free(&x);
    lv_buffer_free(&y);
    return is_equal;
}

static bool array_equal(struct slice a, struct slice b)
{
    struct field x, y;
    while (array_next(&a, &x)) {
        if (!array_next(&b, &y) || !field_equal(&x, &y))
            return false;
    }
    return b.n == 0;
}

bool field_equal(const struct field *a, const struct field *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case FIELD_LONGSTR:
    case FIELD_BINARY: return slice_equal(a->bytes, b->bytes);
    case FIELD_TABLE: return table_equal(a->bytes, b->bytes);
    case FIELD_ARRAY: return array_equal(a->bytes, b->bytes);
    }
    return a->i == b->i && a->scale == b->scale && a->b == b->b && floats_equal(a->f, b->f);
}

/* --- building --------------------------------------------------------------------------------- */

void table_begin(struct table_writer *w, struct lv_buffer *out)
{
    w->out = out;
    w->start = out->n;
    w->depth = 0;
}

static bool is_in_array(const struct table_writer *w)
{
    return w->depth > 0 && w->arrays[w->depth - 1];
}

/* Puts the name, except in an array, and the value. */
static void writer_put(struct table_writer *w, const char *name, struct field value)
{
    lv_assert((name == NULL) == is_in_array(w));
    if (name)
        put_name(w->out, slice_str(name));
    put_value(w->out, &value);
}

void table_put_str(struct table_writer *w, const char *name, struct slice value)
{
    writer_put(w, name, (struct field){.type = FIELD_LONGSTR, .bytes = value});
}

void table_put_bool(struct table_writer *w, const char *name, bool value)
{
    writer_put(w, name, (struct field){.type = FIELD_BOOL, .b = value});
}

void table_put_int(struct table_writer *w, const char *name, int32_t value)
{
    writer_put(w, name, (struct field){.type = FIELD_SIGNEDINT, .i = value});
}

void table_put_long(struct table_writer *w, const char *name, int64_t value)
{
    writer_put(w, name, (struct field){.type = FIELD_LONG, .i = value});
}

void table_put_timestamp(struct table_writer *w, const char *name, uint64_t seconds)
{
    writer_put(w, name, (struct field){.type = FIELD_TIMESTAMP, .i = (int64_t)seconds});
}

void table_put_double(struct table_writer *w, const char *name, double value)
{
    writer_put(w, name, (struct field){.type = FIELD_DOUBLE, .f = value});
}

void table_put_void(struct table_writer *w, const char *name)
{
    writer_put(w, name, (struct field){.type = FIELD_VOID});
}

void table_put_field(struct table_writer *w, struct slice name, const struct field *value)
{
    lv_assert(!is_in_array(w));
    put_name(w->out, name);
    put_value(w->out, value);
}

void table_put_value(struct table_writer *w, const struct field *value)
{
    writer_put(w, NULL, *value);
}

static void writer_open_nest(struct table_writer *w, const char *name, bool is_array)
{
    lv_assert(w->depth < TABLE_DEPTH_MAX);
    writer_put(w, name, (struct field){.type = is_array ? FIELD_ARRAY : FIELD_TABLE});
    w->starts[w->depth] = w->out->n;
    w->arrays[w->depth] = is_array;
    w->depth++;
}

void table_put_table(struct table_writer *w, const char *name)
{
    writer_open_nest(w, name, false);
}

void table_put_array(struct table_writer *w, const char *name)
{
    writer_open_nest(w, name, true);
}

struct slice table_end(struct table_writer *w)
{
    struct lv_buffer *out = w->out;
    lv_assert(out->n >= w->start);
    if (w->depth == 0)
        return out->n > w->start ? slice_of(out->p + w->start, out->n - w->start) : SLICE_EMPTY;
    size_t start = w->starts[--w->depth];
    lv_assert(start >= w->start + 4 && start <= out->n);
    size_t bytes = out->n - start;
    lv_assert(bytes <= UINT32_MAX);
    wire_put_u32(out->p + start - 4, (uint32_t)bytes);
    return slice_of(out->p + start, bytes);
}
