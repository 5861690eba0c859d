/* What leveretctl prints: rows and messages in the formats of rabbitmqctl, byte for byte.
 *
 * A cell is JSON as in the control protocol (docs/formats/control.md): a string, a number, a
 * boolean, a list of strings (tags), or {"table": [[name, type, value] ...]}. An argument that the
 * broker does not know has `true` as a fourth element, which is shown as "unknown". */
#ifndef LEVERETCTL_FORMAT_H
#define LEVERETCTL_FORMAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"

#define FORMATTERS(F)                                                                              \
    F(FORMAT_TABLE, "table")                                                                       \
    F(FORMAT_JSON, "json")                                                                         \
    F(FORMAT_CSV, "csv")                                                                           \
    F(FORMAT_PRETTY_TABLE, "pretty_table")                                                         \
    F(FORMAT_ERLANG, "erlang")

enum format {
#define FORMAT_ENUM(id, name) id,
    FORMATTERS(FORMAT_ENUM)
#undef FORMAT_ENUM
};

/* Returns false if there is no format of this name. */
bool format_parse(const char *name, enum format *ret);

/* Returns whether the format is for people: headings such as "Listing queues ..." are printed. */
static inline bool format_is_for_people(enum format format)
{
    return format == FORMAT_TABLE || format == FORMAT_PRETTY_TABLE || format == FORMAT_ERLANG;
}

enum { FORMAT_COLUMNS_MAX = 64 };

struct listing {
    enum format format;
    FILE *out;                               /* borrowed */
    const char *columns[FORMAT_COLUMNS_MAX]; /* borrowed */
    size_t column_count;
    bool has_headers; /* csv and json always have them */
    bool is_streamed; /* false: an empty listing is shown as one that rabbitmqctl collects */
    size_t rows;      /* written so far */
    json_t *kept;     /* pretty_table: the rows, until all widths are known */
};

/* Prints a listing. A row is an array with a cell for each column; it is borrowed. */
void listing_begin(struct listing *l);
void listing_row(struct listing *l, const json_t *row);
void listing_end(struct listing *l);

/* Appends a cell as the table format shows it. */
void cell_text(struct lv_buffer *out, const json_t *cell);

/* Appends the value of a field, [name, type, value], as it is shown within a table, but a string as
 * it is. The type "keys" is a list of strings. */
void field_text(struct lv_buffer *out, const json_t *field);

/* Prints a message; in pretty_table, as a table of one cell. */
void message_print(enum format format, FILE *out, const char *message);

#endif
