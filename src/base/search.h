/* Binary search in a sorted array. */
#ifndef LEVERET_BASE_SEARCH_H
#define LEVERET_BASE_SEARCH_H

#include <stddef.h>

/* Sets `result`, a size_t, to the first index from 0 to count - 1 whose item is not before the
 * wanted one, or to count if there is none. `is_before` is an expression that says whether the item
 * at the index `at` (the caller names this variable) is before the wanted one:
 *
 *     LV_LOWER_BOUND(found, rows->count, at, rows->items[at].id < id); */
#define LV_LOWER_BOUND(result, count, at, is_before)                                               \
    do {                                                                                           \
        size_t lv_low = 0, lv_high = (count);                                                      \
        while (lv_low < lv_high) {                                                                 \
            const size_t at = lv_low + (lv_high - lv_low) / 2;                                     \
            if (is_before)                                                                         \
                lv_low = at + 1;                                                                   \
            else                                                                                   \
                lv_high = at;                                                                      \
        }                                                                                          \
        (result) = lv_low;                                                                         \
    } while (0)

#endif
