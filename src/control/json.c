/* Values as the control protocol's JSON (docs/formats/control.md). */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "base/assert.h"
#include "base/memory.h"
#include "broker/policy.h"
#include "control/control_private.h"
#include "wire/properties.h"
#include "wire/table.h"
#include "wire/table_json.h"

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

static json_t *json_of_table(struct slice table)
{
    json_t *object = json_object();
    json_object_set_new(object, "table", fields_of(table));
    return object;
}

/* Arguments that the broker does not know have `true` after their value. */
static json_t *json_of_arguments(struct slice table, bool (*is_known)(struct slice name))
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

/* Returns ["administrator", "monitoring"] for "administrator,monitoring". */
static json_t *json_of_words(struct slice tags)
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

/* --- policies --------------------------------------------------------------------------------- */

/* Returns [TYPE, VALUE] as in tables. A value whose type tables do not have is shown as text: its
 * JSON. */
static json_t *json_typed(const json_t *value)
{
    const char *type = "longstr";
    json_t *shown = NULL;
    if (json_is_string(value) || json_is_integer(value) || json_is_boolean(value)) {
        type = json_is_string(value) ? "longstr" : json_is_integer(value) ? "long" : "bool";
        shown =
            json_copy((json_t *)(uintptr_t)value); /* a copy, because other threads use the value */
    } else {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        shown = json_string(text);
        free(text);
    }
    return json_pack("[s, o]", type, shown);
}

static json_t *json_of_definition(const struct effective_policy *policy)
{
    json_t *fields = json_array();
    const char *name;
    json_t *value;
    json_object_foreach(policy ? policy->definition : NULL, name, value)
    {
        json_t *field = json_typed(value);
        json_array_insert_new(field, 0, json_string(name));
        json_array_append_new(fields, field);
    }
    return json_pack("{s: o}", "table", fields);
}

/* --- messages --------------------------------------------------------------------------------- */

static json_t *property_of_octet(const char **ret_type, uint8_t value)
{
    *ret_type = "byte";
    return json_integer(value);
}

static json_t *property_of_longlong(const char **ret_type, uint64_t value)
{
    *ret_type = "timestamp";
    return json_of_u64(value);
}

static json_t *property_of_shortstr(const char **ret_type, struct slice value)
{
    *ret_type = "longstr";
    return json_of_slice(value);
}

/* The headers have a column of their own. */
static json_t *property_of_table(const char **ret_type, struct slice value)
{
    (void)value;
    *ret_type = NULL;
    return NULL;
}

static void property_add(json_t *list, const char *name, const char *type, json_t *value)
{
    if (type)
        json_array_append_new(list, json_pack("[sso]", name, type, value));
}

static json_t *json_of_properties(struct slice header)
{
    struct properties p = {0};
    if (!properties_read(header, &p))
        p = (struct properties){0}; /* stored by a version that accepted malformed properties */
    json_t *list = json_array();
#define ADD(wire_type, name, NAME, bit)                                                            \
    if (p.flags & PROPERTY_##NAME) {                                                               \
        const char *type;                                                                          \
        json_t *value = property_of_##wire_type(&type, p.name);                                    \
        property_add(list, #name, type, value);                                                    \
    }
    PROPERTIES(ADD)
#undef ADD
    return json_pack("{s:o}", "table", list);
}

/* Returns text as it is, other bytes in base64. */
static json_t *json_of_bytes(struct slice s, bool is_text)
{
    if (is_text)
        return json_stringn(s.n ? (const char *)s.p : "", s.n);
    lv_assert(s.n <= INT_MAX / 2);
    uint8_t *text = lv_malloc(s.n / 3 * 4 + 5);
    int n = EVP_EncodeBlock(text, s.p, (int)s.n);
    json_t *value = json_stringn((const char *)text, (size_t)n);
    free(text);
    return value;
}

/* --- values of columns ------------------------------------------------------------------------ */

static json_t *json_of_time(uint64_t ms)
{
    char text[64];
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    size_t n =
        gmtime_r(&seconds, &utc) ? strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc) : 0;
    return json_sprintf("%.*s.%03uZ", (int)n, text, (unsigned)(ms % 1000));
}

json_t *json_of_value(const struct manage *m, const struct value *v)
{
    const char *node = m->node_name;
    switch (v->type) {
    case VALUE_ABSENT:
    case VALUE_TREE:
    case VALUE_OBJECT: /* of the HTTP API */
    case VALUE_NOTHING: return json_string("");
    case VALUE_BOOL: return json_boolean(v->yes);
    case VALUE_NUMBER: return json_of_u64(v->number);
    case VALUE_INTEGER: return json_integer(v->integer);
    case VALUE_REAL: return json_real(v->real);
    case VALUE_JSON:
    case VALUE_STRING: return json_of_slice(v->string);
    case VALUE_TABLE: return json_of_table(v->string);
    case VALUE_ARGUMENTS: return json_of_arguments(v->arguments.table, v->arguments.is_known);
    case VALUE_WORDS: return json_of_words(v->string);
    case VALUE_TIME: return json_of_time(v->number);
    case VALUE_SESSION:
        return json_sprintf("<%s.1.%" PRIu64 ".%u>", node, v->session.connection,
                            v->session.channel);
    case VALUE_HOME: return json_sprintf("<%s.0.%" PRIu64 ".0>", node, v->number);
    case VALUE_NODES: return json_pack("[s]", node);
    case VALUE_CLUSTER: return json_sprintf("[{%s, running}]", node);
    case VALUE_BYTES: return json_of_bytes(v->bytes.content, v->bytes.is_text);
    case VALUE_PROPERTIES: return json_of_properties(v->string);
    case VALUE_DEFINITION: return json_of_definition(v->policy);
    case VALUE_OPTIONAL:
    case VALUE_CLOCK:
    case VALUE_DETAILS:
    case VALUE_BINDING_KEY: break; /* of the HTTP API: no column has them */
    }
    lv_assert(false);
}
