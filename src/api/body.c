/* The body of a request: it is parsed, and its members are checked against the route's row. */
#include <stdlib.h>
#include <string.h>

#include "api/api_private.h"
#include "base/assert.h"
#include "manage/json_parts.h"
#include "wire/erlang_json.h"

const json_t *api_member(const struct api_call *c, const char *name)
{
    return json_object_get(c->body, name);
}

struct slice api_string(const struct api_call *c, const char *name)
{
    const json_t *value = api_member(c, name);
    return json_is_string(value) ? slice_of(json_string_value(value), json_string_length(value))
                                 : SLICE_EMPTY;
}

bool api_bool(const struct api_call *c, const char *name, bool absent)
{
    const json_t *value = api_member(c, name);
    return value ? json_is_true(value) : absent;
}

int64_t api_integer(const struct api_call *c, const char *name, int64_t absent)
{
    const json_t *value = api_member(c, name);
    return json_is_integer(value) ? json_integer_value(value) : absent;
}

static bool type_fits(struct slice type, const json_t *value)
{
    return slice_is(type, "any") ||
           ((slice_is(type, "string") || slice_is(type, "text")) && json_is_string(value)) ||
           (slice_is(type, "boolean") && json_is_boolean(value)) ||
           (slice_is(type, "integer") && json_is_integer(value)) ||
           (slice_is(type, "number") && json_is_number(value)) ||
           (slice_is(type, "object") && json_is_object(value)) ||
           (slice_is(type, "array") && json_is_array(value));
}

/* Returns what a value that has another type stands for, as in RabbitMQ: "true" is a boolean, "5"
 * an integer, 5 a string, [] an object. Returns NULL if it stands for nothing. */
static json_t *value_convert(struct slice type, const json_t *value)
{
    const char *text = json_is_string(value) ? json_string_value(value) : NULL;
    if (text && slice_is(type, "boolean") &&
        (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        return json_boolean(text[0] == 't');
    if (text && *text && slice_is(type, "integer")) {
        char *end;
        long long n = strtoll(text, &end, 10);
        return *end == '\0' ? json_integer(n) : NULL;
    }
    if (json_is_empty_list(value) && slice_is(type, "object"))
        return json_object();
    if (json_is_integer(value) && slice_is(type, "string"))
        return json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return NULL;
}

/* --- members ---------------------------------------------------------------------------------- */

/* A member that a route's row describes: "name:type", or "name:type!" if it is needed. */
struct member {
    char name[64];
    struct slice type;
    bool is_needed;
};

/* Takes the first member off a row. Returns false if it is at its end. */
static bool member_next(const char **row, struct member *ret)
{
    size_t n = strcspn(*row, " ");
    if (n == 0)
        return false;
    size_t colon = strcspn(*row, ":");
    lv_assert(colon < n && colon < sizeof ret->name);
    ret->is_needed = (*row)[n - 1] == '!';
    ret->type = slice_of(*row + colon + 1, n - colon - 1 - ret->is_needed);
    memcpy(ret->name, *row, colon);
    ret->name[colon] = '\0';
    *row += n + ((*row)[n] == ' ');
    return true;
}

/* Takes out a member that is null: many clients write so what they do not set. A text may be a
 * password; whoever wants none says so. */
static void drop_null(struct api_call *c, const struct member *member)
{
    if (json_is_null(json_object_get(c->body, member->name)) && !slice_is(member->type, "any") &&
        !slice_is(member->type, "text"))
        json_object_del(c->body, member->name);
}

/* Converts a member of the body to its row's type. Returns false after refusing. */
static bool member_check(struct api_call *c, const struct member *member)
{
    if (!member->is_needed)
        drop_null(c, member);
    const json_t *value = json_object_get(c->body, member->name);
    if (!value || type_fits(member->type, value))
        return true;
    json_t *converted = value_convert(member->type, value);
    if (converted)
        json_object_set_new(c->body, member->name, converted);
    else
        api_refuse(c, 400, "bad_request", "%s: expected %.*s", member->name,
                   SLICE_ARG(member->type));
    return converted != NULL;
}

static void append_missing(struct lv_buffer *out, const struct api_call *c, const char *between)
{
    struct member member;
    const char *row = c->route->body, *before = "";
    while (member_next(&row, &member)) {
        if (!member.is_needed || json_object_get(c->body, member.name))
            continue;
        lv_buffer_printf(out, "%s{key_missing,%s}", before, member.name);
        before = between;
    }
}

/* Checks that no member is missing. Returns false after naming all that are, as Erlang prints a
 * list: in one line, or in one for each if that is too long. */
static bool check_none_is_missing(struct api_call *c)
{
    enum { LINE = 78 };
    struct lv_buffer text = {0};
    append_missing(&text, c, ",");
    size_t n = text.n;
    if (n > LINE) {
        text.n = 0;
        append_missing(&text, c, ",\n ");
    }
    if (n > 0)
        api_refuse(c, 400, "bad_request", "[%.*s]", SLICE_ARG(lv_buffer_slice(&text)));
    lv_buffer_free(&text);
    return n == 0;
}

/* --- the text --------------------------------------------------------------------------------- */

/* A value in a value ... of what clients send is a few levels deep. Whoever handles it calls itself
 * for each. */
enum { LEVELS_MAX = 128, MEMORY_OF_VALUE = 96 };

struct weight {
    size_t memory; /* about what its values take, beside their strings */
    size_t levels;
};

static struct weight weigh(struct slice text)
{
    size_t values = 0, level = 0, levels = 0;
    bool is_in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t byte = text.p[i];
        if (byte == '"')
            is_in_string = !is_in_string;
        else if (is_in_string && byte == '\\')
            i++;
        if (is_in_string)
            continue;
        bool begins = byte == '[' || byte == '{';
        values += begins || byte == ',' || byte == ':';
        level += begins;
        level -= level > 0 && (byte == ']' || byte == '}');
        levels = level > levels ? level : levels;
    }
    return (struct weight){values * MEMORY_OF_VALUE, levels};
}

/* Parses the body. An empty one, and null, is an empty object. Returns false after refusing in
 * RabbitMQ's words. */
static bool body_parse(struct api_call *c)
{
    struct slice text = json_without_mark(http_body(c->http));
    struct weight weight = weigh(text);
    if (weight.levels > LEVELS_MAX) {
        api_refuse(c, 400, "bad_request", "not_json");
        return false;
    }
    if (!http_reserve(c->http, weight.memory)) {
        api_refuse(c, 503, "service_unavailable", "requests take too much memory: try again later");
        return false;
    }
    json_t *body = text.n == 0 ? json_object()
                               : json_loadb((const char *)text.p, text.n,
                                            JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    c->body = json_is_null(body) ? json_object() : body;
    if (json_is_string(c->body))
        api_refuse(c, 400, "bad_request",
                   "invalid payload: the request body JSON-decoded to a string. Is the input "
                   "doubly-JSON-encoded?");
    else if (!json_is_object(c->body))
        api_refuse(c, 400, "bad_request", "not_json");
    else
        return true;
    return false;
}

bool api_check_body(struct api_call *c)
{
    const char *row = c->route->body;
    if (!row)
        return true;
    if (!body_parse(c) || !check_none_is_missing(c))
        return false;
    struct member member;
    while (member_next(&row, &member))
        if (!member_check(c, &member))
            return false;
    return true;
}
