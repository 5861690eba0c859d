/* Commands that show how messages are routed: explain_route and the firehose. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "control/control_private.h"
#include "manage/messages.h"
#include "manage/vhosts.h"
#include "wire/table.h"

/* --- the message asked about ------------------------------------------------------------------ */

static bool header_put_number(struct table_writer *w, const char *name, const char *type,
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

/* Returns false if the type is unknown or the value is not of this type. */
static bool header_put(struct table_writer *w, const char *name, const char *type,
                       const char *value)
{
    bool is_true = strcmp(value, "true") == 0;
    if (strlen(name) > SHORTSTR_BYTES_MAX)
        return false;
    if (strcmp(type, "string") == 0)
        table_put_str(w, name, slice_str(value));
    else if (strcmp(type, "int") == 0 || strcmp(type, "float") == 0 ||
             strcmp(type, "timestamp") == 0)
        return header_put_number(w, name, type, value);
    else if (strcmp(type, "void") == 0)
        table_put_void(w, name);
    else if (strcmp(type, "bool") == 0 && (is_true || strcmp(value, "false") == 0))
        table_put_bool(w, name, is_true);
    else
        return false;
    return true;
}

/* Reads the argument "headers", a list of [name, type, value], all strings. Returns false after
 * refusing. */
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
        if (!name || !type || !value || !header_put(&w, name, type, value)) {
            request_refuse(r, "bad_header", "%s:%s=%s is not a valid header", name ? name : "",
                           type ? type : "", value ? value : "");
            return false;
        }
    }
    table_end(&w);
    return true;
}

/* Returns the routing key followed by the argument "cc", a list of strings. The caller frees the
 * list. */
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

/* --- explain_route ---------------------------------------------------------------------------- */

static void trace_explain(struct request *r, const struct columns *columns, struct slice headers)
{
    size_t count, queues = 0;
    struct slice *keys = read_keys(r, &count);
    struct listing listing;
    struct manage_error error = {0};
    bool is_done = manage_explain_route(r->manage, &actor_cli, request_string(r, "vhost"),
                                        request_string(r, "exchange"), keys, count, headers,
                                        &listing, &queues, &error);
    for (size_t i = 0; is_done && i < listing.count; i++)
        columns_row(r, columns, listing.rows[i]);
    listing_free(&listing);
    free(keys);
    request_end_with(r, is_done, json_pack("{s:I}", "queues", (json_int_t)queues), &error);
}

static void run_explain_route(struct request *r)
{
    struct columns columns;
    struct lv_buffer headers = {0};
    if (columns_choose(r, explain_columns, &columns) && read_headers(r, &headers))
        trace_explain(r, &columns, lv_buffer_slice(&headers));
    lv_buffer_free(&headers);
}

/* --- the firehose ----------------------------------------------------------------------------- */

static void switch_trace(struct request *r, bool is_on)
{
    struct manage_error error = {0};
    bool is_done = manage_trace(r->manage, &actor_cli, request_string(r, "vhost"), is_on, &error);
    request_end(r, is_done, &error);
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
    {"explain_route", run_explain_route, "vhost exchange routing_key"},
    {"trace_on", run_trace_on, "vhost"},
    {"trace_off", run_trace_off, "vhost"},
    {NULL, NULL, NULL},
};
