/* JSON in events: operators set JSON, and the properties of events are AMQP tables. */
#ifndef LEVERET_MANAGE_EVENT_JSON_H
#define LEVERET_MANAGE_EVENT_JSON_H

#include "base/buffer.h"
#include "base/slice.h"

/* Returns a table with one field, called `name`, whose value is the JSON text; an empty table if
 * the text is not JSON. The table is in `out`, which the caller frees. */
struct slice table_of_json_value(struct lv_buffer *out, const char *name, struct slice text);
/* Returns a table with the members of the JSON object in the text. The table is in `out`, as above.
 */
struct slice table_of_json_members(struct lv_buffer *out, struct slice text);

#endif
