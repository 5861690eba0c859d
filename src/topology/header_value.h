/* Equality of header values as in RabbitMQ's headers exchange, and a hash that agrees with it. */
#ifndef LEVERET_TOPOLOGY_HEADER_VALUE_H
#define LEVERET_TOPOLOGY_HEADER_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/table.h"

/* Returns whether two values are equal. Integers of any width, timestamps and floats are equal if
 * their numbers are, strings and binaries if their bytes are; an empty table equals an empty array.
 * Within tables and arrays the types must be the same, too. NaN equals nothing. */
bool header_values_equal(const struct field *a, const struct field *b);

/* Returns a hash, which is the same for equal values. All tables and arrays have the same one. */
uint64_t header_value_hash(const struct field *value);

#endif
