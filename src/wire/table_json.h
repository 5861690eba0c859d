/* Field tables as JSON, in the form of RabbitMQ's management API and definitions. Pure. */
#ifndef LEVERET_WIRE_TABLE_JSON_H
#define LEVERET_WIRE_TABLE_JSON_H

#include <jansson.h>

#include "base/buffer.h"
#include "wire/table.h"

/* Return a valid table as an object, and a value. The caller owns the reference. A string (or name)
 * that is not UTF-8 becomes "Not UTF-8, base64 is: ..."; void becomes "undefined"; a decimal
 * becomes the number that it denotes; of fields with the same name the last counts. */
json_t *table_to_json(struct slice table);
json_t *field_to_json(const struct field *f);
/* Returns a string, as for a field. */
json_t *text_to_json(struct slice text);

/* Returns a number; or "NaN", "Infinity" or "-Infinity", which JSON does not have as numbers. */
json_t *float_to_json(double value);

/* Appends the content of a table made from an object, as in definitions: strings become longstr,
 * whole numbers long, others double, null void. Returns ERR_INVALID, with nothing appended, if it
 * is not an object, is nested deeper than TABLE_DEPTH_MAX, or has a name longer than a short
 * string. */
int table_from_json(struct lv_buffer *out, const json_t *object);

#endif
