/* JSON as Erlang terms. */
#include "wire/erlang_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "wire/erlang_text.h"

struct slice json_slice(const json_t *value)
{
    return slice_of(json_string_value(value), json_string_length(value));
}

bool json_is_empty_list(const json_t *value)
{
    return json_is_array(value) && json_array_size(value) == 0;
}

enum { REAL_BYTES_MAX = 64 };

/* Writes the fewest digits that read back as this number, with an exponent: 1.0e2. */
static void put_scientific(char text[REAL_BYTES_MAX], double value)
{
    char digits[REAL_BYTES_MAX];
    int precision = 1;
    do
        snprintf(digits, sizeof digits, "%.*e", precision, value);
    while (strtod(digits, NULL) != value && ++precision <= 17);
    size_t mantissa = strcspn(digits, "e");
    snprintf(text, REAL_BYTES_MAX, "%.*se%ld", (int)mantissa, digits,
             strtol(digits + mantissa + 1, NULL, 10));
}

/* Writes the number without an exponent: 100.0. Returns false if that would be long, or cannot give
 * exactly this number. */
static bool put_fixed(char text[REAL_BYTES_MAX], double value)
{
    if (value > 1e20 || value < -1e20)
        return false;
    int precision = 1;
    do
        snprintf(text, REAL_BYTES_MAX, "%.*f", precision, value);
    while (strtod(text, NULL) != value && ++precision <= 17);
    return strtod(text, NULL) == value;
}

/* Appends the number in the shorter of the two forms. */
static void put_real(struct lv_buffer *out, double value)
{
    char scientific[REAL_BYTES_MAX], fixed[REAL_BYTES_MAX];
    put_scientific(scientific, value);
    bool is_fixed = put_fixed(fixed, value) && strlen(fixed) <= strlen(scientific);
    lv_buffer_printf(out, "%s", is_fixed ? fixed : scientific);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **json_names_sorted(json_t *object, size_t *ret_count)
{
    const char **names = lv_calloc(json_object_size(object) + 1, sizeof *names);
    const char *name;
    json_t *value;
    size_t count = 0;
    json_object_foreach(object, name, value) names[count++] = name;
    qsort(names, count, sizeof *names, by_name);
    lv_assert(count == json_object_size(object));
    *ret_count = count;
    return names;
}

/* Deeper values are cut. (jansson itself parses up to 2048 levels.) */
enum { DEPTH_MAX = 32 };

static void put_value(struct lv_buffer *out, const json_t *value, unsigned depth);

static void put_array(struct lv_buffer *out, const json_t *array, unsigned depth)
{
    lv_buffer_add_u8(out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            lv_buffer_add_u8(out, ',');
        put_value(out, json_array_get(array, i), depth);
    }
    lv_buffer_add_u8(out, ']');
}

static void put_members(struct lv_buffer *out, json_t *object, const char *begin,
                        const char *between, const char *end, unsigned depth)
{
    size_t count;
    const char **names = json_names_sorted(object, &count);
    for (size_t i = 0; i < count; i++) {
        lv_buffer_printf(out, "%s%s", i > 0 ? "," : "", begin);
        erlang_put_text(out, slice_str(names[i]));
        lv_buffer_printf(out, "%s", between);
        put_value(out, json_object_get(object, names[i]), depth);
        lv_buffer_printf(out, "%s", end);
    }
    free(names);
}

static void put_object(struct lv_buffer *out, const json_t *object, unsigned depth)
{
    lv_buffer_printf(out, "#{");
    put_members(out, (json_t *)(uintptr_t)object, "", " => ", "", depth);
    lv_buffer_add_u8(out, '}');
}

static void put_value(struct lv_buffer *out, const json_t *value, unsigned depth)
{
    if (depth == DEPTH_MAX) {
        lv_buffer_printf(out, "...");
        return;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT: put_object(out, value, depth + 1); break;
    case JSON_ARRAY: put_array(out, value, depth + 1); break;
    case JSON_STRING: erlang_put_text(out, json_slice(value)); break;
    case JSON_INTEGER:
        lv_buffer_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL: put_real(out, json_real_value(value)); break;
    case JSON_TRUE: lv_buffer_printf(out, "true"); break;
    case JSON_FALSE: lv_buffer_printf(out, "false"); break;
    case JSON_NULL: lv_buffer_printf(out, "null"); break;
    }
}

void json_put_erlang(struct lv_buffer *out, const json_t *value)
{
    put_value(out, value, 0);
}

void json_put_erlang_list(struct lv_buffer *out, json_t *object)
{
    lv_assert(json_is_object(object));
    lv_buffer_add_u8(out, '[');
    put_members(out, object, "{", ",", "}", 0);
    lv_buffer_add_u8(out, ']');
}
