/* Values of headers, compared as RabbitMQ's headers exchange compares them. */
#ifndef LEVERET_TOPOLOGY_HEADER_VALUE_H
#define LEVERET_TOPOLOGY_HEADER_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/table.h"

/* Integers of any width, timestamps and floats are equal by their number, strings and binaries by
 * their bytes; a table and an array when both are empty. Within tables and arrays the types must be
 * the same too. A NaN equals nothing. */
bool header_values_equal(const struct field *a, const struct field *b);

/* Equal values have the same hash. Tables and arrays all have one. */
uint64_t header_value_hash(const struct field *value);

#endif
