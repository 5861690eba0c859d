/* A growing array: a pointer, a count and a capacity, which are members of the caller's struct. All
 * zero is a valid, empty array; the caller frees the pointer. */
#ifndef LEVERET_BASE_VEC_H
#define LEVERET_BASE_VEC_H

#include <stddef.h>

#include "base/memory.h"

/* Makes room for one more item: items[count] may then be written. The capacity, a size_t, is
 * doubled when it is used up. Evaluates its arguments more than once. */
#define lv_vec_room(items, count, capacity)                                                        \
    ((count) < (capacity) ? (void)0                                                                \
                          : (void)((items) = lv_vec_grow((items), &(capacity), sizeof *(items))))

/* Only lv_vec_room() calls it. */
static inline void *lv_vec_grow(void *items, size_t *capacity, size_t item_bytes)
{
    *capacity = *capacity ? *capacity * 2 : 16;
    return lv_realloc(items, *capacity * item_bytes);
}

#endif
