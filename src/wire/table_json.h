/* Field tables as JSON, the way RabbitMQ's management API and definitions show them. Pure. */
#ifndef LEVERET_WIRE_TABLE_JSON_H
#define LEVERET_WIRE_TABLE_JSON_H

#include <jansson.h>

#include "base/buffer.h"
#include "wire/table.h"

/* A valid table as an object. The caller owns the reference. A string (or name) that is no UTF-8
 * becomes "Not UTF-8, base64 is: ..."; void becomes "undefined"; a decimal becomes the number it
 * stands for; of fields with one name the last counts. */
json_t *table_to_json(struct slice table);
json_t *field_to_json(const struct field *f);

/* A number; or, since JSON has no such numbers, "NaN", "Infinity" or "-Infinity". */
json_t *float_to_json(double value);

/* Appends the content of the table an object stands for, as definitions bring them: strings are
 * longstr, whole numbers long, others double, null is void. ERR_INVALID when the object goes
 * deeper than TABLE_DEPTH_MAX, has a name longer than a short string, or is no object; nothing
 * is then appended. */
int table_from_json(struct lv_buffer *out, const json_t *object);

#endif
