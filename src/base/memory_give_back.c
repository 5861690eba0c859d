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
#pragma weak mi_option_set
#pragma weak mi_option_get

#if MI_MALLOC_VERSION < 210
enum { PAGE_DELAY = mi_option_decommit_delay, SEGMENT_DELAY = mi_option_segment_decommit_delay };
#else
enum { PAGE_DELAY = mi_option_purge_delay, SEGMENT_DELAY = mi_option_purge_delay };
#endif

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

static void mimalloc_keeps(bool is_kept)
{
    static long page_ms, segment_ms; /* what they are while it is kept */
    static bool is_known;
    if (!mi_option_set || !mi_option_get)
        return;
    if (!is_known) {
        page_ms = mi_option_get((mi_option_t)PAGE_DELAY);
        segment_ms = mi_option_get((mi_option_t)SEGMENT_DELAY);
        is_known = true;
    }
    mi_option_set((mi_option_t)PAGE_DELAY, is_kept ? page_ms : 0);
    mi_option_set((mi_option_t)SEGMENT_DELAY, is_kept ? segment_ms : 0);
}
#else
static void mimalloc_keeps(bool is_kept)
{
    (void)is_kept;
}

static bool mimalloc_gives_back(size_t *ret_spare)
{
    (void)ret_spare;
    return false;
}
#endif

void lv_memory_keep_freed(bool is_kept)
{
    mimalloc_keeps(is_kept);
}

size_t lv_memory_give_back(void)
{
    size_t spare;
    if (mimalloc_gives_back(&spare))
        return spare;
    malloc_trim(0);
    return 0;
}
