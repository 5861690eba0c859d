/* A map from ever-growing sequence numbers to fixed-size chunks of 64 entries each: O(1) to
 * find, to append and to drop. A chunk that its owner has emptied is freed, wherever it is,
 * so that one old entry keeps one chunk alive and not all that came after it.
 *
 *   (1) Chunk number = sequence number / 64. Chunks live in [first, end); some may be gone.
 *   (2) first == end, or chunk `first` is there.
 *
 * What a chunk holds is its owner's business; it is handed over zeroed. One thread. */
#ifndef LEVERET_BASE_SEQMAP_H
#define LEVERET_BASE_SEQMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEQMAP_ENTRIES = 64 };

/* What stands in the ring for a chunk whose content is elsewhere (on disk) has its lowest bit set;
 * the other bits are its owner's pointer to what it knows of it (the meta), or NULL. */
#define SEQMAP_ELSEWHERE ((uintptr_t)1)

struct lv_seqmap {
    void **ring;     /* chunk c stands at ring[c & (capacity - 1)] */
    size_t capacity; /* a power of two, or 0 */
    uint64_t first;
    uint64_t end;
    size_t chunk_bytes;
    void *spare; /* one emptied chunk, kept for the next append */
};

/* chunk_bytes: the size of the owner's chunk struct. */
void lv_seqmap_init(struct lv_seqmap *w, size_t chunk_bytes);

/* Frees all chunks that are left, and the ring; the metas are their owner's. */
void lv_seqmap_free(struct lv_seqmap *w);

/* The chunk of this sequence number, or NULL when it is gone or not there yet. */
static inline void *lv_seqmap_find(const struct lv_seqmap *w, uint64_t sequence)
{
    uint64_t c = sequence / SEQMAP_ENTRIES;
    if (c < w->first || c >= w->end)
        return NULL;
    void *chunk = w->ring[c & (w->capacity - 1)];
    return (uintptr_t)chunk & SEQMAP_ELSEWHERE ? NULL : chunk;
}

/* The chunk of this sequence number, which is in the last chunk or behind it; made when it is not
 * there. */
void *lv_seqmap_extend(struct lv_seqmap *w, uint64_t sequence);

/* The chunk of this sequence number is empty: takes it back. */
void lv_seqmap_drop(struct lv_seqmap *w, uint64_t sequence);

/* The chunk is not empty, but what it holds is elsewhere: its memory is taken back and its place
 * kept. To lv_seqmap_find() it is not there. */
void lv_seqmap_send_elsewhere(struct lv_seqmap *w, uint64_t sequence);
/* The same for a place that has no chunk, in the map or behind it. */
void lv_seqmap_extend_elsewhere(struct lv_seqmap *w, uint64_t sequence);
static inline bool lv_seqmap_is_elsewhere(const struct lv_seqmap *w, uint64_t sequence)
{
    uint64_t c = sequence / SEQMAP_ENTRIES;
    return c >= w->first && c < w->end &&
           ((uintptr_t)w->ring[c & (w->capacity - 1)] & SEQMAP_ELSEWHERE);
}
/* The meta of a chunk that is elsewhere, or NULL if it has none. */
static inline void *lv_seqmap_meta(const struct lv_seqmap *w, uint64_t sequence)
{
    uint64_t c = sequence / SEQMAP_ENTRIES;
    return lv_seqmap_is_elsewhere(w, sequence)
               ? (void *)((uintptr_t)w->ring[c & (w->capacity - 1)] & ~SEQMAP_ELSEWHERE)
               : NULL;
}
/* Sets it, or NULL; the one before is its owner's. */
void lv_seqmap_set_meta(struct lv_seqmap *w, uint64_t sequence, void *meta);
/* A zeroed chunk for a place that was elsewhere; the meta is its owner's. */
void *lv_seqmap_bring_back(struct lv_seqmap *w, uint64_t sequence);
/* A place that was elsewhere is empty; the meta is its owner's. */
void lv_seqmap_forget(struct lv_seqmap *w, uint64_t sequence);

#endif
