/* Values as the API shows them. */
#include <time.h>

#include "api/api_private.h"
#include "api/binding_props.h"
#include "api/statistic_values.h"
#include "base/assert.h"
#include "broker/policy.h"
#include "wire/table_json.h"

/* "a,b" as ["a","b"]. */
static void write_words(struct json_writer *w, struct slice words)
{
    size_t begin = 0;
    json_write_begin(w, '[');
    for (size_t i = 0; i <= words.n && words.n > 0; i++) {
        if (i < words.n && words.p[i] != ',')
            continue;
        json_write_string(w, slice_of(words.p + begin, i - begin));
        begin = i + 1;
    }
    json_write_end(w, ']');
}

static void write_nodes(struct api_call *c)
{
    json_write_begin(&c->json, '[');
    json_write_text(&c->json, c->manage->node_name);
    json_write_end(&c->json, ']');
}

/* {"leveret@host": "running"} */
static void write_cluster(struct api_call *c)
{
    json_t *states = json_object();
    json_object_set_new(states, c->manage->node_name, json_string("running"));
    json_write_tree(&c->json, states);
}

static void write_json(struct json_writer *w, struct slice text)
{
    json_t *value =
        json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    lv_assert(value); /* it was checked when it was set */
    json_write_tree(w, value);
}

static json_t *definition_of(const struct effective_policy *policy)
{
    return policy && policy->definition ? json_deep_copy(policy->definition) : json_object();
}

/* Writes a date: "2026-12-01T12:30:00.000+00:00". */
static void write_clock(struct json_writer *w, uint64_t ms)
{
    char text[64];
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &utc));
    snprintf(text + n, sizeof text - n, ".%03u+00:00", (unsigned)(ms % 1000));
    json_write_text(w, text);
}

static void write_binding_key(struct json_writer *w, const struct value *value)
{
    struct lv_buffer key = {0};
    binding_props_append(&key, value->binding.routing_key, value->binding.arguments);
    json_write_string(w, lv_buffer_slice(&key));
    lv_buffer_free(&key);
}

/* In listings RabbitMQ shows null where it shows an empty string in a single object. */
static void write_optional(struct api_call *c, struct slice s)
{
    if (s.n == 0 && c->route->is_list)
        json_write_null(&c->json);
    else
        json_write_string(&c->json, s);
}

void api_write_value(struct api_call *c, const struct value *value)
{
    struct json_writer *w = &c->json;
    switch (value->type) {
    case VALUE_BOOL: json_write_bool(w, value->yes); break;
    case VALUE_NUMBER:
    case VALUE_TIME:
    case VALUE_HOME: json_write_u64(w, value->number); break;
    case VALUE_INTEGER: json_write_i64(w, value->integer); break;
    case VALUE_REAL: json_write_real(w, value->real); break;
    case VALUE_STRING: json_write_string(w, value->string); break;
    case VALUE_WORDS: write_words(w, value->string); break;
    case VALUE_JSON: write_json(w, value->string); break;
    case VALUE_CLUSTER: write_cluster(c); break;
    case VALUE_TABLE: json_write_tree(w, table_to_json(value->string)); break;
    case VALUE_ARGUMENTS: json_write_tree(w, table_to_json(value->arguments.table)); break;
    case VALUE_DEFINITION: json_write_tree(w, definition_of(value->policy)); break;
    case VALUE_TREE: json_write_tree(w, json_incref(value->tree)); break;
    case VALUE_NODES: write_nodes(c); break;
    case VALUE_OPTIONAL: write_optional(c, value->string); break;
    case VALUE_CLOCK: write_clock(w, value->number); break;
    case VALUE_DETAILS: api_write_details(w, value); break;
    case VALUE_BINDING_KEY: write_binding_key(w, value); break;
    default: json_write_null(w); break;
    }
}
