/* Returning memory to the system. The allocator keeps freed memory for the thread that allocated
 * it, until it is told to return it. */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/memory.h"

#if __has_include(<mimalloc.h>)
#include <mimalloc.h>

/* These functions are NULL in programs that are not linked with mimalloc. */
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

/* The allocations of a thread. */
struct heap_facts {
    size_t used;        /* how many are in use */
    size_t spare_bytes; /* free bytes that were not returned to the system */
};

static bool add_area(const mi_heap_t *heap, const mi_heap_area_t *area, void *block, size_t bytes,
                     void *arg)
{
    (void)heap;
    (void)block;
    (void)bytes;
    struct heap_facts *facts = arg;
    size_t used_bytes = area->used * area->full_block_size;
    facts->used += area->used;
    if (area->committed > used_bytes)
        facts->spare_bytes += area->committed - used_bytes;
    return true;
}

/* Looks at the calling thread's heap. */
static struct heap_facts heap_look(void)
{
    struct heap_facts facts = {0};
    if (mi_heap_get_default && mi_heap_visit_blocks)
        mi_heap_visit_blocks(mi_heap_get_default(), false, add_area, &facts);
    return facts;
}

static bool mimalloc_is_in_use(void)
{
    return heap_look().used > 0;
}

static long page_ms, segment_ms; /* mimalloc's own delays, used while free pages are kept */
static atomic_bool is_given_at_once;
static atomic_uint givers; /* threads in mimalloc_gives_back() */

static void read_delays(void)
{
    page_ms = mi_option_get((mi_option_t)PAGE_DELAY);
    segment_ms = mi_option_get((mi_option_t)SEGMENT_DELAY);
}

static void set_delays(bool is_kept)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (!mi_option_set || !mi_option_get)
        return;
    pthread_once(&once, read_delays);
    mi_option_set((mi_option_t)PAGE_DELAY, is_kept ? page_ms : 0);
    mi_option_set((mi_option_t)SEGMENT_DELAY, is_kept ? segment_ms : 0);
}

/* A free page stays in its segment until the delay is over and another page is taken from that
 * segment, which an idle thread never does. So this takes some pages from wherever there is room,
 * the largest first, and frees them. */
static void take_and_free_pages(void)
{
    enum { KINDS = 4, OF_EACH = 32 };
    static const size_t bytes[KINDS] = {4 << 20, 1 << 20, 256 << 10, 60 << 10};
    void *pages[KINDS][OF_EACH];
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < OF_EACH; i++)
            pages[kind][i] = malloc(bytes[kind]);
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < OF_EACH; i++)
            free(pages[kind][i]);
}

static bool mimalloc_gives_back(size_t *ret_spare)
{
    if (!mi_collect || !mi_heap_get_default || !mi_heap_visit_blocks)
        return false;
    if (atomic_fetch_add(&givers, 1) == 0)
        set_delays(false); /* no later call of the allocator may come that would end a delay */
    mi_collect(true);
    take_and_free_pages();
    mi_collect(true);
    if (atomic_fetch_sub(&givers, 1) == 1)
        set_delays(!atomic_load(&is_given_at_once));
    *ret_spare = heap_look().spare_bytes;
    return true;
}

static bool mimalloc_leaves(void)
{
    if (mi_collect)
        mi_collect(true);
    return mi_collect != NULL;
}

static void mimalloc_keeps(bool is_kept)
{
    atomic_store(&is_given_at_once, !is_kept);
    set_delays(is_kept);
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

static bool mimalloc_is_in_use(void)
{
    return false;
}

static bool mimalloc_leaves(void)
{
    return false;
}
#endif

/* --- glibc's malloc --------------------------------------------------------------------------- */

static void trim(void)
{
    malloc_trim(0);
}

/* Where another allocator serves malloc(), such as a sanitizer's or a preloaded one, nobody has set
 * up glibc's: the first malloc_trim() does, and a second thread that came meanwhile would read
 * lists that are not there yet (glibc 2.36). So the first one is alone. */
static void glibc_gives_back(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, trim);
    trim();
}

/* --- either ----------------------------------------------------------------------------------- */

void lv_memory_keep_freed(bool is_kept)
{
    mimalloc_keeps(is_kept);
}

size_t lv_memory_give_back(void)
{
    size_t spare;
    if (mimalloc_gives_back(&spare))
        return spare;
    glibc_gives_back();
    return 0;
}

bool lv_memory_is_in_use(void)
{
    return mimalloc_is_in_use();
}

void lv_memory_leave(void)
{
    if (!mimalloc_leaves())
        glibc_gives_back();
}
