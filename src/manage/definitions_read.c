/* A file of definitions is read: each object of a list is parsed by itself, and becomes a row. So
 * memory is needed for the rows and one object, not for the JSON of the whole file. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "manage/definitions_reading.h"
#include "manage/json_parts.h"

/* --- JSON of a part --------------------------------------------------------------------------- */

/* Refuses the source because of what is wrong at a position of its text. */
static bool refuse_at(const struct reading *r, size_t at, const char *what,
                      struct manage_error *error)
{
    size_t line, column;
    json_parts_place(r->text, at, &line, &column);
    return manage_refuse(error, REFUSAL_MALFORMED, SUBJECT_DEFINITIONS,
                         "%s%snot JSON: line %zu, column %zu: %s", r->source ? r->source : "",
                         r->source ? ": " : "", line, column, what);
}

static bool refuse_parts(const struct reading *r, const struct json_parts *parts,
                         struct manage_error *error)
{
    char what[128];
    snprintf(what, sizeof what, "%s%s", parts->fault,
             parts->at < r->text.n ? "" : ", and the text ends");
    return refuse_at(r, parts->at, what, error);
}

/* Parses a part of the source's text. Returns NULL after refusing; else the caller owns it. */
static json_t *part_parse(const struct reading *r, struct slice part, struct manage_error *error)
{
    json_error_t fault;
    json_t *json = json_loadb(part.n ? (const char *)part.p : "", part.n,
                              JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);
    if (!json) {
        size_t behind = fault.position > 0 ? (size_t)fault.position - 1 : 0;
        refuse_at(r, (size_t)(part.p - r->text.p) + behind, fault.text, error);
    }
    return json;
}

/* --- lists ------------------------------------------------------------------------------------ */

/* Reads an item of a list into the row behind the last one. A row with a fault is kept: what refers
 * to it is not wrong. */
static void read_item(struct reading *r, json_t *object, size_t index, struct defined_list *list)
{
    r->row = defined_at(list, list->count);
    r->row->source = r->source;
    r->row->index = index;
    if (json_is_object(object)) {
        list->count++;
        row_read(r, object);
    } else {
        report_file_fault(r->report, "%s[%zu]: expected an object, got %s",
                          defined_kind_name(r->kind), index, json_type_name(object));
    }
}

/* Returns a walk over the items of the list that this part is. Whoever walks on parts.text, which
 * ends with the part, has positions of the whole text. */
static struct json_parts list_walk(const struct reading *r, struct slice part)
{
    size_t start = (size_t)(part.p - r->text.p);
    return (struct json_parts){.text = slice_of(r->text.p, start + part.n), .at = start};
}

static bool count_items(struct reading *r, struct slice part, size_t *ret,
                        struct manage_error *error)
{
    struct json_parts parts = list_walk(r, part);
    struct slice item;
    *ret = 0;
    while (json_parts_item(&parts, &item))
        ++*ret;
    return !parts.fault || refuse_parts(r, &parts, error);
}

static bool read_list(struct reading *r, struct slice part, struct defined_list *list,
                      struct manage_error *error)
{
    struct json_parts parts = list_walk(r, part);
    struct slice item;
    size_t count;
    if (!count_items(r, part, &count, error))
        return false;
    list->row_bytes = row_bytes(r->kind);
    list->rows = lv_realloc(list->rows, (list->count + count + 1) * list->row_bytes);
    memset(defined_at(list, list->count), 0, (count + 1) * list->row_bytes);
    for (size_t i = 0; json_parts_item(&parts, &item); i++) {
        json_t *object = part_parse(r, item, error);
        if (!object)
            return false;
        read_item(r, object, i, list);
        json_decref(object);
    }
    r->report->listed[r->kind] += count;
    return true;
}

/* Parses what is not needed, for it must be JSON, too. */
static bool read_unused(struct reading *r, struct slice part, struct manage_error *error)
{
    json_t *json = part_parse(r, part, error);
    json_decref(json);
    return json != NULL;
}

static bool refuse_no_list(struct reading *r, struct slice part, struct manage_error *error)
{
    json_t *json = part_parse(r, part, error);
    if (!json)
        return false;
    report_file_fault(r->report, "%s%s%s: expected a list, got %s", r->source ? r->source : "",
                      r->source ? ": " : "", defined_kind_name(r->kind), json_type_name(json));
    json_decref(json);
    return true;
}

static bool read_kind(struct reading *r, struct slice part, struct manage_error *error)
{
    bool is_list = part.p[0] == '[';
    if (!r->vhost || kind_is_in_vhost(r->kind))
        return is_list ? read_list(r, part, &r->file->lists[r->kind], error)
                       : refuse_no_list(r, part, error);
    report_note(r->report, "%s: ignored, as they do not belong to a vhost",
                defined_kind_name(r->kind));
    return read_unused(r, part, error);
}

/* --- the members of a source ------------------------------------------------------------------ */

/* What is known of a source before its lists are read. */
struct source_parts {
    struct slice lists[DEFINED_KINDS]; /* empty: there is none; of several, the last */
    bool has_version, has_product;
};

static bool is_unused(const char *name)
{
    static const char *const unused[] = {
        "rabbit_version",
        "rabbitmq_version",
        "product_name",
        "product_version",
        "explanation",
        "original_cluster_name",
        "original_vhost_name",
        "description",
        "rabbitmq_definition_format",
        "metadata",
        "default_queue_type",
        "limits",
        "name",
        NULL,
    };
    size_t i = 0;
    while (unused[i] && strcmp(unused[i], name) != 0)
        i++;
    return unused[i] != NULL;
}

/* Returns DEFINED_KINDS if it is the name of something else. */
static enum defined_kind kind_of(struct slice name)
{
    enum defined_kind kind = 0;
    while (kind < DEFINED_KINDS && !slice_is(name, defined_kind_name(kind)))
        kind++;
    return kind;
}

static bool note_member(struct reading *r, const char *name, struct slice part,
                        struct source_parts *found, struct manage_error *error)
{
    enum defined_kind kind = kind_of(slice_str(name));
    if (kind < DEFINED_KINDS) {
        found->lists[kind] = part;
        return true;
    }
    found->has_version |= strcmp(name, "rabbitmq_version") == 0;
    found->has_product |= strcmp(name, "product_name") == 0;
    if (!is_unused(name))
        report_note(r->report, "the unknown key '%s' is ignored", name);
    return read_unused(r, part, error);
}

/* Finds the members of a source, which is an object. */
static bool find_members(struct reading *r, struct json_parts *parts, struct source_parts *found,
                         struct manage_error *error)
{
    struct slice key, part;
    while (json_parts_member(parts, &key, &part)) {
        json_t *name = part_parse(r, key, error);
        bool is_fine = name && note_member(r, json_string_value(name), part, found, error);
        json_decref(name);
        if (!is_fine)
            return false;
    }
    return !parts->fault || refuse_parts(r, parts, error);
}

/* --- the file --------------------------------------------------------------------------------- */

/* Looks at the text before it is parsed, for a parser takes much more memory than the text. */
static bool check_size(struct slice text, struct manage_error *error)
{
    size_t depth = 0, containers = 0;
    bool is_string = false;
    if (text.n > DEFINITIONS_BYTES_MAX)
        return manage_refuse(error, REFUSAL_MALFORMED, SUBJECT_DEFINITIONS,
                             "definitions of %zu bytes: at most %d are read", text.n,
                             DEFINITIONS_BYTES_MAX);
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (is_string) {
            i += c == '\\';
            is_string = c != '"';
            continue;
        }
        is_string = c == '"';
        containers += c == '{' || c == '[';
        depth += c == '{' || c == '[';
        depth -= (c == '}' || c == ']') && depth > 0;
        if (depth > DEFINITIONS_DEPTH_MAX || containers > DEFINITIONS_CONTAINERS_MAX)
            return manage_refuse(error, REFUSAL_MALFORMED, SUBJECT_DEFINITIONS,
                                 "definitions nested deeper than %d, or with more than %d objects "
                                 "and lists, are not read",
                                 DEFINITIONS_DEPTH_MAX, DEFINITIONS_CONTAINERS_MAX);
    }
    return true;
}

/* Returns about how many bytes parsing a part takes. */
static size_t part_memory(struct slice part)
{
    enum { CONTAINER_BYTES = 400, VALUE_BYTES = 64 }; /* of jansson */
    size_t containers = 0, values = 0;
    for (size_t i = 0; i < part.n; i++) {
        containers += part.p[i] == '{' || part.p[i] == '[';
        values += part.p[i] == ',';
    }
    return 2 * part.n + containers * CONTAINER_BYTES + values * VALUE_BYTES;
}

/* Returns what the rows of a list take, and notes the largest of its items. */
static size_t list_memory(const struct reading *r, struct slice part, size_t *largest)
{
    enum { BESIDE_BYTES = 96, LIMITS_BYTES = 600 };
    struct json_parts parts = list_walk(r, part);
    struct slice item;
    size_t rows = 0;
    while (json_parts_item(&parts, &item)) {
        size_t bytes = part_memory(item);
        *largest = bytes > *largest ? bytes : *largest;
        rows++;
    }
    bool has_limits = r->kind == DEFINED_USERS || r->kind == DEFINED_VHOSTS;
    return rows * (row_bytes(r->kind) + BESIDE_BYTES + (has_limits ? LIMITS_BYTES : 0));
}

size_t definitions_memory(struct slice text)
{
    struct reading r = {.text = json_without_mark(text)};
    struct json_parts parts = {.text = r.text};
    struct slice key, part;
    size_t rows = 0, largest = 0;
    if (json_parts_peek(&parts) != '{')
        return text.n + part_memory(r.text);
    while (json_parts_member(&parts, &key, &part)) {
        r.kind = kind_of(slice_of(key.p + 1, key.n > 1 ? key.n - 2 : 0));
        if (r.kind < DEFINED_KINDS && part.p[0] == '[') {
            rows += list_memory(&r, part, &largest);
        } else {
            size_t bytes = part_memory(part);
            largest = bytes > largest ? bytes : largest;
        }
    }
    return text.n + rows + largest;
}

static bool refuse_no_object(const struct reading *r, uint8_t first, struct manage_error *error)
{
    json_t *json = first == '[' ? json_array() : part_parse(r, r->text, error);
    if (json)
        manage_refuse(error, REFUSAL_MALFORMED, SUBJECT_DEFINITIONS,
                      "%s%sdefinitions are an object, not %s", r->source ? r->source : "",
                      r->source ? ": " : "", json_type_name(json));
    json_decref(json);
    return false;
}

static bool read_source(struct reading *r, struct manage_error *error)
{
    struct json_parts parts = {.text = r->text};
    struct source_parts found = {0};
    if (!check_size(r->text, error))
        return false;
    uint8_t first = json_parts_peek(&parts);
    if (first != '{')
        return refuse_no_object(r, first, error);
    if (!find_members(r, &parts, &found, error))
        return false;
    json_parts_peek(&parts);
    if (parts.at < r->text.n)
        return refuse_at(r, parts.at, "the end of the text was expected", error);
    r->file->lacks_internals |= found.has_version && !found.has_product;
    for (r->kind = 0; r->kind < DEFINED_KINDS; r->kind++)
        if (found.lists[r->kind].n > 0 && !read_kind(r, found.lists[r->kind], error))
            return false;
    return true;
}

bool definitions_read(const struct definitions_import *what, struct definitions_report *report,
                      struct definitions_file *ret, struct manage_error *error)
{
    *ret = (struct definitions_file){0};
    for (size_t i = 0; i < what->source_count; i++) {
        const struct definitions_source *source = &what->sources[i];
        struct reading r = {.report = report,
                            .file = ret,
                            .source = source->name,
                            .text = json_without_mark(source->text),
                            .vhost = what->vhost};
        if (!read_source(&r, error))
            return false;
    }
    return true;
}

void definitions_file_free(struct definitions_file *file)
{
    for (enum defined_kind kind = 0; kind < DEFINED_KINDS; kind++) {
        struct defined_list *list = &file->lists[kind];
        for (size_t i = 0; i < list->count; i++)
            row_free(kind, defined_at(list, i));
        free(list->rows);
    }
    texts_free(&file->texts);
    *file = (struct definitions_file){0};
}
