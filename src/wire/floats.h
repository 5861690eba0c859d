/* Floats that are not numbers: headers and arguments may hold them. */
#ifndef LEVERET_WIRE_FLOATS_H
#define LEVERET_WIRE_FLOATS_H

#include <stdbool.h>

/* Returns whether both are the same number, or both NaN. */
bool floats_equal(double a, double b);

/* Returns "NaN", "Infinity" or "-Infinity"; NULL for a finite number. */
const char *float_name(double value);

#endif
