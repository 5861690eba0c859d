/* Copies of facts. */
#include "manage/facts.h"

#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

void *facts_copy(const void *facts, size_t size, struct slice *const *slices, size_t count)
{
    const uint8_t *from = facts;
    size_t bytes = size;
    for (size_t i = 0; i < count; i++)
        bytes += slices[i]->n;
    uint8_t *copy = lv_malloc(bytes), *end = copy + size;
    memcpy(copy, from, size);
    for (size_t i = 0; i < count; i++) {
        size_t offset = (size_t)((const uint8_t *)slices[i] - from);
        lv_assert(offset + sizeof(struct slice) <= size);
        const struct slice moved = slice_of(end, slices[i]->n);
        memcpy(copy + offset, &moved, sizeof moved);
        if (moved.n > 0)
            memcpy(end, slices[i]->p, moved.n);
        end += moved.n;
    }
    return copy;
}
