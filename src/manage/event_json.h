/* JSON in events: what operators set is JSON, and events are tables. */
#ifndef LEVERET_MANAGE_EVENT_JSON_H
#define LEVERET_MANAGE_EVENT_JSON_H

#include "base/buffer.h"
#include "base/slice.h"

/* A table whose one field, called `name`, is the value that this JSON text stands for. Empty
 * when it is none. It is in `out`, which the caller frees. */
struct slice table_of_json_value(struct lv_buffer *out, const char *name, struct slice text);
/* The fields of the object that this JSON text stands for. */
struct slice table_of_json_members(struct lv_buffer *out, struct slice text);

#endif
