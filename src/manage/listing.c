/* Listings: adding rows, sorting, filtering, pages. */
#include "manage/listing.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"

void listing_add(struct listing *l, void *facts)
{
    lv_assert(facts != NULL && l->count <= l->capacity);
    if (l->count == l->capacity) {
        l->capacity = l->capacity ? l->capacity * 2 : 64;
        l->rows = lv_realloc(l->rows, l->capacity * sizeof(void *));
    }
    l->rows[l->count++] = facts;
}

void listing_join(struct listing *l, struct listing *found)
{
    for (size_t i = 0; i < found->count; i++)
        listing_add(l, found->rows[i]);
    found->count = 0;
    listing_free(found);
}

void listing_sort_by(struct listing *l, int (*compare)(const void *a, const void *b))
{
    if (l->count > 0)
        qsort(l->rows, l->count, sizeof(void *), compare);
}

/* --- by a column ------------------------------------------------------------------------------ */

struct sorted {
    struct value value;
    size_t before; /* its index before the sort */
    void *facts;
};

static int row_ascending(const void *a, const void *b)
{
    const struct sorted *p = a, *q = b;
    int order = value_compare(&p->value, &q->value);
    return order ? order : p->before < q->before ? -1 : 1;
}

static int row_descending(const void *a, const void *b)
{
    const struct sorted *p = a, *q = b;
    int order = value_compare(&q->value, &p->value);
    return order ? order : p->before < q->before ? -1 : 1;
}

/* Takes the rows, which are as many as those of the listing and have their values. */
static void sort_rows(struct listing *l, struct sorted *rows, bool is_descending)
{
    for (size_t i = 0; i < l->count; i++) {
        rows[i].before = i;
        rows[i].facts = l->rows[i];
    }
    qsort(rows, l->count, sizeof *rows, is_descending ? row_descending : row_ascending);
    for (size_t i = 0; i < l->count; i++)
        l->rows[i] = rows[i].facts;
    free(rows);
}

void listing_sort(struct listing *l, const struct manage *m, const struct column *column,
                  bool is_descending)
{
    if (l->count == 0)
        return;
    struct sorted *rows = lv_malloc(l->count * sizeof *rows);
    for (size_t i = 0; i < l->count; i++)
        rows[i].value = column->value(m, l->rows[i]);
    sort_rows(l, rows, is_descending);
}

void listing_sort_values(struct listing *l, const struct value *values)
{
    if (l->count == 0)
        return;
    struct sorted *rows = lv_malloc(l->count * sizeof *rows);
    for (size_t i = 0; i < l->count; i++)
        rows[i].value = values[i];
    sort_rows(l, rows, false);
}

/* --- fewer rows ------------------------------------------------------------------------------- */

static void row_free(struct listing *l, void *facts)
{
    if (l->free_row)
        l->free_row(facts);
    else
        free(facts);
}

static bool begins_with(struct slice s, struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (tolower(s.p[i]) != tolower(text.p[i]))
            return false;
    return true;
}

static bool text_contains(struct slice s, struct slice text)
{
    for (size_t i = 0; i + text.n <= s.n; i++)
        if (begins_with(slice_of(s.p + i, s.n - i), text))
            return true;
    return false;
}

/* What a string must be: it contains a text, or (if there is one) matches a pattern. */
struct condition {
    struct slice text;
    const struct pattern *pattern;
};

static bool condition_is_met(const struct condition *condition, const struct value *value)
{
    if (value->type != VALUE_STRING)
        return false;
    return condition->pattern ? pattern_matches(condition->pattern, value->string)
                              : text_contains(value->string, condition->text);
}

static bool row_meets(void *facts, const struct manage *m, const struct column *const *columns,
                      const struct condition *condition)
{
    for (; *columns; columns++) {
        struct value value = (*columns)->value(m, facts);
        if (condition_is_met(condition, &value))
            return true;
    }
    return false;
}

static void keep_where(struct listing *l, const struct manage *m,
                       const struct column *const *columns, const struct condition *condition)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (row_meets(l->rows[i], m, columns, condition))
            l->rows[kept++] = l->rows[i];
        else
            row_free(l, l->rows[i]);
    }
    l->count = kept;
}

void listing_keep_matching(struct listing *l, const struct manage *m,
                           const struct column *const *columns, struct slice text)
{
    keep_where(l, m, columns, &(struct condition){.text = text});
}

void listing_keep_pattern(struct listing *l, const struct manage *m,
                          const struct column *const *columns, const struct pattern *pattern)
{
    keep_where(l, m, columns, &(struct condition){.pattern = pattern});
}

void listing_reverse(struct listing *l)
{
    for (size_t i = 0; i < l->count / 2; i++) {
        void *row = l->rows[i];
        l->rows[i] = l->rows[l->count - 1 - i];
        l->rows[l->count - 1 - i] = row;
    }
}

void listing_keep_page(struct listing *l, size_t first, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (i >= first && i - first < count)
            l->rows[kept++] = l->rows[i];
        else
            row_free(l, l->rows[i]);
    }
    l->count = kept;
}

void listing_free(struct listing *l)
{
    for (size_t i = 0; i < l->count; i++)
        row_free(l, l->rows[i]);
    free(l->rows);
    *l = (struct listing){.columns = l->columns};
}
