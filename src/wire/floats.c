#include "wire/floats.h"

#include <math.h>
#include <stddef.h>

bool floats_equal(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

const char *float_name(double value)
{
    if (isnan(value))
        return "NaN";
    if (isinf(value))
        return value < 0 ? "-Infinity" : "Infinity";
    return NULL;
}
