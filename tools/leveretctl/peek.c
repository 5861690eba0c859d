/* `peek QUEUE POSITION`: the message at a position of a quorum queue, a line for each of its
 * properties and headers. */
#include <stdio.h>
#include <string.h>

#include "leveretctl/talk.h"

enum { PAYLOAD_BYTES = 64 };

static const char no_message[] = "Target queue does not have a message at that position";

int peek_check(const struct invocation *i, const struct command *c)
{
    json_int_t position;
    if (read_number(i->arguments[1], &position) && position > 0)
        return EXIT_OK;
    return usage_error(i, c, EXIT_USAGE, "\"position value must be a positive integer\"");
}

/* The lines, in the order in which RabbitMQ shows them: [name, type, value] each. */
static void add_line(json_t *lines, const char *name, const char *type, json_t *value)
{
    json_array_append_new(lines, json_pack("[s, s, o]", name, type, value));
}

static json_t *lines_of(const json_t *row)
{
    json_t *lines = json_array();
    const json_t *properties = json_object_get(json_array_get(row, 0), "table");
    const json_t *headers = json_object_get(json_array_get(row, 1), "table"), *header;
    const char *encoding = json_string_value(json_array_get(row, 5));
    bool is_text = encoding && strcmp(encoding, "string") == 0;
    struct lv_buffer name = {0};
    size_t n;
    for (n = json_array_size(properties); n > 0; n--)
        json_array_append(lines, json_array_get(properties, n - 1));
    add_line(lines, "routing_keys", "keys", json_pack("[O]", json_array_get(row, 3)));
    add_line(lines, "exchange", "longstr", json_incref(json_array_get(row, 2)));
    add_line(lines, is_text ? "payload (max 64 bytes)" : "payload (max 64 bytes, base64)",
             "longstr", json_incref(json_array_get(row, 4)));
    json_array_foreach(headers, n, header)
    {
        name.n = 0;
        lv_buffer_printf(&name, "header.%s", json_string_value(json_array_get(header, 0)));
        add_line(lines, text_of(&name), json_string_value(json_array_get(header, 1)),
                 json_incref(json_array_get(header, 2)));
    }
    lv_buffer_free(&name);
    return lines;
}

static void print_lines(const struct invocation *i, const json_t *lines)
{
    struct listing l = {
        .format = i->format == FORMAT_TABLE ? FORMAT_PRETTY_TABLE : i->format,
        .out = stdout,
        .columns = {"keys", "values"},
        .column_count = 2,
        .has_headers = true,
    };
    const json_t *line;
    size_t n;
    listing_begin(&l);
    json_array_foreach(lines, n, line)
    {
        struct lv_buffer value = {0};
        field_text(&value, line);
        json_t *row = json_pack("[O, s]", json_array_get(line, 0), text_of(&value));
        listing_row(&l, row);
        json_decref(row);
        lv_buffer_free(&value);
    }
    listing_end(&l);
    json_decref(l.kept);
}

static void print_as_json(const json_t *lines)
{
    json_t *message = json_object();
    const json_t *line;
    size_t n;
    json_array_foreach(lines, n, line) json_object_set(
        message, json_string_value(json_array_get(line, 0)), json_array_get(line, 2));
    say_json(json_pack("{s:o, s:s}", "message", message, "result", "ok"));
}

static void keep_row(void *kept, const json_t *row)
{
    *(json_t **)kept = json_deep_copy(row);
}

/* Asks for the message at the position. *ret is NULL if there is none. */
static int message_ask(struct invocation *i, const struct command *c, json_t **ret)
{
    json_int_t position;
    json_t *answer;
    read_number(i->arguments[1], &position);
    json_t *request =
        json_pack("{s:s, s:s, s:s, s:I, s:i, s:i, s:[s, s, s, s, s, s]}", "command", "browse_queue",
                  "vhost", i->vhost, "queue", i->arguments[0], "offset", position - 1, "limit", 1,
                  "truncate", PAYLOAD_BYTES, "columns", "properties", "headers", "exchange",
                  "routing_key", "payload", "payload_encoding");
    *ret = NULL;
    int code = converse(i, c, request, keep_row, ret, &answer);
    if (code == EXIT_OK)
        json_decref(answer);
    return code;
}

int run_peek(struct invocation *i, const struct command *c)
{
    json_t *request, *answer, *row;
    int code = request_make(i, c, &request);
    if (code == EXIT_OK)
        code = broker_ask(i, c, c->banner, request, NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    json_decref(answer);
    code = message_ask(i, c, &row);
    if (code != EXIT_OK)
        return code;
    if (!row)
        return say_error(EXIT_UNAVAILABLE, "%s", no_message);
    json_t *lines = lines_of(row);
    if (i->format == FORMAT_JSON)
        print_as_json(lines);
    else
        print_lines(i, lines);
    json_decref(lines);
    json_decref(row);
    return EXIT_OK;
}
