/* What leveretctl prints: rows and messages in the formats of rabbitmqctl, byte for byte.
 *
 * A cell is JSON as the control protocol has it (docs/formats/control.md): a string, a number, a
 * boolean, a list of strings (tags), or {"table": [[name, type, value] ...]}. An
 * argument that the broker does not know has `true` as a fourth; the text shows it as "unknown". */
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
    F(FORMAT_PRETTY_TABLE, "pretty_table")

enum format {
#define FORMAT_ENUM(id, name) id,
    FORMATTERS(FORMAT_ENUM)
#undef FORMAT_ENUM
};

/* False when there is none of this name. */
bool format_parse(const char *name, enum format *ret);

/* Whether a person reads it: then headings such as "Listing queues ..." come first. */
static inline bool format_is_for_people(enum format format)
{
    return format == FORMAT_TABLE || format == FORMAT_PRETTY_TABLE;
}

enum { FORMAT_COLUMNS_MAX = 64 };

struct listing {
    enum format format;
    FILE *out;                               /* borrowed */
    const char *columns[FORMAT_COLUMNS_MAX]; /* borrowed */
    size_t column_count;
    bool has_headers; /* table and pretty_table alone: the others always have theirs */
    bool is_streamed; /* rabbitmqctl shows an empty listing of the other kind differently */
    size_t rows;      /* written so far */
    json_t *kept;     /* pretty_table: rows wait until all widths are known */
};

/* Rows in between listing_begin() and listing_end(). The row is an array with as many cells as
 * there are columns; it is borrowed. */
void listing_begin(struct listing *l);
void listing_row(struct listing *l, const json_t *row);
void listing_end(struct listing *l);

/* Appends a cell as the table formatter shows it. */
void cell_text(struct lv_buffer *out, const json_t *cell);

/* One message, as a table of one cell where the format has tables. */
void message_print(enum format format, FILE *out, const char *message);

#endif
