/* Floats that are no numbers: headers and arguments may hold them. */
#ifndef LEVERET_WIRE_FLOATS_H
#define LEVERET_WIRE_FLOATS_H

#include <stdbool.h>

/* Whether both are the same number, or both none. */
bool floats_equal(double a, double b);

/* "NaN", "Infinity" or "-Infinity"; NULL for a number that digits can write. */
const char *float_name(double value);

#endif
