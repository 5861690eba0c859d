/* Any bytes as a field table.
 *
 * A valid table can be walked to its end, written again byte for byte, compared with itself, put in
 * its canonical form (which is valid, equal to it, and its own canonical form), and converted to
 * JSON that converts back to a valid table. A table that is not valid can be described, which
 * ends. */
#include <stdlib.h>

#include "wire/table.h"
#include "wire/table_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Writes the table again, field by field. */
static void check_written(struct slice table)
{
    struct slice rest = table, name;
    struct field f, found;
    struct table_writer w;
    struct lv_buffer b = {0};
    table_begin(&w, &b);
    while (table_next(&rest, &name, &f)) {
        table_put_field(&w, name, &f);
        lv_assert(field_equal(&f, &f));
        lv_assert(table_find_slice(table, name, &found));
        lv_assert(field_type_name(f.type) != NULL);
    }
    lv_assert(rest.n == 0);
    struct slice written = table_end(&w);
    lv_assert(written.n == table.n);
    lv_assert(table_is_valid(written));
    lv_assert(table_equal(written, table));
    lv_buffer_free(&b);
}

static void check_canonical(struct slice table)
{
    struct lv_buffer one = {0}, two = {0};
    table_canonical(&one, table);
    struct slice canonical = lv_buffer_slice(&one);
    lv_assert(canonical.n == table.n);
    lv_assert(table_is_valid(canonical));
    lv_assert(table_equal(canonical, table));
    table_canonical(&two, canonical);
    lv_assert(slice_equal(lv_buffer_slice(&two), canonical));
    lv_buffer_free(&one);
    lv_buffer_free(&two);
}

static void check_json(struct slice table)
{
    struct lv_buffer b = {0};
    json_t *json = table_to_json(table);
    lv_assert(json_is_object(json));
    if (table_from_json(&b, json) == 0)
        lv_assert(table_is_valid(lv_buffer_slice(&b)));
    json_decref(json);
    lv_buffer_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct slice table = slice_of(bytes, n);
    struct lv_buffer text = {0};
    table_describe(&text, table);
    table_print(&text, table);
    lv_buffer_free(&text);
    if (!table_is_valid(table))
        return 0;
    check_written(table);
    check_canonical(table);
    check_json(table);
    return 0;
}
