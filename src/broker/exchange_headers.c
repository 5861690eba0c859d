/* headers: a binding's arguments are compared with the message's headers.
 *
 *   x-match      matches when
 *   all          every argument is met (also when there is none to meet)
 *   any          at least one is
 *   ...-with-x   the same, counting also the arguments that begin with "x-"
 *
 * An argument is met when a header of that name has an equal value; one of type void asks only for
 * the header's presence. Values are compared as RabbitMQ compares them: integers of any width, and
 * timestamps and floats, by their number, strings by their bytes; within tables and arrays the
 * types must be the same too. Both sides are sorted by name and merged, so a name that comes twice
 * in a binding needs two headers of that name.
 *
 * The bindings are tried one after the other: what is said about a key by one tells nothing about
 * the next. A message's headers are read and sorted once. */
#include <stdlib.h>

#include "base/memory.h"
#include "broker/exchange_private.h"
#include "broker/fanset.h"
#include "broker/route_private.h"

/* A binding's arguments that count, read once. Names and values borrow from the binding. */
struct pattern {
    struct lv_rcu_head rcu;
    bool is_any;
    size_t count;
    struct header fields[];
};

/* --- equality ----------------------------------------------------------------------------- */

static bool is_float(const struct field *f)
{
    return f->type == FIELD_DOUBLE || f->type == FIELD_FLOAT;
}

static bool is_whole(const struct field *f)
{
    return field_is_integer(f) || f->type == FIELD_TIMESTAMP;
}

/* Whole numbers from -2^63 to 2^64 - 1. */
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

static bool values_equal(const struct field *a, const struct field *b);

static bool arrays_equal(struct slice a, struct slice b)
{
    struct field x, y;
    while (array_next(&a, &x)) {
        if (!array_next(&b, &y) || x.type != y.type || !values_equal(&x, &y))
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
            !values_equal(&x, &y))
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

/* As deep as the tables are, which is TABLE_DEPTH_MAX at most. */
static bool values_equal(const struct field *a, const struct field *b)
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

/* --- matching ----------------------------------------------------------------------------- */

static bool is_met(const struct header *wanted, const struct header *header)
{
    return wanted->value.type == FIELD_VOID || values_equal(&wanted->value, &header->value);
}

static bool pattern_matches(const struct pattern *pattern, const struct header_list *headers)
{
    size_t h = 0;
    for (size_t i = 0; i < pattern->count; i++) {
        const struct header *wanted = &pattern->fields[i];
        while (h < headers->count && slice_compare(headers->items[h].name, wanted->name) < 0)
            h++;
        bool is_there = h < headers->count && slice_equal(headers->items[h].name, wanted->name);
        bool met = is_there && is_met(wanted, &headers->items[h]);
        if (met == pattern->is_any)
            return met;
        h += is_there;
    }
    return !pattern->is_any;
}

static void headers_route(struct exchange *exchange, const struct routing_input *input,
                          struct route_set *ret)
{
    const struct header_list *headers = route_set_headers(ret, input);
    struct fanset_view view = fanset_view(exchange->state);
    for (uint32_t i = 0; i < view.count; i++) {
        struct binding *b = fanset_view_at(&view, i);
        if (b && pattern_matches(b->indexed_at, headers))
            route_set_add(ret, b->destination);
    }
}

/* --- explaining --------------------------------------------------------------------------- */

static void put_value(struct lv_buffer *out, const struct field *f)
{
    struct lv_buffer text = {0};
    field_describe(&text, f);
    lv_buffer_add_slice(out, lv_buffer_slice(&text));
    lv_buffer_free(&text);
}

static void explain_unmet(const struct header *wanted, const struct header *header,
                          struct lv_buffer *why)
{
    if (!header) {
        lv_buffer_printf(why, "there is no header '%.*s'", SLICE_ARG(wanted->name));
        return;
    }
    lv_buffer_printf(why, "the header '%.*s' is ", SLICE_ARG(wanted->name));
    put_value(why, &header->value);
    lv_buffer_printf(why, " and not ");
    put_value(why, &wanted->value);
}

/* The same merge as pattern_matches(), with reasons: what decides, or with `any` all that failed. */
static bool pattern_explain(const struct pattern *pattern, const struct header_list *headers,
                            struct lv_buffer *why)
{
    size_t h = 0;
    for (size_t i = 0; i < pattern->count; i++) {
        const struct header *wanted = &pattern->fields[i];
        while (h < headers->count && slice_compare(headers->items[h].name, wanted->name) < 0)
            h++;
        bool is_there = h < headers->count && slice_equal(headers->items[h].name, wanted->name);
        bool met = is_there && is_met(wanted, &headers->items[h]);
        if (met && pattern->is_any) {
            why->n = 0;
            lv_buffer_printf(why, "the header '%.*s' is met", SLICE_ARG(wanted->name));
            return true;
        }
        if (!met) {
            lv_buffer_printf(why, "%s", why->n > 0 ? "; " : "");
            explain_unmet(wanted, is_there ? &headers->items[h] : NULL, why);
        }
        if (!met && !pattern->is_any)
            return false;
        h += is_there;
    }
    if (pattern->count == 0)
        lv_buffer_printf(why, "the binding asks for no header");
    else if (!pattern->is_any)
        lv_buffer_printf(why, "every header is met");
    return !pattern->is_any;
}

static bool headers_explain(struct exchange *exchange, struct binding *binding,
                            const struct routing_input *input, struct lv_buffer *why)
{
    (void)exchange;
    struct route_set set = {0};
    bool is_taken = pattern_explain(binding->indexed_at, route_set_headers(&set, input), why);
    route_set_free(&set);
    return is_taken;
}

/* --- changing, under the lock ------------------------------------------------------------- */

static const struct {
    const char *name;
    bool is_any;
    bool with_x;
} matches[] = {
    {"all", false, false},
    {"any", true, false},
    {"all-with-x", false, true},
    {"any-with-x", true, true},
};

/* The row of `matches`; -1: none of them. Without x-match it is all. */
static int match_of(struct slice arguments)
{
    struct field f;
    if (!table_find(arguments, "x-match", &f))
        return 0;
    for (int i = 0; f.type == FIELD_LONGSTR && i < (int)(sizeof matches / sizeof *matches); i++) {
        if (slice_is(f.bytes, matches[i].name))
            return i;
    }
    return -1;
}

static bool headers_check(struct exchange *exchange, struct slice routing_key,
                          struct slice arguments, struct broker_error *error)
{
    (void)exchange;
    (void)routing_key;
    struct field f;
    if (match_of(arguments) >= 0 || !table_find(arguments, "x-match", &f))
        return true;
    struct lv_buffer value = {0};
    field_describe(&value, &f);
    if (f.type == FIELD_LONGSTR)
        broker_refuse(error, 406,
                      "Invalid x-match field value %.*s; expected all, any, all-with-x, or "
                      "any-with-x",
                      SLICE_ARG(lv_buffer_slice(&value)));
    else
        broker_refuse(error, 406, "Invalid x-match field type %s (value %.*s); expected longstr",
                      field_type_name(f.type), SLICE_ARG(lv_buffer_slice(&value)));
    lv_buffer_free(&value);
    return false;
}

static struct pattern *pattern_create(struct slice arguments)
{
    int match = match_of(arguments);
    bool with_x = match >= 0 && matches[match].with_x;
    struct slice name;
    struct field f;
    size_t count = 0;
    for (struct slice rest = arguments; table_next(&rest, &name, &f);)
        count++;
    struct pattern *pattern = lv_malloc(sizeof *pattern + count * sizeof pattern->fields[0]);
    pattern->is_any = match >= 0 && matches[match].is_any;
    pattern->count = 0;
    for (struct slice rest = arguments; table_next(&rest, &name, &f);) {
        if (slice_is(name, "x-match") || (slice_begins(name, "x-") && !with_x))
            continue;
        pattern->fields[pattern->count++] = (struct header){name, f};
    }
    return pattern;
}

static void pattern_free(struct lv_rcu_head *head)
{
    free(lv_container_of(head, struct pattern, rcu));
}

static void headers_bind(struct exchange *exchange, struct binding *binding)
{
    binding->indexed_at = pattern_create(binding->arguments); /* sorted by name */
    fanset_add(exchange->state, binding);
}

/* indexed_at stays: a reader may just be looking at it. */
static void headers_unbind(struct exchange *exchange, struct binding *binding)
{
    struct pattern *pattern = binding->indexed_at;
    fanset_remove(exchange->state, binding);
    lv_rcu_defer(&pattern->rcu, pattern_free);
}

static void headers_create(struct exchange *exchange)
{
    exchange->state = lv_calloc(1, sizeof(struct fanset));
}

static void headers_destroy(struct exchange *exchange)
{
    lv_assert(fanset_is_empty(exchange->state));
    free(exchange->state);
}

const struct exchange_type exchange_headers = {
    .name = "headers",
    .is_never_cached = true,
    .is_asked_once = true,
    .create = headers_create,
    .destroy = headers_destroy,
    .route = headers_route,
    .check = headers_check,
    .bind = headers_bind,
    .unbind = headers_unbind,
    .explain = headers_explain,
};
