/* JSON as RabbitMQ's error texts show it: as the Erlang term that RabbitMQ decodes it to. */
#ifndef LEVERET_WIRE_ERLANG_JSON_H
#define LEVERET_WIRE_ERLANG_JSON_H

#include <jansson.h>

#include "base/buffer.h"

/* Appends <<"x">>, 3, 1.5, true, null, [1,<<"a">>], #{<<"a">> => 1}. Any thread. */
void json_put_erlang(struct lv_buffer *out, const json_t *value);

/* Appends an object as a list of its members, sorted by name: [{<<"a">>,1},{<<"b">>,2}]. */
void json_put_erlang_list(struct lv_buffer *out, json_t *object);

/* Returns the object's names, sorted and borrowed from it. The caller frees the array. */
const char **json_names_sorted(json_t *object, size_t *ret_count);

/* Returns a string's bytes, borrowed; SLICE_EMPTY if the value is not a string. */
struct slice json_slice(const json_t *value);

/* Returns whether this is an empty list. Erlang, PHP and Ruby programs write it for an empty
 * object, so RabbitMQ takes it for one. */
bool json_is_empty_list(const json_t *value);

#endif
