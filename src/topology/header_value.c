/* Comparing numbers of different types, and hashing them alike. */
#include "topology/header_value.h"

#include "base/rcu.h"

/* --- equality --------------------------------------------------------------------------------- */

static bool is_float(const struct field *f)
{
    return f->type == FIELD_DOUBLE || f->type == FIELD_FLOAT;
}

static bool is_whole(const struct field *f)
{
    return field_is_integer(f) || f->type == FIELD_TIMESTAMP;
}

/* Returns whether the number is above INT64_MAX. Only a timestamp can be: it is unsigned, but kept
 * in a signed member. */
static bool is_above_int64(const struct field *f)
{
    return f->type == FIELD_TIMESTAMP && f->i < 0;
}

static bool whole_equals_float(const struct field *whole, double f)
{
    if (is_above_int64(whole))
        return f >= 9223372036854775808.0 && f < 18446744073709551616.0 &&
               (uint64_t)f == (uint64_t)whole->i && (double)(uint64_t)f == f;
    return f >= -9223372036854775808.0 && f < 9223372036854775808.0 && (int64_t)f == whole->i &&
           (double)(int64_t)f == f;
}

static bool numbers_equal(const struct field *a, const struct field *b)
{
    if (is_float(a) && is_float(b))
        return a->f == b->f;
    if (is_float(a))
        return whole_equals_float(b, a->f);
    if (is_float(b))
        return whole_equals_float(a, b->f);
    return a->i == b->i && is_above_int64(a) == is_above_int64(b);
}

static bool arrays_equal(struct slice a, struct slice b)
{
    struct field x, y;
    while (array_next(&a, &x)) {
        if (!array_next(&b, &y) || x.type != y.type || !header_values_equal(&x, &y))
            return false;
    }
    return b.n == 0;
}

static bool tables_equal(struct slice a, struct slice b)
{
    struct slice a_name, b_name;
    struct field x, y;
    while (table_next(&a, &a_name, &x)) {
        if (!table_next(&b, &b_name, &y) || !slice_equal(a_name, b_name) || x.type != y.type ||
            !header_values_equal(&x, &y))
            return false;
    }
    return b.n == 0;
}

static bool is_bytes(const struct field *f)
{
    return f->type == FIELD_LONGSTR || f->type == FIELD_BINARY;
}

static bool is_list(const struct field *f)
{
    return f->type == FIELD_TABLE || f->type == FIELD_ARRAY;
}

/* Recurses as deep as tables are nested: at most TABLE_DEPTH_MAX. */
bool header_values_equal(const struct field *a, const struct field *b)
{
    if ((is_float(a) || is_whole(a)) && (is_float(b) || is_whole(b)))
        return numbers_equal(a, b);
    if (is_bytes(a) && is_bytes(b))
        return slice_equal(a->bytes, b->bytes);
    if (is_list(a) && is_list(b) && (a->bytes.n == 0 || b->bytes.n == 0))
        return a->bytes.n == b->bytes.n;
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case FIELD_BOOL: return a->b == b->b;
    case FIELD_VOID: return true;
    case FIELD_DECIMAL: return a->scale == b->scale && a->i == b->i;
    case FIELD_TABLE: return tables_equal(a->bytes, b->bytes);
    case FIELD_ARRAY: return arrays_equal(a->bytes, b->bytes);
    default: return false;
    }
}

/* --- hashing ---------------------------------------------------------------------------------- */

static uint64_t hash_of_number(bool is_above_int64_max, int64_t number)
{
    uint64_t of[] = {is_above_int64_max, (uint64_t)number};
    return lv_hash(slice_of(of, sizeof of));
}

/* Returns the hash of a float; if its value is an integer, that integer's hash. */
static uint64_t hash_of_float(double f)
{
    if (f >= -9223372036854775808.0 && f < 9223372036854775808.0 && (double)(int64_t)f == f)
        return hash_of_number(false, (int64_t)f);
    if (f >= 9223372036854775808.0 && f < 18446744073709551616.0)
        return hash_of_number(true, (int64_t)(uint64_t)f);
    return lv_hash(slice_of(&f, sizeof f));
}

uint64_t header_value_hash(const struct field *value)
{
    if (is_float(value))
        return hash_of_float(value->f);
    if (is_whole(value))
        return hash_of_number(is_above_int64(value), value->i);
    if (is_bytes(value))
        return lv_hash(value->bytes);
    switch (value->type) {
    case FIELD_BOOL: return value->b ? 1 : 2;
    case FIELD_DECIMAL: return hash_of_number(value->scale & 1, value->i);
    default: return 3;
    }
}
