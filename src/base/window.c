#include "base/window.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

void lv_window_init(struct lv_window *w, size_t chunk_bytes)
{
    *w = (struct lv_window){.chunk_bytes = chunk_bytes};
}

void lv_window_free(struct lv_window *w)
{
    for (uint64_t c = w->first; c < w->end; c++)
        free(w->ring[c & (w->capacity - 1)]);
    free(w->ring);
    free(w->spare);
    *w = (struct lv_window){.chunk_bytes = w->chunk_bytes};
}

static void window_grow(struct lv_window *w)
{
    size_t capacity = w->capacity ? w->capacity * 2 : 2;
    void **ring = lv_calloc(capacity, sizeof *ring);
    for (uint64_t c = w->first; c < w->end; c++)
        ring[c & (capacity - 1)] = w->ring[c & (w->capacity - 1)];
    free(w->ring);
    w->ring = ring;
    w->capacity = capacity;
}

static void *window_new_chunk(struct lv_window *w)
{
    void *chunk = w->spare ? w->spare : lv_malloc(w->chunk_bytes);
    w->spare = NULL;
    memset(chunk, 0, w->chunk_bytes);
    return chunk;
}

void *lv_window_extend(struct lv_window *w, uint64_t sequence)
{
    uint64_t c = sequence / WINDOW_ENTRIES;
    if (w->first == w->end) {
        w->first = c;
        w->end = c;
    }
    if (c < w->end && w->ring[c & (w->capacity - 1)])
        return w->ring[c & (w->capacity - 1)];
    lv_assert(c + 1 >= w->end);
    while (w->end <= c) {
        if (w->end - w->first == w->capacity)
            window_grow(w);
        w->ring[w->end++ & (w->capacity - 1)] = NULL;
    }
    return w->ring[c & (w->capacity - 1)] = window_new_chunk(w);
}

void lv_window_drop(struct lv_window *w, uint64_t sequence)
{
    uint64_t c = sequence / WINDOW_ENTRIES;
    lv_assert(c >= w->first && c < w->end);
    void **at = &w->ring[c & (w->capacity - 1)];
    lv_assert(*at != NULL);
    if (w->spare)
        free(*at);
    else
        w->spare = *at;
    *at = NULL;
    while (w->first < w->end && !w->ring[w->first & (w->capacity - 1)])
        w->first++;
}
