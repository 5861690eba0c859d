/* JSON of what any bytes and numbers may be. The caller owns what is returned, which is never NULL.
 * Any thread. */
#ifndef LEVERET_MANAGE_JSON_TEXT_H
#define LEVERET_MANAGE_JSON_TEXT_H

#include <jansson.h>
#include <stdint.h>

#include "base/slice.h"

/* Returns a string; bytes that are not UTF-8 are shown as \xNN. */
json_t *json_of_slice(struct slice s);
json_t *json_of_text(const char *s);
/* Returns an integer, or a string of digits if it is above jansson's largest one, 2^63 - 1. */
json_t *json_of_u64(uint64_t n);

#endif
