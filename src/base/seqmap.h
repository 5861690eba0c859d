/* A map from ever-growing sequence numbers to fixed-size chunks of 64 entries each: O(1) to find,
 * to append and to drop. A chunk that its owner has emptied is freed, wherever it is, so an old
 * entry keeps one chunk alive and not all that came after it.
 *
 *   (1) Chunk number = sequence number / 64. Chunks are in [first, end); some may be missing.
 *   (2) first == end, or chunk `first` is present or elsewhere.
 *
 * A chunk is zeroed when its owner gets it; what the owner keeps in it is not the map's concern.
 * One thread. */
#ifndef LEVERET_BASE_SEQMAP_H
#define LEVERET_BASE_SEQMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEQMAP_ENTRIES = 64 };

/* The ring's slot of a chunk whose content is elsewhere (on disk) has its lowest bit set; the other
 * bits are the meta: the owner's pointer to what it knows of that chunk, or NULL. */
#define SEQMAP_ELSEWHERE ((uintptr_t)1)

struct lv_seqmap {
    void **ring;     /* chunk c is at ring[c & (capacity - 1)] */
    size_t capacity; /* a power of two, or 0 */
    uint64_t first;
    uint64_t end;
    size_t chunk_bytes;
    void *spare; /* one emptied chunk, kept for the next append */
};

/* Makes an empty map. chunk_bytes is the size of the owner's chunk struct. */
void lv_seqmap_init(struct lv_seqmap *w, size_t chunk_bytes);

/* Frees the chunks that are left, and the ring; the owner frees the metas. */
void lv_seqmap_free(struct lv_seqmap *w);

/* Returns the chunk of this sequence number, or NULL if it is missing, elsewhere or beyond the
 * end. */
static inline void *lv_seqmap_find(const struct lv_seqmap *w, uint64_t sequence)
{
    uint64_t c = sequence / SEQMAP_ENTRIES;
    if (c < w->first || c >= w->end)
        return NULL;
    void *chunk = w->ring[c & (w->capacity - 1)];
    return (uintptr_t)chunk & SEQMAP_ELSEWHERE ? NULL : chunk;
}

/* Returns the chunk of this sequence number, creating it if it is missing. Call only if it is not
 * before the first chunk and not elsewhere. */
void *lv_seqmap_extend(struct lv_seqmap *w, uint64_t sequence);

/* Frees the chunk of this sequence number, which its owner has emptied. */
void lv_seqmap_drop(struct lv_seqmap *w, uint64_t sequence);

/* Frees the memory of a chunk whose content is now elsewhere, and keeps its slot. lv_seqmap_find()
 * then returns NULL for it. */
void lv_seqmap_send_elsewhere(struct lv_seqmap *w, uint64_t sequence);
/* Marks a chunk that is missing or beyond the end as elsewhere. */
void lv_seqmap_extend_elsewhere(struct lv_seqmap *w, uint64_t sequence);
/* Returns whether the content of this chunk is elsewhere. */
static inline bool lv_seqmap_is_elsewhere(const struct lv_seqmap *w, uint64_t sequence)
{
    uint64_t c = sequence / SEQMAP_ENTRIES;
    return c >= w->first && c < w->end &&
           ((uintptr_t)w->ring[c & (w->capacity - 1)] & SEQMAP_ELSEWHERE);
}
/* Returns the meta of a chunk that is elsewhere, or NULL if it has none. */
static inline void *lv_seqmap_meta(const struct lv_seqmap *w, uint64_t sequence)
{
    uint64_t c = sequence / SEQMAP_ENTRIES;
    return lv_seqmap_is_elsewhere(w, sequence)
               ? (void *)((uintptr_t)w->ring[c & (w->capacity - 1)] & ~SEQMAP_ELSEWHERE)
               : NULL;
}
/* Sets the meta of a chunk that is elsewhere (NULL: none). The owner frees the previous meta. */
void lv_seqmap_set_meta(struct lv_seqmap *w, uint64_t sequence, void *meta);
/* Puts a zeroed chunk in the place of one that is elsewhere, and returns it. The owner gets the
 * meta before, and frees it. */
void *lv_seqmap_bring_back(struct lv_seqmap *w, uint64_t sequence);
/* Makes a chunk that is elsewhere a missing one. The owner gets the meta before, and frees it. */
void lv_seqmap_forget(struct lv_seqmap *w, uint64_t sequence);

#endif
