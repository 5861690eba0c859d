/* One function for each format, and one for each kind of cell within it. */
#include "leveretctl/format.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "leveretctl/terminal.h"

static const struct {
    const char *name;
    enum format format;
} formatters[] = {
#define FORMAT_ROW(id, name) {name, id},
    FORMATTERS(FORMAT_ROW)
#undef FORMAT_ROW
};

bool format_parse(const char *name, enum format *ret)
{
    for (size_t i = 0; i < sizeof formatters / sizeof formatters[0]; i++) {
        if (strcmp(formatters[i].name, name) == 0) {
            *ret = formatters[i].format;
            return true;
        }
    }
    return false;
}

static void put(struct lv_buffer *out, const char *text)
{
    lv_buffer_add(out, text, strlen(text));
}

/* --- cells: the text of tables ---------------------------------------------------------------- */

/* Appends a string within a table: "f\"g\\h". */
static void put_quoted(struct lv_buffer *out, const json_t *string)
{
    const char *s = json_string_value(string);
    size_t n = json_string_length(string);
    lv_buffer_add_u8(out, '"');
    for (size_t i = 0; i < n; i++) {
        switch (s[i]) {
        case '"': put(out, "\\\""); break;
        case '\\': put(out, "\\\\"); break;
        case '\n': put(out, "\\n"); break;
        case '\r': put(out, "\\r"); break;
        case '\t': put(out, "\\t"); break;
        default:
            if ((unsigned char)s[i] < 0x20)
                lv_buffer_printf(out, "\\x%02X", (unsigned)s[i]);
            else
                lv_buffer_add_u8(out, (uint8_t)s[i]);
        }
    }
    lv_buffer_add_u8(out, '"');
}

static void put_scalar(struct lv_buffer *out, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        lv_buffer_add(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        lv_buffer_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL: {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        put(out, text);
        free(text);
        break;
    }
    case JSON_TRUE: put(out, "true"); break;
    case JSON_FALSE: put(out, "false"); break;
    default: break; /* null is empty */
    }
}

/* A timestamp may exceed jansson's integers; it then comes as a string of digits. */
static bool is_wide(const char *type)
{
    return strcmp(type, "timestamp") == 0;
}

static void put_fields(struct lv_buffer *out, const json_t *fields);

/* Appends a value within a table. */
static void put_typed(struct lv_buffer *out, const char *type, const json_t *value)
{
    const json_t *one;
    size_t i;
    if (strcmp(type, "table") == 0) {
        put_fields(out, value);
    } else if (strcmp(type, "array") == 0) {
        put(out, "[");
        json_array_foreach(value, i, one)
        {
            put(out, i ? "," : "");
            put_typed(out, json_string_value(json_array_get(one, 0)), json_array_get(one, 1));
        }
        put(out, "]");
    } else if (strcmp(type, "decimal") == 0) {
        lv_buffer_printf(out, "{%" JSON_INTEGER_FORMAT ",%" JSON_INTEGER_FORMAT "}",
                         json_integer_value(json_array_get(value, 0)),
                         json_integer_value(json_array_get(value, 1)));
    } else if (json_is_string(value) && !is_wide(type)) {
        put_quoted(out, value);
    } else if (json_is_null(value)) {
        put(out, "undefined");
    } else {
        put_scalar(out, value);
    }
}

static void put_fields(struct lv_buffer *out, const json_t *fields)
{
    put(out, "[");
    const json_t *field;
    size_t i;
    json_array_foreach(fields, i, field)
    {
        put(out, i ? ",{" : "{");
        put_quoted(out, json_array_get(field, 0));
        put(out, ",");
        put_typed(out, json_string_value(json_array_get(field, 1)), json_array_get(field, 2));
        put(out, json_is_true(json_array_get(field, 3)) ? ",unknown}" : "}");
    }
    put(out, "]");
}

static void put_tags(struct lv_buffer *out, const json_t *tags, const char *separator)
{
    const json_t *tag;
    size_t i;
    json_array_foreach(tags, i, tag)
    {
        put(out, i ? separator : "");
        put_scalar(out, tag);
    }
}

void cell_text(struct lv_buffer *out, const json_t *cell)
{
    if (json_is_object(cell)) {
        put_fields(out, json_object_get(cell, "table"));
    } else if (json_is_array(cell)) {
        put(out, "[");
        put_tags(out, cell, ", ");
        put(out, "]");
    } else {
        put_scalar(out, cell);
    }
}

void field_text(struct lv_buffer *out, const json_t *field)
{
    const char *type = json_string_value(json_array_get(field, 1));
    const json_t *value = json_array_get(field, 2);
    if (json_is_string(value))
        put_scalar(out, value);
    else if (strcmp(type, "keys") == 0)
        put_tags(out, value, ", ");
    else
        put_typed(out, type, value);
}

/* --- cells: JSON ------------------------------------------------------------------------------ */

static int append(const char *bytes, size_t n, void *out)
{
    lv_buffer_add(out, bytes, n);
    return 0;
}

static void put_json(struct lv_buffer *out, const json_t *value)
{
    json_dump_callback(value, append, out,
                       JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
}

static void put_json_string(struct lv_buffer *out, const char *text)
{
    json_t *string = json_string(text);
    put_json(out, string);
    json_decref(string);
}

static void put_json_fields(struct lv_buffer *out, const json_t *fields);
static void put_json_typed(struct lv_buffer *out, const char *type, const json_t *value);

/* rabbitmqctl shows an array as an object of types and values, in which a name may be repeated. */
static void put_json_array(struct lv_buffer *out, const json_t *array)
{
    if (json_array_size(array) == 0) {
        put(out, "[]");
        return;
    }
    const json_t *one;
    size_t i;
    json_array_foreach(array, i, one)
    {
        const char *type = json_string_value(json_array_get(one, 0));
        put(out, i ? "," : "{");
        put_json_string(out, type);
        put(out, ":");
        put_json_typed(out, type, json_array_get(one, 1));
    }
    put(out, "}");
}

static void put_json_typed(struct lv_buffer *out, const char *type, const json_t *value)
{
    if (strcmp(type, "table") == 0)
        put_json_fields(out, value);
    else if (strcmp(type, "array") == 0)
        put_json_array(out, value);
    else if (json_is_null(value))
        put(out, "\"undefined\"");
    else if (json_is_string(value) && is_wide(type))
        put_scalar(out, value);
    else
        put_json(out, value);
}

/* Appends the fields of a table: [["x-expires","signedint",1000]] */
static void put_json_fields(struct lv_buffer *out, const json_t *fields)
{
    put(out, "[");
    const json_t *field;
    size_t i;
    json_array_foreach(fields, i, field)
    {
        put(out, i ? ",[" : "[");
        put_json(out, json_array_get(field, 0));
        put(out, ",");
        put_json(out, json_array_get(field, 1));
        put(out, ",");
        put_json_typed(out, json_string_value(json_array_get(field, 1)), json_array_get(field, 2));
        put(out, "]");
    }
    put(out, "]");
}

/* rabbitmqctl shows an address as an array of numbers. */
static void put_json_address(struct lv_buffer *out, const char *text)
{
    uint8_t bytes[16];
    if (inet_pton(AF_INET, text, bytes) == 1) {
        lv_buffer_printf(out, "[%u,%u,%u,%u]", bytes[0], bytes[1], bytes[2], bytes[3]);
    } else if (inet_pton(AF_INET6, text, bytes) == 1) {
        for (size_t i = 0; i < 16; i += 2)
            lv_buffer_printf(out, "%s%u", i ? "," : "[", (unsigned)bytes[i] << 8 | bytes[i + 1]);
        put(out, "]");
    } else {
        put_json_string(out, text);
    }
}

static void put_json_cell(struct lv_buffer *out, const char *column, const json_t *cell)
{
    if (json_is_object(cell))
        put_json_fields(out, json_object_get(cell, "table"));
    else if (json_is_string(cell) &&
             (strcmp(column, "host") == 0 || strcmp(column, "peer_host") == 0))
        put_json_address(out, json_string_value(cell));
    else if (json_is_string(cell) && strcmp(column, "protocol") == 0)
        put(out, "[0,9,1]");
    else if (json_is_string(cell) && json_string_length(cell) > 0 &&
             strcmp(column, "head_message_timestamp") == 0)
        put_scalar(out, cell);
    else
        put_json(out, cell);
}

static void row_json(struct listing *l, const json_t *row)
{
    struct lv_buffer line = {0};
    put(&line, l->rows > 0 ? "\n,{" : "[\n{");
    for (size_t i = 0; i < l->column_count; i++) {
        put(&line, i ? "," : "");
        put_json_string(&line, l->columns[i]);
        put(&line, ":");
        put_json_cell(&line, l->columns[i], json_array_get(row, i));
    }
    put(&line, "}");
    terminal_escape_for(l->out, &line, 0, TERMINAL_JSON);
    fwrite(line.p, 1, line.n, l->out);
    lv_buffer_free(&line);
}

/* --- table ------------------------------------------------------------------------------------ */

static void headers_table(struct listing *l)
{
    for (size_t i = 0; i < l->column_count; i++)
        fprintf(l->out, "%s%s", i ? "\t" : "", l->columns[i]);
    fputc('\n', l->out);
}

static void row_table(struct listing *l, const json_t *row)
{
    struct lv_buffer text = {0};
    for (size_t i = 0; i < l->column_count; i++) {
        put(&text, i ? "\t" : "");
        size_t begin = text.n;
        cell_text(&text, json_array_get(row, i));
        terminal_escape_for(l->out, &text, begin, TERMINAL_CELL);
    }
    put(&text, "\n");
    fwrite(text.p, 1, text.n, l->out);
    lv_buffer_free(&text);
}

/* --- csv -------------------------------------------------------------------------------------- */

static void put_csv(struct lv_buffer *out, struct slice text)
{
    put(out, "\"");
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            put(out, "\"");
        lv_buffer_add_u8(out, text.p[i]);
    }
    put(out, "\"");
}

static void headers_csv(struct listing *l)
{
    struct lv_buffer line = {0};
    for (size_t i = 0; i < l->column_count; i++) {
        put(&line, i ? "," : "");
        put_csv(&line, slice_str(l->columns[i]));
    }
    put(&line, "\n");
    fwrite(line.p, 1, line.n, l->out);
    lv_buffer_free(&line);
}

static void row_csv(struct listing *l, const json_t *row)
{
    struct lv_buffer line = {0}, cell = {0};
    for (size_t i = 0; i < l->column_count; i++) {
        cell.n = 0;
        cell_text(&cell, json_array_get(row, i));
        terminal_escape_for(l->out, &cell, 0, TERMINAL_CELL);
        put(&line, i ? "," : "");
        put_csv(&line, lv_buffer_slice(&cell));
    }
    put(&line, "\n");
    fwrite(line.p, 1, line.n, l->out);
    lv_buffer_free(&line);
    lv_buffer_free(&cell);
}

/* --- pretty_table ----------------------------------------------------------------------------- */

/* Lines are drawn with the terminal's line-drawing character set: switch to it, draw, switch
 * back. */
#define DRAW_ON "\033(0"
#define DRAW_OFF "\033(B"

static void put_erlang_fields(struct lv_buffer *out, const json_t *fields, const char *separator);

static void put_erlang_binary(struct lv_buffer *out, const json_t *string)
{
    put(out, "<<");
    put_quoted(out, string);
    put(out, ">>");
}

static void put_erlang_typed(struct lv_buffer *out, const char *type, const json_t *value)
{
    const json_t *one;
    size_t i;
    if (strcmp(type, "table") == 0) {
        put(out, "[");
        put_erlang_fields(out, value, ",");
        put(out, "]");
    } else if (strcmp(type, "array") == 0) {
        put(out, "[");
        json_array_foreach(value, i, one)
        {
            const char *of = json_string_value(json_array_get(one, 0));
            lv_buffer_printf(out, "%s{%s,", i ? "," : "", of);
            put_erlang_typed(out, of, json_array_get(one, 1));
            put(out, "}");
        }
        put(out, "]");
    } else if (json_is_string(value) && !is_wide(type)) {
        put_erlang_binary(out, value);
    } else {
        put_typed(out, type, value);
    }
}

/* Appends the fields of a table, as in Erlang: {<<"x-expires">>,signedint,1000} */
static void put_erlang_fields(struct lv_buffer *out, const json_t *fields, const char *separator)
{
    const json_t *field;
    size_t i;
    json_array_foreach(fields, i, field)
    {
        const char *type = json_string_value(json_array_get(field, 1));
        put(out, i ? separator : "");
        put(out, "{");
        put_erlang_binary(out, json_array_get(field, 0));
        lv_buffer_printf(out, ",%s,", type);
        put_erlang_typed(out, type, json_array_get(field, 2));
        put(out, "}");
    }
}

static void pretty_value(struct lv_buffer *out, const json_t *cell)
{
    if (json_is_object(cell))
        put_erlang_fields(out, json_object_get(cell, "table"), "");
    else if (json_is_array(cell))
        put_tags(out, cell, "");
    else
        put_scalar(out, cell);
}

static void pretty_text(const struct listing *l, struct lv_buffer *out, const json_t *cell)
{
    out->n = 0;
    pretty_value(out, cell);
    terminal_escape_for(l->out, out, 0, TERMINAL_CELL);
}

/* Returns the number of characters. */
static size_t width_of(const struct lv_buffer *text)
{
    size_t width = 0;
    for (size_t i = 0; i < text->n; i++)
        width += (text->p[i] & 0xc0) != 0x80;
    return width;
}

static void pretty_rule(struct listing *l, const size_t *widths, char left, char middle, char right)
{
    fputs(DRAW_ON, l->out);
    for (size_t i = 0; i < l->column_count; i++) {
        fputc(i ? middle : left, l->out);
        for (size_t n = 0; n < widths[i] + 2; n++)
            fputc('q', l->out);
    }
    fprintf(l->out, "%c" DRAW_OFF "\n", right);
}

static void pretty_cell(struct listing *l, const struct lv_buffer *text, size_t width, bool is_bold)
{
    fprintf(l->out, DRAW_ON "x" DRAW_OFF " %s%.*s%s%*s ", is_bold ? "\033[1m" : "", (int)text->n,
            text->n ? (const char *)text->p : "", is_bold ? "\033[0m" : "",
            (int)(width - width_of(text)), "");
}

static void pretty_print(struct listing *l)
{
    size_t widths[FORMAT_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < l->column_count; i++)
        widths[i] = l->has_headers ? strlen(l->columns[i]) : 0;
    struct lv_buffer text = {0};
    const json_t *row;
    size_t r;
    json_array_foreach(l->kept, r, row)
    {
        for (size_t i = 0; i < l->column_count; i++) {
            pretty_text(l, &text, json_array_get(row, i));
            size_t width = width_of(&text);
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    pretty_rule(l, widths, 'l', 'w', 'k');
    if (l->has_headers) {
        for (size_t i = 0; i < l->column_count; i++) {
            text.n = 0;
            put(&text, l->columns[i]);
            pretty_cell(l, &text, widths[i], true);
        }
        fputs(DRAW_ON "x" DRAW_OFF "\n", l->out);
    }
    json_array_foreach(l->kept, r, row)
    {
        if (r > 0 || l->has_headers)
            pretty_rule(l, widths, 't', 'n', 'u');
        for (size_t i = 0; i < l->column_count; i++) {
            pretty_text(l, &text, json_array_get(row, i));
            pretty_cell(l, &text, widths[i], false);
        }
        fputs(DRAW_ON "x" DRAW_OFF "\n", l->out);
    }
    pretty_rule(l, widths, 'm', 'v', 'j');
    lv_buffer_free(&text);
}

/* --- erlang ----------------------------------------------------------------------------------- */

static void erlang_cell(struct lv_buffer *out, const json_t *cell)
{
    if (json_is_string(cell)) {
        put_erlang_binary(out, cell);
    } else if (json_is_object(cell)) {
        put(out, "[");
        put_erlang_fields(out, json_object_get(cell, "table"), ",");
        put(out, "]");
    } else if (json_is_array(cell)) {
        put(out, "[");
        put_tags(out, cell, ",");
        put(out, "]");
    } else if (json_is_null(cell)) {
        put(out, "''");
    } else {
        put_scalar(out, cell);
    }
}

/* A row is a property list on a line of its own; rows are the elements of a list. */
static void row_erlang(struct listing *l, const json_t *row)
{
    struct lv_buffer line = {0};
    put(&line, l->rows > 0 ? ",\n [" : "[[");
    for (size_t i = 0; i < l->column_count; i++) {
        lv_buffer_printf(&line, "%s{%s,", i ? "," : "", l->columns[i]);
        erlang_cell(&line, json_array_get(row, i));
        put(&line, "}");
    }
    put(&line, "]");
    terminal_escape_for(l->out, &line, 0, TERMINAL_LINES);
    fwrite(line.p, 1, line.n, l->out);
    lv_buffer_free(&line);
}

static void message_erlang(FILE *out, const char *message)
{
    struct lv_buffer text = {0};
    json_t *string = json_string(message);
    put_erlang_binary(&text, string);
    terminal_escape_for(out, &text, 0, TERMINAL_LINES);
    fprintf(out, "%.*s\n", SLICE_ARG(lv_buffer_slice(&text)));
    json_decref(string);
    lv_buffer_free(&text);
}

/* --- listings --------------------------------------------------------------------------------- */

void listing_begin(struct listing *l)
{
    l->rows = 0;
    l->kept = l->format == FORMAT_PRETTY_TABLE ? json_array() : NULL;
}

void listing_row(struct listing *l, const json_t *row)
{
    lv_assert(json_array_size(row) == l->column_count);
    switch (l->format) {
    case FORMAT_TABLE:
        if (l->rows == 0 && l->has_headers)
            headers_table(l);
        row_table(l, row);
        break;
    case FORMAT_CSV:
        if (l->rows == 0)
            headers_csv(l);
        row_csv(l, row);
        break;
    case FORMAT_JSON: row_json(l, row); break;
    case FORMAT_ERLANG: row_erlang(l, row); break;
    case FORMAT_PRETTY_TABLE: json_array_append_new(l->kept, json_deep_copy(row)); break;
    }
    l->rows++;
}

/* rabbitmqctl collects some listings before it prints them; if such a listing is empty, each format
 * shows it in its own way. */
static void print_empty_whole(struct listing *l)
{
    switch (l->format) {
    case FORMAT_TABLE: fputs("\n", l->out); break;
    case FORMAT_CSV: fputs("\n\n\n", l->out); break;
    case FORMAT_JSON:
    case FORMAT_ERLANG: fputs("[]\n", l->out); break;
    case FORMAT_PRETTY_TABLE: message_print(l->format, l->out, "[]"); break;
    }
}

void listing_end(struct listing *l)
{
    if (l->rows == 0 && !l->is_streamed)
        print_empty_whole(l);
    else if (l->format == FORMAT_JSON)
        fputs(l->rows > 0 ? "\n]\n" : "[\n]\n", l->out);
    else if (l->format == FORMAT_ERLANG)
        fputs(l->rows > 0 ? "]\n" : "[]\n", l->out);
    else if (l->format == FORMAT_PRETTY_TABLE && l->rows > 0)
        pretty_print(l);
    json_decref(l->kept);
    l->kept = NULL;
}

void message_print(enum format format, FILE *out, const char *message)
{
    if (format == FORMAT_ERLANG) {
        message_erlang(out, message);
        return;
    }
    if (format != FORMAT_PRETTY_TABLE) {
        struct lv_buffer text = {0};
        put(&text, message);
        terminal_escape_for(out, &text, 0, TERMINAL_LINES);
        fprintf(out, "%.*s\n", SLICE_ARG(lv_buffer_slice(&text)));
        lv_buffer_free(&text);
        return;
    }
    struct listing l = {.format = format,
                        .out = out,
                        .columns = {"Output"},
                        .column_count = 1,
                        .has_headers = true,
                        .is_streamed = true};
    json_t *row = json_pack("[s]", message);
    listing_begin(&l);
    listing_row(&l, row);
    listing_end(&l);
    json_decref(row);
}
