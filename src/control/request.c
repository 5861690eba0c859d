/* What commands share: arguments, JSON of the broker's things, columns. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "control/control_private.h"
#include "manage/places.h"
#include "topology/vhost.h"
#include "wire/table.h"
#include "wire/table_json.h"

struct slice request_string(const struct request *r, const char *name)
{
    const json_t *value = json_object_get(r->arguments, name);
    return slice_of(json_string_value(value), json_string_length(value));
}

bool request_has(const struct request *r, const char *name)
{
    return json_object_get(r->arguments, name) != NULL;
}

bool request_flag(const struct request *r, const char *name)
{
    return json_is_true(json_object_get(r->arguments, name));
}

bool request_count(struct request *r, const char *name, uint64_t absent, uint64_t *ret)
{
    const json_t *value = json_object_get(r->arguments, name);
    *ret = absent;
    if (!value)
        return true;
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        request_refuse(r, "bad_request", "%s: a number from 0 on is needed", name);
        return false;
    }
    *ret = (uint64_t)json_integer_value(value);
    return true;
}

bool request_pause(const struct request *r, int ms)
{
    struct pollfd stop = {.fd = r->stop_fd, .events = POLLIN};
    bool had_place = place_pause();
    bool goes_on = poll(&stop, 1, ms) == 0;
    place_resume(had_place);
    return goes_on;
}

struct vhost *request_vhost(struct request *r)
{
    struct slice name = request_string(r, "vhost");
    struct vhost *vhost = vhost_find(r->world->broker, name);
    if (!vhost)
        request_refuse(r, "no_such_vhost", "Virtual host '%.*s' does not exist", SLICE_ARG(name));
    return vhost;
}

/* --- JSON --------------------------------------------------------------------------------- */

/* JSON's integers end at 2^63 - 1 here: what is larger, and can be only a client's, goes as its digits. */
json_t *json_of_u64(uint64_t n)
{
    return n <= INT64_MAX ? json_integer((json_int_t)n) : json_sprintf("%" PRIu64, n);
}

json_t *json_of_slice(struct slice s)
{
    json_t *value = json_stringn(s.n ? (const char *)s.p : "", s.n);
    if (value)
        return value;
    struct lv_buffer text = {0};
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] >= 0x20 && s.p[i] < 0x7f)
            lv_buffer_add_u8(&text, s.p[i]);
        else
            lv_buffer_printf(&text, "\\x%02x", s.p[i]);
    }
    value = json_stringn((const char *)text.p, text.n);
    lv_buffer_free(&text);
    return value;
}

static json_t *fields_of(struct slice table);
static json_t *values_of(struct slice array);

static json_t *value_of(const struct field *f)
{
    switch (f->type) {
    case FIELD_LONGSTR:
    case FIELD_BINARY: return json_of_slice(f->bytes);
    case FIELD_TABLE: return fields_of(f->bytes);
    case FIELD_ARRAY: return values_of(f->bytes);
    case FIELD_BOOL: return json_boolean(f->b);
    case FIELD_VOID: return json_null();
    case FIELD_DOUBLE:
    case FIELD_FLOAT: return float_to_json(f->f);
    case FIELD_TIMESTAMP: return json_of_u64((uint64_t)f->i);
    case FIELD_DECIMAL: return json_pack("[iI]", (int)f->scale, (json_int_t)f->i);
    default: return json_integer(f->i);
    }
}

static json_t *fields_of(struct slice table)
{
    json_t *list = json_array();
    struct slice name;
    struct field f;
    while (table_next(&table, &name, &f)) {
        json_t *one = json_array();
        json_array_append_new(one, json_of_slice(name));
        json_array_append_new(one, json_string(field_type_name(f.type)));
        json_array_append_new(one, value_of(&f));
        json_array_append_new(list, one);
    }
    return list;
}

static json_t *values_of(struct slice array)
{
    json_t *list = json_array();
    struct field f;
    while (array_next(&array, &f)) {
        json_t *one = json_array();
        json_array_append_new(one, json_string(field_type_name(f.type)));
        json_array_append_new(one, value_of(&f));
        json_array_append_new(list, one);
    }
    return list;
}

json_t *json_of_table(struct slice table)
{
    json_t *object = json_object();
    json_object_set_new(object, "table", fields_of(table));
    return object;
}

json_t *json_of_arguments(struct slice table, bool (*is_known)(struct slice name))
{
    json_t *object = json_of_table(table);
    json_t *fields = json_object_get(object, "table");
    struct slice name;
    struct field f;
    for (size_t i = 0; table_next(&table, &name, &f); i++) {
        if (!is_known(name))
            json_array_append_new(json_array_get(fields, i), json_true());
    }
    return object;
}

json_t *json_of_tags(struct slice tags)
{
    json_t *list = json_array();
    while (tags.n > 0) {
        const uint8_t *comma = memchr(tags.p, ',', tags.n);
        size_t n = comma ? (size_t)(comma - tags.p) : tags.n;
        json_array_append_new(list, json_of_slice(slice_of(tags.p, n)));
        n += comma != NULL;
        tags = slice_of(tags.p + n, tags.n - n);
    }
    return list;
}

json_t *json_of_pid(const struct request *r, uint64_t connection_id, unsigned channel)
{
    return json_sprintf("<%s.1.%" PRIu64 ".%u>", r->world->node_name, connection_id, channel);
}

/* --- columns ------------------------------------------------------------------------------ */

static const struct column *column_find(const struct column *all, const char *name)
{
    for (; all->name; all++)
        if (strcmp(all->name, name) == 0)
            return all;
    return NULL;
}

/* Refuses, naming all that is unknown in one go. */
static void columns_refuse(struct request *r, const struct column *all)
{
    struct lv_buffer text = {0};
    json_t *name;
    size_t i;
    json_array_foreach(json_object_get(r->arguments, "columns"), i, name)
    {
        const char *s = json_string_value(name);
        if (!s || !column_find(all, s))
            lv_buffer_printf(&text, "%s%s", text.n ? "," : "", s ? s : "?");
    }
    request_refuse(r, "unknown_columns", "%.*s", SLICE_ARG(lv_buffer_slice(&text)));
    lv_buffer_free(&text);
}

bool columns_choose(struct request *r, const struct column *all, struct columns *ret)
{
    json_t *names = json_object_get(r->arguments, "columns");
    size_t count = json_array_size(names);
    if (count == 0 || count > COLUMNS_MAX) {
        request_refuse(r, "bad_request", "columns: from 1 to %d names are needed", COLUMNS_MAX);
        return false;
    }
    ret->count = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        const struct column *column = name ? column_find(all, name) : NULL;
        if (!column) {
            columns_refuse(r, all);
            return false;
        }
        ret->chosen[ret->count++] = column;
    }
    place_take();
    return true;
}

json_t *columns_json(const struct request *r, const struct columns *columns, const void *row)
{
    json_t *line = json_array();
    for (size_t i = 0; i < columns->count; i++)
        json_array_append_new(line, columns->chosen[i]->value(r, row));
    return line;
}

void columns_row(struct request *r, const struct columns *columns, const void *row)
{
    request_row(r, columns_json(r, columns, row));
}

void request_rows(struct request *r, json_t *rows)
{
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row) request_row(r, json_incref(row));
    json_decref(rows);
}
