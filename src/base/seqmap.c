/* A ring of pointers to chunks, indexed by chunk number. It is doubled when all of its slots are in
 * use. */
#include "base/seqmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

static bool is_elsewhere(const void *slot)
{
    return (uintptr_t)slot & SEQMAP_ELSEWHERE;
}

void lv_seqmap_init(struct lv_seqmap *w, size_t chunk_bytes)
{
    lv_assert(chunk_bytes > 0);
    *w = (struct lv_seqmap){.chunk_bytes = chunk_bytes};
}

void lv_seqmap_free(struct lv_seqmap *w)
{
    for (uint64_t c = w->first; c < w->end; c++) {
        void *chunk = w->ring[c & (w->capacity - 1)];
        free(is_elsewhere(chunk) ? NULL : chunk);
    }
    free(w->ring);
    free(w->spare);
    *w = (struct lv_seqmap){.chunk_bytes = w->chunk_bytes};
}

static void seqmap_grow(struct lv_seqmap *w)
{
    size_t capacity = w->capacity ? w->capacity * 2 : 2;
    void **ring = lv_calloc(capacity, sizeof *ring);
    for (uint64_t c = w->first; c < w->end; c++)
        ring[c & (capacity - 1)] = w->ring[c & (w->capacity - 1)];
    free(w->ring);
    w->ring = ring;
    w->capacity = capacity;
}

static void *seqmap_new_chunk(struct lv_seqmap *w)
{
    void *chunk = w->spare ? w->spare : lv_malloc(w->chunk_bytes);
    w->spare = NULL;
    memset(chunk, 0, w->chunk_bytes);
    return chunk;
}

/* Returns the ring's slot for the chunk of this sequence number; empty slots up to it are added if
 * it is beyond the end. */
static void **seqmap_slot(struct lv_seqmap *w, uint64_t sequence)
{
    uint64_t c = sequence / SEQMAP_ENTRIES;
    if (w->first == w->end) {
        w->first = c;
        w->end = c;
    }
    lv_assert(c >= w->first);
    while (w->end <= c) {
        if (w->end - w->first == w->capacity)
            seqmap_grow(w);
        w->ring[w->end++ & (w->capacity - 1)] = NULL;
    }
    return &w->ring[c & (w->capacity - 1)];
}

void *lv_seqmap_extend(struct lv_seqmap *w, uint64_t sequence)
{
    void **at = seqmap_slot(w, sequence);
    lv_assert(!is_elsewhere(*at));
    if (!*at)
        *at = seqmap_new_chunk(w);
    return *at;
}

static void seqmap_keep_spare(struct lv_seqmap *w, void *chunk)
{
    if (w->spare)
        free(chunk);
    else
        w->spare = chunk;
}

/* Moves `first` to the first chunk that is present or elsewhere, or to `end` if there is none. */
static void seqmap_advance(struct lv_seqmap *w)
{
    while (w->first < w->end && !w->ring[w->first & (w->capacity - 1)])
        w->first++;
}

/* Returns the slot of a chunk that is in [first, end). */
static void **seqmap_existing_slot(struct lv_seqmap *w, uint64_t sequence)
{
    uint64_t c = sequence / SEQMAP_ENTRIES;
    lv_assert(c >= w->first && c < w->end);
    return &w->ring[c & (w->capacity - 1)];
}

void lv_seqmap_drop(struct lv_seqmap *w, uint64_t sequence)
{
    void **at = seqmap_existing_slot(w, sequence);
    lv_assert(*at != NULL && !is_elsewhere(*at));
    seqmap_keep_spare(w, *at);
    *at = NULL;
    seqmap_advance(w);
}

void lv_seqmap_send_elsewhere(struct lv_seqmap *w, uint64_t sequence)
{
    void **at = seqmap_existing_slot(w, sequence);
    lv_assert(*at != NULL && !is_elsewhere(*at));
    seqmap_keep_spare(w, *at);
    *at = (void *)SEQMAP_ELSEWHERE;
}

void lv_seqmap_extend_elsewhere(struct lv_seqmap *w, uint64_t sequence)
{
    void **at = seqmap_slot(w, sequence);
    lv_assert(*at == NULL);
    *at = (void *)SEQMAP_ELSEWHERE;
}

void lv_seqmap_set_meta(struct lv_seqmap *w, uint64_t sequence, void *meta)
{
    void **at = seqmap_existing_slot(w, sequence);
    lv_assert(is_elsewhere(*at));
    lv_assert(!is_elsewhere(meta)); /* the lowest bit is ours */
    *at = (void *)((uintptr_t)meta | SEQMAP_ELSEWHERE);
}

void *lv_seqmap_bring_back(struct lv_seqmap *w, uint64_t sequence)
{
    void **at = seqmap_existing_slot(w, sequence);
    lv_assert(is_elsewhere(*at));
    return *at = seqmap_new_chunk(w);
}

void lv_seqmap_forget(struct lv_seqmap *w, uint64_t sequence)
{
    void **at = seqmap_existing_slot(w, sequence);
    lv_assert(is_elsewhere(*at));
    *at = NULL;
    seqmap_advance(w);
}
