/* A listing: a row of facts for each queue, user ..., which its columns show. Once it is made it
 * refers to nothing outside: it can be sorted, filtered and shown in pages at leisure. One thread.
 */
#ifndef LEVERET_MANAGE_LISTING_H
#define LEVERET_MANAGE_LISTING_H

#include "manage/column.h"

struct listing {
    const struct column *columns;
    void **rows; /* facts; owned */
    size_t count;
    size_t capacity;
    void (*free_row)(void *facts); /* frees a row; NULL: free() */
};

/* Appends a row. Takes the facts. */
void listing_add(struct listing *l, void *facts);
/* `compare` is qsort(3)'s: it is given pointers to rows. */
void listing_sort_by(struct listing *l, int (*compare)(const void *a, const void *b));
/* Sorts by a column; rows with equal values keep their order. */
void listing_sort(struct listing *l, const struct manage *m, const struct column *column,
                  bool is_descending);
/* Keeps the rows in which this column is a string that contains the text, in either case. */
void listing_keep_matching(struct listing *l, const struct manage *m, const struct column *column,
                           struct slice text);
/* Keeps at most `count` rows, beginning with row `first`. */
void listing_keep_page(struct listing *l, size_t first, size_t count);
/* Frees the rows; the listing is empty afterwards. */
void listing_free(struct listing *l);

#endif
