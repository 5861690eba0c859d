/* Commands that show the ways of messages: explain_route, and the firehose's switch. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "broker/trace.h"
#include "control/control_private.h"
#include "topology/explain.h"
#include "wire/table.h"

/* --- the message asked about ------------------------------------------------------------------ */

static bool put_number(struct table_writer *w, const char *name, const char *type,
                       const char *value)
{
    char *end;
    errno = 0;
    if (strcmp(type, "float") == 0)
        table_put_double(w, name, strtod(value, &end));
    else if (strcmp(type, "timestamp") == 0)
        table_put_timestamp(w, name, strtoull(value, &end, 10));
    else
        table_put_long(w, name, strtoll(value, &end, 10));
    return errno == 0 && value[0] != '\0' && *end == '\0';
}

/* False when the value is none of this type, or the type none. */
static bool put_header(struct table_writer *w, const char *name, const char *type,
                       const char *value)
{
    bool is_true = strcmp(value, "true") == 0;
    if (strlen(name) > SHORTSTR_BYTES_MAX)
        return false;
    if (strcmp(type, "string") == 0)
        table_put_str(w, name, slice_str(value));
    else if (strcmp(type, "int") == 0 || strcmp(type, "float") == 0 ||
             strcmp(type, "timestamp") == 0)
        return put_number(w, name, type, value);
    else if (strcmp(type, "void") == 0)
        table_put_void(w, name);
    else if (strcmp(type, "bool") == 0 && (is_true || strcmp(value, "false") == 0))
        table_put_bool(w, name, is_true);
    else
        return false;
    return true;
}

/* Argument "headers", a list of [name, type, value], all strings. False after refusing. */
static bool read_headers(struct request *r, struct lv_buffer *ret)
{
    json_t *list = json_object_get(r->arguments, "headers"), *item;
    struct table_writer w;
    size_t i;
    table_begin(&w, ret);
    json_array_foreach(list, i, item)
    {
        const char *name = json_string_value(json_array_get(item, 0));
        const char *type = json_string_value(json_array_get(item, 1));
        const char *value = json_string_value(json_array_get(item, 2));
        if (!name || !type || !value || !put_header(&w, name, type, value)) {
            request_refuse(r, "bad_header", "%s:%s=%s is no header", name ? name : "",
                           type ? type : "", value ? value : "");
            return false;
        }
    }
    table_end(&w);
    return true;
}

/* The routing key and argument "cc", a list of strings. The caller frees the list. */
static struct slice *read_keys(struct request *r, size_t *ret_count)
{
    json_t *list = json_object_get(r->arguments, "cc"), *item;
    struct slice *keys = lv_malloc((1 + json_array_size(list)) * sizeof *keys);
    size_t i, count = 0;
    keys[count++] = request_string(r, "routing_key");
    json_array_foreach(list, i, item)
    {
        if (json_is_string(item))
            keys[count++] = slice_of(json_string_value(item), json_string_length(item));
    }
    *ret_count = count;
    return keys;
}

/* --- explain_route ------------------------------------------------------------------------------ */

#define COLUMN(name) static json_t *name(const struct request *r, const void *row)
#define ROW ((void)r, (const struct explain_row *)row)

COLUMN(explain_result)
{
    return json_string(explain_result_name(ROW->result));
}

COLUMN(explain_path)
{
    return json_of_slice(ROW->path);
}

static bool is_about_a_binding(const struct explain_row *row)
{
    return row->result != EXPLAIN_RETURNED && row->result != EXPLAIN_REFUSED;
}

COLUMN(explain_destination_kind)
{
    if (!is_about_a_binding(ROW))
        return json_string("");
    return json_string(ROW->destination_kind == DESTINATION_QUEUE ? "queue" : "exchange");
}

COLUMN(explain_destination)
{
    return json_of_slice(ROW->destination);
}

COLUMN(explain_routing_key)
{
    return json_of_slice(ROW->routing_key);
}

COLUMN(explain_arguments)
{
    return json_of_table(ROW->arguments);
}

COLUMN(explain_why)
{
    return json_of_slice(ROW->why);
}

static const struct column explain_columns[] = {
    {"result", explain_result},
    {"path", explain_path},
    {"destination_kind", explain_destination_kind},
    {"destination", explain_destination},
    {"routing_key", explain_routing_key},
    {"arguments", explain_arguments},
    {"why", explain_why},
    {NULL, NULL},
};

struct explain_rows {
    const struct request *request;
    const struct columns *columns;
    json_t *rows;
};

static void add_row(void *arg, const struct explain_row *row)
{
    struct explain_rows *rows = arg;
    json_array_append_new(rows->rows, columns_json(rows->request, rows->columns, row));
}

static void explain(struct request *r, const struct columns *columns, struct exchange *x,
                    struct slice headers)
{
    size_t count;
    struct slice *keys = read_keys(r, &count);
    const struct routing_input message = {
        .routing_key = keys[0], .headers = headers, .has_headers = true};
    struct explain_rows rows = {r, columns, json_array()};
    size_t queues = explain_route(x, keys, count, &message, add_row, &rows);
    free(keys);
    request_rows(r, rows.rows);
    request_done(r, json_pack("{s:I}", "queues", (json_int_t)queues));
}

static void run_explain_route(struct request *r)
{
    struct columns columns;
    struct lv_buffer headers = {0};
    if (!columns_choose(r, explain_columns, &columns))
        return;
    struct slice name = request_string(r, "exchange");
    struct vhost *vhost = request_vhost(r);
    if (!vhost)
        return;
    struct exchange *x = exchange_find(vhost, name);
    if (!x)
        request_refuse(r, "no_such_exchange", "no exchange '%.*s' in vhost '%.*s'", SLICE_ARG(name),
                       SLICE_ARG(vhost_name(vhost)));
    else if (read_headers(r, &headers))
        explain(r, &columns, x, lv_buffer_slice(&headers));
    lv_buffer_free(&headers);
}

/* --- the firehose ------------------------------------------------------------------------------- */

/* As in RabbitMQ, there is nothing wrong with a vhost that is not there. */
static void switch_trace(struct request *r, bool is_on)
{
    struct vhost *vhost = vhost_find(r->world->broker, request_string(r, "vhost"));
    if (vhost)
        trace_set(vhost, is_on);
    request_done(r, NULL);
}

static void run_trace_on(struct request *r)
{
    switch_trace(r, true);
}

static void run_trace_off(struct request *r)
{
    switch_trace(r, false);
}

const struct control_command control_trace_commands[] = {
    {"explain_route", run_explain_route, "vhost exchange routing_key",
     "a row for each binding on the way: columns, headers, cc"},
    {"trace_on", run_trace_on, "vhost", "copies of its messages go to amq.rabbitmq.trace"},
    {"trace_off", run_trace_off, "vhost", "no more"},
    {NULL, NULL, NULL, NULL},
};
