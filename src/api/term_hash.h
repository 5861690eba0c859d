/* erlang:phash2() of a field table, as RabbitMQ's API uses it to name bindings by their arguments.
 * In Erlang a table is a list of {<<"name">>, type, value}. The function is the same in all of
 * Erlang's releases. Pure. */
#ifndef LEVERET_API_TERM_HASH_H
#define LEVERET_API_TERM_HASH_H

#include <stdint.h>

#include "base/slice.h"

/* Returns phash2(Table, 2^32) of a valid table. */
uint32_t term_hash_table(struct slice table);

#endif
