/* What is freed stays with the allocator, for the thread that it was allocated on. */
#include <malloc.h>
#include <stdbool.h>

#include "base/memory.h"

#if __has_include(<mimalloc.h>)
#include <mimalloc.h>

/* They are there in programs that are linked with it, and NULL in others. */
#pragma weak mi_collect
#pragma weak mi_heap_get_default
#pragma weak mi_heap_visit_blocks

static bool add_spare(const mi_heap_t *heap, const mi_heap_area_t *area, void *block, size_t bytes,
                      void *arg)
{
    (void)heap;
    (void)block;
    (void)bytes;
    size_t used = area->used * area->full_block_size;
    if (area->committed > used)
        *(size_t *)arg += area->committed - used;
    return true;
}

static bool mimalloc_gives_back(size_t *ret_spare)
{
    size_t spare = 0;
    if (!mi_collect || !mi_heap_get_default || !mi_heap_visit_blocks)
        return false;
    mi_collect(true);
    mi_heap_visit_blocks(mi_heap_get_default(), false, add_spare, &spare);
    *ret_spare = spare;
    return true;
}
#else
static bool mimalloc_gives_back(size_t *ret_spare)
{
    (void)ret_spare;
    return false;
}
#endif

size_t lv_memory_give_back(void)
{
    size_t spare;
    if (mimalloc_gives_back(&spare))
        return spare;
    malloc_trim(0);
    return 0;
}
