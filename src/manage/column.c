/* Values of columns: found by name, compared for sorting. */
#include "manage/column.h"

#include <string.h>

const struct column *column_find(const struct column *all, struct slice name)
{
    for (; all->name; all++)
        if (slice_is(name, all->name))
            return all;
    return NULL;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_reals(double a, double b)
{
    return a < b ? -1 : a > b;
}

static bool is_numeric(const struct value *v)
{
    return v->type == VALUE_NUMBER || v->type == VALUE_REAL;
}

static double real_of(const struct value *v)
{
    return v->type == VALUE_REAL ? v->real : (double)v->number;
}

static int compare_sessions(const struct value *a, const struct value *b)
{
    int order = compare_numbers(a->session.connection, b->session.connection);
    return order ? order : compare_numbers(a->session.channel, b->session.channel);
}

int value_compare(const struct value *a, const struct value *b)
{
    if (a->type != b->type && is_numeric(a) && is_numeric(b))
        return compare_reals(real_of(a), real_of(b));
    if (a->type != b->type)
        return compare_numbers(a->type, b->type);
    switch (a->type) {
    case VALUE_BOOL: return compare_numbers(a->yes, b->yes);
    case VALUE_NUMBER:
    case VALUE_TIME:
    case VALUE_CLOCK:
    case VALUE_HOME: return compare_numbers(a->number, b->number);
    case VALUE_INTEGER: return a->integer < b->integer ? -1 : a->integer > b->integer;
    case VALUE_REAL: return compare_reals(a->real, b->real);
    case VALUE_STRING:
    case VALUE_OPTIONAL:
    case VALUE_WORDS: return slice_compare(a->string, b->string);
    case VALUE_SESSION: return compare_sessions(a, b);
    default: return 0;
    }
}
