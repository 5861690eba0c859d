/* Walks a JSON text from part to part: the members of an object, the items of a list. So a large
 * text is parsed in parts, and memory is needed for one of them. Only brackets, strings, commas and
 * colons are looked at: what is wrong within a part is found by whoever parses it. Pure. */
#ifndef LEVERET_MANAGE_JSON_PARTS_H
#define LEVERET_MANAGE_JSON_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum { JSON_PARTS_DEPTH_MAX = 256 }; /* of what is walked over */

struct json_parts {
    struct slice text; /* borrowed */
    size_t at;         /* what has been walked ends here */
    bool has_begun;
    const char *fault; /* what is wrong at `at`, static; NULL: nothing */
};

/* Walks the members of the object, or the items of the list, whose bracket text.p[at] is. Sets
 * *ret_key, with its quotes, in an object alone. Returns false at the end, with `at` behind the
 * bracket; or after setting `fault`. */
bool json_parts_member(struct json_parts *p, struct slice *ret_key, struct slice *ret_value);
bool json_parts_item(struct json_parts *p, struct slice *ret_value);

/* Sets `at` to the next byte that is not white space. Returns it, or 0 at the end of the text. */
uint8_t json_parts_peek(struct json_parts *p);

/* Returns the line and the column of a position in a text, both counted from 1; a column is a
 * character. */
void json_parts_place(struct slice text, size_t at, size_t *ret_line, size_t *ret_column);

/* Returns the text without the byte order mark that some editors and programs write before
 * UTF-8. */
struct slice json_without_mark(struct slice text);

#endif
