/* Answers that are listings: filtered, put in order, in pages. */
#include <stdlib.h>
#include <string.h>

#include "api/objects.h"
#include "api/pages.h"
#include "base/assert.h"
#include "base/memory.h"
#include "manage/compute_slots.h"

enum { NAMES_MAX = 4 };

/* Finds the fields that a page filters by, and ends them with NULL. */
static void find_names(const struct api_kind *kind, const struct column *ret[NAMES_MAX + 1])
{
    const char *names = kind->names ? kind->names : "name";
    size_t count = 0;
    while (*names) {
        size_t length = strcspn(names, " ");
        const struct column *column = column_find(kind->fields, slice_of(names, length));
        lv_assert(count < NAMES_MAX);
        if (column)
            ret[count++] = column;
        names += length + strspn(names + length, " ");
    }
    ret[count] = NULL;
}

/* Keeps the rows whose name the page asks for. */
static void filter_names(struct api_call *c, const struct api_kind *kind,
                         const struct api_page *page, struct listing *l)
{
    const struct column *names[NAMES_MAX + 1];
    find_names(kind, names);
    if (page->pattern)
        listing_keep_pattern(l, c->manage, names, page->pattern);
    else if (page->name.n > 0)
        listing_keep_matching(l, c->manage, names, page->name);
}

/* Returns the values of all rows. Those of statistics are looked up for one row at a time. */
static struct value *sort_values(struct api_call *c, const struct api_kind *kind,
                                 const struct api_sort_key *key, const struct listing *l)
{
    struct value *values = lv_calloc(l->count + 1, sizeof *values);
    bool looks_up = kind->find_statistics && key->field->is_statistic;
    for (size_t i = 0; i < l->count; i++) {
        struct statistics_answer answer;
        if (looks_up)
            api_statistics_begin(c, kind, l->rows[i], &answer);
        values[i] = api_sort_key_value(key, c->manage, l->rows[i]);
        if (looks_up)
            api_statistics_end(kind, l->rows[i], &answer);
    }
    return values;
}

static void sort_rows(struct api_call *c, const struct api_kind *kind, struct listing *l)
{
    struct api_sort_key key;
    struct slice path = api_query(c, "sort");
    if (path.n > 0 && api_sort_key_find(kind->fields, path, &key)) {
        struct value *values = sort_values(c, kind, &key, l);
        listing_sort_values(l, values);
        free(values);
    }
    if (api_query_flag(c, "sort_reverse"))
        listing_reverse(l);
}

static void answer_rows(struct api_call *c, const struct api_kind *kind, struct api_page *page,
                        struct listing *l)
{
    struct api_show show;
    struct api_counts counts = {.total = l->count};
    api_show_begin(&show, c, kind);
    filter_names(c, kind, page, l);
    counts.matching = l->count;
    sort_rows(c, kind, l);
    if (!page->is_asked_for)
        api_rows_write(&show, l, 0, l->count);
    else if (api_page_first(page) <= l->count)
        api_page_write(&show, page, &counts, l, api_page_first(page));
    else
        api_page_write(&show, page, &counts, l, l->count);
}

void api_answer_kind(struct api_call *c, const struct api_kind *kind, bool is_done,
                     struct listing *l, struct manage_error *error)
{
    struct api_page page = {.is_asked_for = false};
    compute_slot_take();
    l->columns = kind->fields;
    if (!is_done)
        api_refuse_as(c, error);
    else if (api_read_range(c, &c->range) && api_page_read(c, &page))
        answer_rows(c, kind, &page, l);
    api_page_free(&page);
    listing_free(l);
}

void api_answer_listing(struct api_call *c, bool is_done, struct listing *l,
                        struct manage_error *error)
{
    const struct api_kind kind = {.fields = l->columns};
    api_answer_kind(c, &kind, is_done, l, error);
}
