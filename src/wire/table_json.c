/* Field tables as JSON, and back. */
#include "wire/table_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "wire/floats.h"

/* --- to JSON ---------------------------------------------------------------------------------- */

static void put_base64(struct lv_buffer *out, struct slice s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < s.n; i += 3) {
        size_t left = s.n - i;
        uint32_t three = (uint32_t)s.p[i] << 16 | (left > 1 ? (uint32_t)s.p[i + 1] << 8 : 0) |
                         (left > 2 ? s.p[i + 2] : 0u);
        char four[4] = {digits[three >> 18], digits[three >> 12 & 63],
                        left > 1 ? digits[three >> 6 & 63] : '=',
                        left > 2 ? digits[three & 63] : '='};
        lv_buffer_add(out, four, sizeof four);
    }
}

/* jansson accepts only strict UTF-8; what it refuses is shown in base64. */
json_t *text_to_json(struct slice s)
{
    json_t *json = json_stringn(s.n ? (const char *)s.p : "", s.n);
    if (json)
        return json;
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "Not UTF-8, base64 is: ");
    put_base64(&text, s);
    json = json_stringn((const char *)text.p, text.n);
    lv_buffer_free(&text);
    lv_assert(json != NULL); /* this text is ASCII */
    return json;
}

static json_t *decimal_to_json(const struct field *f)
{
    char text[40];
    snprintf(text, sizeof text, "%" PRId64 "e-%u", f->i, f->scale);
    return json_real(strtod(text, NULL));
}

static json_t *timestamp_to_json(uint64_t seconds)
{
    return seconds <= INT64_MAX ? json_integer((json_int_t)seconds) : json_real((double)seconds);
}

static json_t *array_to_json(struct slice rest)
{
    json_t *array = json_array();
    struct field f;
    while (array_next(&rest, &f))
        json_array_append_new(array, field_to_json(&f));
    return array;
}

json_t *float_to_json(double value)
{
    const char *name = float_name(value);
    return name ? json_string(name) : json_real(value);
}

json_t *field_to_json(const struct field *f)
{
    switch (f->type) {
    case FIELD_LONGSTR:
    case FIELD_BINARY: return text_to_json(f->bytes);
    case FIELD_TABLE: return table_to_json(f->bytes);
    case FIELD_ARRAY: return array_to_json(f->bytes);
    case FIELD_BOOL: return json_boolean(f->b);
    case FIELD_FLOAT:
    case FIELD_DOUBLE: return float_to_json(f->f);
    case FIELD_DECIMAL: return decimal_to_json(f);
    case FIELD_TIMESTAMP: return timestamp_to_json((uint64_t)f->i);
    case FIELD_VOID: return json_string("undefined");
    }
    return json_integer(f->i);
}

json_t *table_to_json(struct slice table)
{
    json_t *object = json_object();
    struct slice name;
    struct field f;
    while (table_next(&table, &name, &f)) {
        json_t *key = text_to_json(name);
        json_object_setn_new_nocheck(object, json_string_value(key), json_string_length(key),
                                     field_to_json(&f));
        json_decref(key);
    }
    return object;
}

/* --- from JSON -------------------------------------------------------------------------------- */

static bool put_members(struct table_writer *w, const json_t *object);
static bool put_items(struct table_writer *w, const json_t *array);

static bool put_json(struct table_writer *w, const char *name, const json_t *value)
{
    bool is_good = true;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        if (w->depth == TABLE_DEPTH_MAX)
            return false;
        if (json_is_object(value)) {
            table_put_table(w, name);
            is_good = put_members(w, value);
        } else {
            table_put_array(w, name);
            is_good = put_items(w, value);
        }
        table_end(w);
        return is_good;
    case JSON_STRING:
        table_put_str(w, name, slice_of(json_string_value(value), json_string_length(value)));
        return true;
    case JSON_INTEGER: table_put_long(w, name, json_integer_value(value)); return true;
    case JSON_REAL: table_put_double(w, name, json_real_value(value)); return true;
    case JSON_TRUE:
    case JSON_FALSE: table_put_bool(w, name, json_is_true(value)); return true;
    case JSON_NULL: table_put_void(w, name); return true;
    }
    return false;
}

static bool put_items(struct table_writer *w, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (!put_json(w, NULL, json_array_get(array, i)))
            return false;
    }
    return true;
}

static bool put_members(struct table_writer *w, const json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (strlen(name) > SHORTSTR_BYTES_MAX || !put_json(w, name, value))
            return false;
    }
    return true;
}

int table_from_json(struct lv_buffer *out, const json_t *object)
{
    size_t start = out->n;
    struct table_writer w;
    table_begin(&w, out);
    if (json_is_object(object) && put_members(&w, object))
        return 0;
    out->n = start;
    return ERR_INVALID;
}
