/* Patterns and headers are both sorted by name, so each field of a pattern is looked up by binary
 * search in the rest of the headers: comparing few fields with many headers is cheap. */
#include "topology/headers_pattern.h"

#include "topology/header_value.h"

/* --- reading ---------------------------------------------------------------------------------- */

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

/* Returns the index of x-match's value in `matches`: -1 if it is not there, that of "all" if there
 * is no x-match. */
static int x_match_of(struct slice arguments)
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

bool headers_pattern_check(struct slice arguments, struct broker_error *error)
{
    struct field f;
    if (x_match_of(arguments) >= 0 || !table_find(arguments, "x-match", &f))
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

size_t headers_pattern_count_max(struct slice arguments)
{
    struct slice name;
    struct field f;
    size_t count = 0;
    while (table_next(&arguments, &name, &f))
        count++;
    return count;
}

void headers_pattern_read(struct headers_pattern *pattern, struct slice arguments)
{
    int match = x_match_of(arguments);
    bool with_x = match >= 0 && matches[match].with_x;
    struct slice name;
    struct field f;
    pattern->is_any = match >= 0 && matches[match].is_any;
    pattern->count = 0;
    while (table_next(&arguments, &name, &f)) {
        if (slice_is(name, "x-match") || (slice_begins(name, "x-") && !with_x))
            continue;
        pattern->fields[pattern->count++] = (struct header){name, f};
    }
}

/* --- matching --------------------------------------------------------------------------------- */

/* Returns the index of the first header from `from` on whose name is not less than this one;
 * headers->count if there is none. */
static size_t find_header(const struct header_list *headers, size_t from, struct slice name)
{
    size_t end = headers->count;
    while (from < end) {
        size_t middle = from + (end - from) / 2;
        if (slice_compare(headers->items[middle].name, name) < 0)
            from = middle + 1;
        else
            end = middle;
    }
    return from;
}

/* Returns the next header of this name from *at on, or NULL; *at is then the index after it. */
static const struct header *next_header(const struct header_list *headers, size_t *at,
                                        struct slice name)
{
    *at = find_header(headers, *at, name);
    if (*at == headers->count || !slice_equal(headers->items[*at].name, name))
        return NULL;
    return &headers->items[(*at)++];
}

static bool header_matches(const struct header *wanted, const struct header *header)
{
    return header && (wanted->value.type == FIELD_VOID ||
                      header_values_equal(&wanted->value, &header->value));
}

bool headers_pattern_matches(const struct headers_pattern *pattern,
                             const struct header_list *headers)
{
    size_t at = 0;
    for (size_t i = 0; i < pattern->count; i++) {
        const struct header *wanted = &pattern->fields[i];
        bool met = header_matches(wanted, next_header(headers, &at, wanted->name));
        if (met == pattern->is_any)
            return met;
    }
    return !pattern->is_any;
}

/* --- explaining ------------------------------------------------------------------------------- */

/* Appends a value for people to read: strings in quotes, which keeps '5' apart from 5. */
static void field_append(struct lv_buffer *out, const struct field *f)
{
    struct lv_buffer text = {0};
    if (f->type == FIELD_LONGSTR) {
        lv_buffer_printf(out, "'%.*s'", SLICE_ARG(f->bytes));
        return;
    }
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
    field_append(why, &header->value);
    lv_buffer_printf(why, " and not ");
    field_append(why, &wanted->value);
}

bool headers_pattern_explain(const struct headers_pattern *pattern,
                             const struct header_list *headers, struct lv_buffer *why)
{
    size_t at = 0;
    for (size_t i = 0; i < pattern->count; i++) {
        const struct header *wanted = &pattern->fields[i];
        const struct header *header = next_header(headers, &at, wanted->name);
        bool met = header_matches(wanted, header);
        if (met && pattern->is_any) {
            why->n = 0;
            lv_buffer_printf(why, "the header '%.*s' is met", SLICE_ARG(wanted->name));
            return true;
        }
        if (!met) {
            lv_buffer_printf(why, "%s", why->n > 0 ? "; " : "");
            explain_unmet(wanted, header, why);
        }
        if (!met && !pattern->is_any)
            return false;
    }
    if (pattern->count == 0)
        lv_buffer_printf(why, "the binding asks for no header");
    else if (!pattern->is_any)
        lv_buffer_printf(why, "every header is met");
    return !pattern->is_any;
}
