/* A listing: a row of facts for each queue, user ..., and the columns that show them. A listing
 * that has been made refers to nothing outside it, so it can be sorted, filtered and shown in pages
 * at leisure. It is used by one thread at a time. */
#ifndef LEVERET_MANAGE_LISTING_H
#define LEVERET_MANAGE_LISTING_H

#include "base/pattern.h"
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
/* Moves the rows of `found`, which are freed in the same way, to the end of the listing. */
void listing_join(struct listing *l, struct listing *found);
/* Sorts the rows. `compare` is as for qsort(3), and is given pointers to elements of `rows`. */
void listing_sort_by(struct listing *l, int (*compare)(const void *a, const void *b));
/* Sorts by a column; rows with equal values keep their order. */
void listing_sort(struct listing *l, const struct manage *m, const struct column *column,
                  bool is_descending);
/* Sorts by these values, one for each row, ascending; rows with equal values keep their order. */
void listing_sort_values(struct listing *l, const struct value *values);
/* Keeps the rows in which the value of one of these columns, an array that ends with NULL, is a
 * string that contains the text; upper and lower case are the same. */
void listing_keep_matching(struct listing *l, const struct manage *m,
                           const struct column *const *columns, struct slice text);
/* Keeps the rows in which the value of one of these columns is a string that matches the
 * pattern. */
void listing_keep_pattern(struct listing *l, const struct manage *m,
                          const struct column *const *columns, const struct pattern *pattern);
/* Turns the order of the rows round. */
void listing_reverse(struct listing *l);
/* Keeps at most `count` rows, beginning with row `first`. */
void listing_keep_page(struct listing *l, size_t first, size_t count);
/* Frees the rows; the listing is empty afterwards. */
void listing_free(struct listing *l);

#endif
