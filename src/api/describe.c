/* Descriptions of the API, made from its tables. */
#include "api/describe.h"

#include <ctype.h>
#include <string.h>

#include "api/api_private.h"

static const char *const access_names[] = {
    [API_PUBLIC] = "everybody",
    [API_MANAGEMENT] = "any tag",
    [API_VHOST] = "any tag, with access to the vhost",
    [API_MONITORING] = "monitoring",
    [API_POLICYMAKER] = "policymaker, with access to the vhost",
    [API_ADMINISTRATOR] = "administrator",
};

/* --- going through the routes ----------------------------------------------------------------- */

struct route_iter {
    size_t family, index;
};

/* Returns the next route, or NULL. */
static const struct api_route *route_next(struct route_iter *it)
{
    while (api_families[it->family]) {
        const struct api_route *route = &api_families[it->family][it->index++];
        if (route->method)
            return route;
        it->family++;
        it->index = 0;
    }
    return NULL;
}

/* Returns whether an earlier route has this path. */
static bool is_path_known(const struct api_route *route)
{
    struct route_iter it = {0};
    const struct api_route *other;
    while ((other = route_next(&it)) != route) {
        if (strcmp(other->path, route->path) == 0)
            return true;
    }
    return false;
}

/* Returns the route with the shortest path of those that answer with these fields. */
static const struct api_route *route_of_fields(const struct column *fields)
{
    struct route_iter it = {0};
    const struct api_route *route, *best = NULL;
    while ((route = route_next(&it))) {
        if (route->answer == fields && (!best || strlen(route->path) < strlen(best->path)))
            best = route;
    }
    return best;
}

/* --- parts of texts --------------------------------------------------------------------------- */

/* Takes the next member off a route's `body`: "durable:boolean arguments:object name:string!". */
struct member {
    struct slice name, type;
    bool is_needed;
};

static bool member_next(const char **row, struct member *ret)
{
    if (!*row || !**row)
        return false;
    size_t n = strcspn(*row, " "), colon = strcspn(*row, ":");
    ret->is_needed = (*row)[n - 1] == '!';
    ret->name = slice_of(*row, colon);
    ret->type = slice_of(*row + colon + 1, n - colon - 1 - ret->is_needed);
    *row += n + ((*row)[n] == ' ');
    return true;
}

/* Takes the next {name} out of a path. */
static bool parameter_next(const char **path, struct slice *ret)
{
    const char *begin = strchr(*path, '{');
    if (!begin)
        return false;
    size_t n = strcspn(begin, "}");
    *ret = slice_of(begin + 1, n - 1);
    *path = begin + n;
    return true;
}

/* --- OpenAPI ---------------------------------------------------------------------------------- */

static void write_pair(struct json_writer *w, const char *key, const char *text)
{
    json_write_key(w, key);
    json_write_text(w, text);
}

/* Begins an object that is a member. */
static void begin_member(struct json_writer *w, const char *key)
{
    json_write_key(w, key);
    json_write_begin(w, '{');
}

/* The JSON type of a field; NULL: any. */
static const char *type_of_field(const char *type)
{
    static const struct {
        const char *begin, *json;
    } types[] = {
        {"BOOL", "boolean"},      {"NUMBER", "integer"},    {"INTEGER", "integer"},
        {"STATISTIC", "integer"}, {"REAL", "number"},       {"STRING", "string"},
        {"TEXT", "string"},       {"OPTIONAL", "string"},   {"CLOCK", "string"},
        {"IDLE_SINCE", "string"}, {"BINDING", "string"},    {"TABLE", "object"},
        {"ARGUMENTS", "object"},  {"DEFINITION", "object"}, {"DETAILS", "object"},
        {"OBJECT", "object"},     {"CLUSTER", "object"},    {"WORDS", "array"},
        {"NODES", "array"},       {"SAMPLES", "array"},
    };
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++) {
        if (strncmp(type, types[i].begin, strlen(types[i].begin)) == 0)
            return types[i].json;
    }
    return NULL;
}

static void write_type(struct json_writer *w, const char *type)
{
    if (!type)
        return;
    write_pair(w, "type", type);
    if (strcmp(type, "array") == 0) {
        begin_member(w, "items");
        json_write_end(w, '}');
    }
}

/* What a statistic's rate is shown with; the samples' means only if those are asked for. */
static const struct column details_fields[] = {{"avg", NULL, "REAL"},
                                               {"avg_rate", NULL, "REAL"},
                                               {"rate", NULL, "REAL"},
                                               {"samples", NULL, "SAMPLES"},
                                               COLUMNS_END};

/* Writes the members of an object whose names begin with the first `depth` bytes of those of the
 * fields, up to the field that does not; returns that one. */
static const struct column *write_properties(struct json_writer *w, const struct column *fields,
                                             size_t depth)
{
    const char *prefix = fields->name;
    const struct column *field = fields;
    write_pair(w, "type", "object");
    begin_member(w, "properties");
    while (field->name && strncmp(field->name, prefix, depth) == 0) {
        const char *name = field->name + depth;
        size_t n = strcspn(name, ".");
        if (n == 0) { /* a row for the object itself */
            field++;
            continue;
        }
        json_write_key_n(w, name, n);
        json_write_begin(w, '{');
        if (name[n] == '.') {
            field = write_properties(w, field, depth + n + 1);
        } else {
            if (strncmp(field->type, "DETAILS", strlen("DETAILS")) == 0)
                write_properties(w, details_fields, 0);
            else
                write_type(w, type_of_field(field->type));
            field++;
        }
        json_write_end(w, '}');
    }
    json_write_end(w, '}');
    return field;
}

/* Appends the name of the schema of these fields: the path of their route without its
 * parameters. */
static void append_schema_name(struct lv_buffer *out, const struct column *fields)
{
    bool is_in_parameter = false, is_upper = false;
    for (const char *p = route_of_fields(fields)->path + 1; *p; p++) {
        is_in_parameter = *p == '{' || (is_in_parameter && *p != '}');
        if (is_in_parameter || !isalnum((unsigned char)*p)) {
            is_upper = true;
            continue;
        }
        lv_buffer_add_u8(out, (uint8_t)(is_upper ? toupper((unsigned char)*p) : *p));
        is_upper = false;
    }
}

static void write_schema_reference(struct json_writer *w, const struct column *fields)
{
    struct lv_buffer name = {0};
    lv_buffer_printf(&name, "#/components/schemas/");
    append_schema_name(&name, fields);
    json_write_key(w, "$ref");
    json_write_string(w, lv_buffer_slice(&name));
    lv_buffer_free(&name);
}

static void write_schemas(struct json_writer *w)
{
    struct route_iter it = {0};
    const struct api_route *route;
    begin_member(w, "schemas");
    while ((route = route_next(&it))) {
        if (!route->answer || route_of_fields(route->answer) != route)
            continue;
        struct lv_buffer name = {0};
        append_schema_name(&name, route->answer);
        json_write_key_n(w, (const char *)name.p, name.n);
        json_write_begin(w, '{');
        write_properties(w, route->answer, 0);
        json_write_end(w, '}');
        lv_buffer_free(&name);
    }
    json_write_end(w, '}');
}

static void write_parameter(struct json_writer *w, struct slice name, const char *in,
                            const char *type)
{
    json_write_begin(w, '{');
    json_write_key(w, "name");
    json_write_string(w, name);
    write_pair(w, "in", in);
    json_write_key(w, "required");
    json_write_bool(w, strcmp(in, "path") == 0);
    begin_member(w, "schema");
    write_pair(w, "type", type);
    json_write_end(w, '}');
    json_write_end(w, '}');
}

static void write_query(struct json_writer *w, const char *const *names, const char *type)
{
    for (; *names; names++)
        write_parameter(w, slice_str(*names), "query", type);
}

static void write_parameters(struct json_writer *w, const struct api_route *route)
{
    static const char *const list[] = {"columns", "sort", NULL};
    static const char *const list_flags[] = {"sort_reverse", NULL};
    static const char *const page[] = {"page", "page_size", NULL};
    static const char *const page_names[] = {"name", NULL};
    static const char *const page_flags[] = {"use_regex", NULL};
    const char *path = route->path;
    struct slice name;
    json_write_key(w, "parameters");
    json_write_begin(w, '[');
    while (parameter_next(&path, &name))
        write_parameter(w, name, "path", "string");
    if (route->is_list) {
        write_query(w, list, "string");
        write_query(w, list_flags, "boolean");
    }
    if (route->is_paged) {
        write_query(w, page, "integer");
        write_query(w, page_names, "string");
        write_query(w, page_flags, "boolean");
    }
    json_write_end(w, ']');
}

static void write_member(struct json_writer *w, const struct member *member)
{
    json_write_key_n(w, (const char *)member->name.p, member->name.n);
    json_write_begin(w, '{');
    if (slice_is(member->type, "text")) {
        write_type(w, "string");
    } else if (slice_is(member->type, "array")) {
        write_type(w, "array");
    } else if (!slice_is(member->type, "any")) {
        json_write_key(w, "type");
        json_write_string(w, member->type);
    }
    json_write_end(w, '}');
}

static void write_needed(struct json_writer *w, const char *row)
{
    struct member member;
    json_write_key(w, "required");
    json_write_begin(w, '[');
    while (member_next(&row, &member)) {
        if (member.is_needed)
            json_write_string(w, member.name);
    }
    json_write_end(w, ']');
}

static void write_body(struct json_writer *w, const struct api_route *route)
{
    const char *row = route->body;
    struct member member;
    if (!row)
        return;
    begin_member(w, "requestBody");
    begin_member(w, "content");
    begin_member(w, "application/json");
    begin_member(w, "schema");
    write_pair(w, "type", "object");
    begin_member(w, "properties");
    while (member_next(&row, &member))
        write_member(w, &member);
    json_write_end(w, '}');
    if (strchr(route->body, '!'))
        write_needed(w, route->body);
    for (int i = 0; i < 4; i++)
        json_write_end(w, '}');
}

static void write_answer_schema(struct json_writer *w, const struct api_route *route)
{
    begin_member(w, "schema");
    if (route->is_list) {
        write_pair(w, "type", "array");
        begin_member(w, "items");
        write_schema_reference(w, route->answer);
        json_write_end(w, '}');
    } else {
        write_schema_reference(w, route->answer);
    }
    json_write_end(w, '}');
}

static void write_answers(struct json_writer *w, const struct api_route *route)
{
    begin_member(w, "responses");
    begin_member(w, "2XX");
    write_pair(w, "description", "It was done.");
    if (route->answer) {
        begin_member(w, "content");
        begin_member(w, "application/json");
        write_answer_schema(w, route);
        json_write_end(w, '}');
        json_write_end(w, '}');
    }
    json_write_end(w, '}');
    begin_member(w, "4XX");
    write_pair(w, "description", "It was refused: see `error` and `reason`.");
    json_write_end(w, '}');
    json_write_end(w, '}');
}

static void write_operation(struct json_writer *w, const struct api_route *route)
{
    struct lv_buffer method = {0}, who = {0};
    for (const char *p = route->method; *p; p++)
        lv_buffer_add_u8(&method, (uint8_t)tolower((unsigned char)*p));
    lv_buffer_printf(&who, "For: %s.", access_names[route->access]);
    json_write_key_n(w, (const char *)method.p, method.n);
    json_write_begin(w, '{');
    write_pair(w, "summary", route->summary);
    json_write_key(w, "description");
    json_write_string(w, lv_buffer_slice(&who));
    if (route->access == API_PUBLIC) {
        json_write_key(w, "security");
        json_write_begin(w, '[');
        json_write_end(w, ']');
    }
    write_parameters(w, route);
    write_body(w, route);
    write_answers(w, route);
    json_write_end(w, '}');
    lv_buffer_free(&method);
    lv_buffer_free(&who);
}

static void write_paths(struct json_writer *w)
{
    struct route_iter it = {0};
    const struct api_route *route;
    begin_member(w, "paths");
    while ((route = route_next(&it))) {
        if (is_path_known(route))
            continue;
        begin_member(w, route->path);
        struct route_iter others = {0};
        const struct api_route *other;
        while ((other = route_next(&others))) {
            if (strcmp(other->path, route->path) == 0)
                write_operation(w, other);
        }
        json_write_end(w, '}');
    }
    json_write_end(w, '}');
}

static void write_scheme(struct json_writer *w, const char *name)
{
    begin_member(w, name);
    write_pair(w, "type", "http");
    write_pair(w, "scheme", name);
    json_write_end(w, '}');
}

static void write_security(struct json_writer *w)
{
    static const char *const names[] = {"basic", "bearer"};
    json_write_key(w, "security");
    json_write_begin(w, '[');
    for (size_t i = 0; i < 2; i++) {
        json_write_begin(w, '{');
        json_write_key(w, names[i]);
        json_write_begin(w, '[');
        json_write_end(w, ']');
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
}

void api_describe_openapi(struct lv_buffer *out)
{
    struct json_writer w = {.out = out};
    json_write_begin(&w, '{');
    write_pair(&w, "openapi", "3.0.3");
    begin_member(&w, "info");
    write_pair(&w, "title", "Leveret's HTTP API");
    write_pair(&w, "version", LEVERET_VERSION);
    json_write_end(&w, '}');
    json_write_key(&w, "servers");
    json_write_begin(&w, '[');
    json_write_begin(&w, '{');
    write_pair(&w, "url", "/api");
    json_write_end(&w, '}');
    json_write_end(&w, ']');
    write_security(&w);
    begin_member(&w, "components");
    begin_member(&w, "securitySchemes");
    write_scheme(&w, "basic");
    write_scheme(&w, "bearer");
    json_write_end(&w, '}');
    write_schemas(&w);
    json_write_end(&w, '}');
    write_paths(&w);
    json_write_end(&w, '}');
    lv_buffer_add_u8(out, '\n');
}

/* --- text ------------------------------------------------------------------------------------- */

static void append_body(struct lv_buffer *out, const struct api_route *route)
{
    const char *row = route->body, *before = " Body: ";
    for (struct member member; member_next(&row, &member); before = ", ")
        lv_buffer_printf(out, "%s`%.*s`%s", before, SLICE_ARG(member.name),
                         member.is_needed ? " (needed)" : "");
    if (route->body && route->body[0])
        lv_buffer_printf(out, ".");
}

void api_describe_markdown(struct lv_buffer *out)
{
    struct route_iter it = {0};
    const struct api_route *route;
    lv_buffer_printf(out, "| | path | who | |\n| --- | --- | --- | --- |\n");
    while ((route = route_next(&it))) {
        lv_buffer_printf(out, "| %s | `%s` | %s | %s", route->method, route->path,
                         access_names[route->access], route->summary);
        append_body(out, route);
        lv_buffer_printf(out, "%s |\n", route->is_paged ? " In pages." : "");
    }
}

static void append_html(struct lv_buffer *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<' || *text == '>' || *text == '&')
            lv_buffer_printf(out, "&#%d;", *text);
        else
            lv_buffer_add_u8(out, (uint8_t)*text);
    }
}

void api_describe_html(struct lv_buffer *out)
{
    struct route_iter it = {0};
    const struct api_route *route;
    lv_buffer_printf(out, "<p>The same as <a href=\"openapi.json\">OpenAPI</a>.</p>\n<table>\n"
                          "<thead><tr><th scope=\"col\">Method</th><th scope=\"col\">Path</th>"
                          "<th scope=\"col\">Who</th><th scope=\"col\">What it does</th></tr>"
                          "</thead>\n<tbody>\n");
    while ((route = route_next(&it))) {
        lv_buffer_printf(out, "<tr><td>%s</td><td><code>/api%s</code></td><td>%s</td><td>",
                         route->method, route->path, access_names[route->access]);
        append_html(out, route->summary);
        lv_buffer_printf(out, "</td></tr>\n");
    }
    lv_buffer_printf(out, "</tbody></table>\n");
}
