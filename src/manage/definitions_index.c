/* Rows by vhost and name. */
#include <stdlib.h>

#include "base/memory.h"
#include "base/search.h"
#include "manage/definitions_rows.h"

static int compare_names(const struct defined *a, struct slice vhost, struct slice name)
{
    int order = slice_compare(a->vhost, vhost);
    return order ? order : slice_compare(a->name, name);
}

static int compare_rows(const void *a, const void *b)
{
    const struct defined *x = *(struct defined *const *)a, *y = *(struct defined *const *)b;
    int order = compare_names(x, y->vhost, y->name);
    return order ? order : (x > y) - (x < y); /* they are in one array */
}

struct name_index index_make(const struct defined_list *list)
{
    struct name_index index = {lv_calloc(list->count + 1, sizeof *index.rows), list->count};
    for (size_t i = 0; i < list->count; i++)
        index.rows[i] = defined_at(list, i);
    qsort(index.rows, index.count, sizeof *index.rows, compare_rows);
    return index;
}

struct defined *index_find(const struct name_index *index, struct slice vhost, struct slice name)
{
    size_t found;
    LV_LOWER_BOUND(found, index->count, at, compare_names(index->rows[at], vhost, name) < 0);
    bool is_there = found < index->count && compare_names(index->rows[found], vhost, name) == 0;
    return is_there ? index->rows[found] : NULL;
}
