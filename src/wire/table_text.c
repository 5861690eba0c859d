/* Field tables as text: table_describe() shows types, for logs; table_print() prints what
 * rabbitmqctl's columns show. Both are given any bytes, so they count their depth. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/erlang_text.h"
#include "wire/floats.h"
#include "wire/table.h"

enum style {
    DESCRIBE, /* [{<<"a">>,longstr,<<"x">>}] */
    PRINT,    /* [{"a","x"}] */
};

/* Appends the fewest digits that read back as the same number, with a point as Erlang prints it. */
static void put_double(struct lv_buffer *out, double value)
{
    char text[40];
    const char *name = float_name(value);
    if (name) {
        lv_buffer_printf(out, "%s", name);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    size_t mantissa = strcspn(text, "e");
    lv_buffer_add(out, text, mantissa);
    if (!memchr(text, '.', mantissa))
        lv_buffer_add(out, ".0", 2);
    if (text[mantissa] == 'e')
        lv_buffer_printf(out, "e%d", atoi(text + mantissa + 1)); /* e20, where C prints e+20 */
}

/* Appends a list of characters: "all", or its bytes as [10,1,34]; the empty list is []. */
static void put_characters(struct lv_buffer *out, struct slice s)
{
    size_t start = out->n;
    erlang_put_text(out, s);
    lv_assert(out->n - start >= 4); /* <<>> */
    bool is_string = out->p[start + 2] == '"';
    /* <<...>> becomes [...], and <<"...">> becomes "...". */
    memmove(out->p + start + !is_string, out->p + start + 2, out->n - start - 4);
    out->n -= 4;
    if (!is_string) {
        out->p[start] = '[';
        out->n++;
        lv_buffer_add_u8(out, ']');
    }
}

static void put_nest(struct lv_buffer *out, enum style style, uint8_t kind, struct slice rest,
                     size_t depth);

static void put_value(struct lv_buffer *out, enum style style, const struct field *f, size_t depth)
{
    switch (f->type) {
    case FIELD_LONGSTR:
        if (style == PRINT)
            put_characters(out, f->bytes);
        else
            erlang_put_text(out, f->bytes);
        return;
    case FIELD_BINARY: erlang_put_text(out, f->bytes); return;
    case FIELD_TABLE:
    case FIELD_ARRAY: put_nest(out, style, f->type, f->bytes, depth + 1); return;
    case FIELD_BOOL: lv_buffer_printf(out, "%s", f->b ? "true" : "false"); return;
    case FIELD_FLOAT:
    case FIELD_DOUBLE: put_double(out, f->f); return;
    case FIELD_DECIMAL: lv_buffer_printf(out, "{%u,%" PRId64 "}", f->scale, f->i); return;
    case FIELD_TIMESTAMP: lv_buffer_printf(out, "%" PRIu64, (uint64_t)f->i); return;
    case FIELD_VOID: lv_buffer_printf(out, "undefined"); return;
    }
    lv_buffer_printf(out, "%" PRId64, f->i);
}

/* Appends a field of a table: {name,type,value} or {name,value}. */
static void put_member(struct lv_buffer *out, enum style style, struct slice name,
                       const struct field *f, size_t depth)
{
    lv_buffer_add_u8(out, '{');
    if (style == PRINT) {
        put_characters(out, name);
        lv_buffer_add_u8(out, ',');
    } else {
        erlang_put_text(out, name);
        lv_buffer_printf(out, ",%s,", field_type_name(f->type));
    }
    put_value(out, style, f, depth);
    lv_buffer_add_u8(out, '}');
}

/* Appends a value of an array: {type,value} or value. */
static void put_item(struct lv_buffer *out, enum style style, const struct field *f, size_t depth)
{
    if (style == PRINT) {
        put_value(out, style, f, depth);
        return;
    }
    lv_buffer_printf(out, "{%s,", field_type_name(f->type));
    put_value(out, style, f, depth);
    lv_buffer_add_u8(out, '}');
}

static void put_nest(struct lv_buffer *out, enum style style, uint8_t kind, struct slice rest,
                     size_t depth)
{
    const char *separator = "";
    struct slice name;
    struct field f;
    if (depth > TABLE_DEPTH_MAX) {
        lv_buffer_printf(out, "...");
        return;
    }
    lv_buffer_add_u8(out, '[');
    while (kind == FIELD_TABLE ? table_next(&rest, &name, &f) : array_next(&rest, &f)) {
        lv_buffer_printf(out, "%s", separator);
        if (kind == FIELD_TABLE)
            put_member(out, style, name, &f, depth);
        else
            put_item(out, style, &f, depth);
        separator = ",";
    }
    if (rest.n > 0)
        lv_buffer_printf(out, "%s...", separator);
    lv_buffer_add_u8(out, ']');
}

void table_describe(struct lv_buffer *out, struct slice table)
{
    put_nest(out, DESCRIBE, FIELD_TABLE, table, 0);
}

void field_describe(struct lv_buffer *out, const struct field *f)
{
    put_value(out, DESCRIBE, f, 0);
}

void table_print(struct lv_buffer *out, struct slice table)
{
    put_nest(out, PRINT, FIELD_TABLE, table, 0);
}
