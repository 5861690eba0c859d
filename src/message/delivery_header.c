/* The headers are read into a list, sorted and written again. */
#include "message/delivery_header.h"

#include <stdlib.h>

#include "base/memory.h"
#include "wire/properties.h"
#include "wire/table.h"

static const char NAME[] = "x-delivery-count";

struct named_field {
    struct slice name;
    struct field field;
    size_t number; /* index in the original table: equal names keep their order */
};

static int compare_fields(const void *a, const void *b)
{
    const struct named_field *x = a, *y = b;
    int order = slice_compare(x->name, y->name);
    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

/* Returns the table's fields with x-delivery-count set, sorted. The caller owns the array. */
static struct named_field *fields_with(struct slice table, uint32_t count, size_t *ret_count)
{
    size_t capacity = 16, n = 0;
    struct named_field *fields = lv_malloc(capacity * sizeof *fields);
    struct named_field next = {.name = slice_str(NAME),
                               .field = {.type = FIELD_LONG, .i = (int64_t)count}};
    bool has_replaced = false;
    fields[n++] = next;
    while (table_next(&table, &next.name, &next.field)) {
        if (!has_replaced && slice_is(next.name, NAME)) {
            has_replaced = true;
            continue;
        }
        if (n == capacity)
            fields = lv_realloc(fields, (capacity *= 2) * sizeof *fields);
        next.number = n;
        fields[n++] = next;
    }
    qsort(fields, n, sizeof *fields, compare_fields);
    *ret_count = n;
    return fields;
}

struct slice delivery_header_with_count(struct lv_buffer *out, struct slice header, uint32_t count)
{
    struct properties properties;
    if (!properties_read(header, &properties))
        lv_unreachable();
    size_t field_count;
    struct named_field *fields = fields_with(properties.headers, count, &field_count);
    struct lv_buffer table = {0};
    struct table_writer w;
    table_begin(&w, &table);
    for (size_t i = 0; i < field_count; i++)
        table_put_field(&w, fields[i].name, &fields[i].field);
    properties.flags |= PROPERTY_HEADERS;
    properties.headers = table_end(&w);
    size_t n = properties_size(&properties);
    uint8_t *p = lv_buffer_reserve(out, n);
    properties_put(p, &properties);
    out->n += n;
    lv_buffer_free(&table);
    free(fields);
    return slice_of(p, n);
}
