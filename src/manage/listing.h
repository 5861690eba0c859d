/* What a listing has found: a row of facts for each thing, which its columns show. A listing
 * needs nobody any longer once it is made: it can be sorted, filtered, and shown in pages. One
 * thread. */
#ifndef LEVERET_MANAGE_LISTING_H
#define LEVERET_MANAGE_LISTING_H

#include "manage/column.h"

struct listing {
    const struct column *columns;
    void **rows; /* facts; owned, with what free_row() frees of them */
    size_t count;
    size_t capacity;
    void (*free_row)(void *facts); /* NULL: free() */
};

/* Takes the facts. */
void listing_add(struct listing *l, void *facts);
/* Keeps its capacity. */
void listing_sort_by(struct listing *l, int (*compare)(const void *a, const void *b));
/* By a column, then as it was before. */
void listing_sort(struct listing *l, const struct manage *m, const struct column *column,
                  bool is_descending);
/* Keeps the rows in which this column is a string that contains this text; upper and lower case
 * are one. */
void listing_keep_matching(struct listing *l, const struct manage *m, const struct column *column,
                           struct slice text);
/* Keeps at most `count` rows, from the first-th on. */
void listing_keep_page(struct listing *l, size_t first, size_t count);
/* What is left is an empty listing. */
void listing_free(struct listing *l);

#endif
