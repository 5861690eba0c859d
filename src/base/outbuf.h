/* The output of a connection: a chain of chunks from a pool that all connections of a loop share.
 * So an idle connection holds none, and a chunk that has just been written is still in the cache
 * when it is used again. A large body is not copied: the chain borrows it, and calls back when it
 * has been written.
 *
 *   (1) The chunks first .. last hold bytes [start, end) each, in the order in which they are sent.
 *   (2) `bytes` is the number of bytes in all chunks.
 *   (3) Only the last chunk is appended to, and only if it is not a borrowed one.
 *   (4) Bytes appended after a borrowed chunk go into the memory of the chunk before it, so the
 *       frame headers of many borrowed bodies share one chunk's memory. That memory returns to the
 *       pool when the last chunk that shares it (`shares`) has been dropped. */
#ifndef LEVERET_BASE_OUTBUF_H
#define LEVERET_BASE_OUTBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/slice.h"

/* A chunk and its head take OUT_CHUNK_BYTES together; the pool keeps up to 2 MiB of unused chunks
 * and some unused heads. */
enum { OUT_CHUNK_BYTES = 32 * 1024, OUT_POOL_CHUNKS_MAX = 64, OUT_POOL_HEADS_MAX = 256 };

struct out_chunk {
    struct out_chunk *next;
    uint8_t *p; /* the bytes */
    size_t start;
    size_t end;
    size_t capacity;        /* 0 for a borrowed chunk */
    struct out_chunk *home; /* the chunk whose memory p is in (often itself); NULL: borrowed */
    unsigned shares;        /* of a home: how many chunks use its memory, itself included */
    bool is_pooled;         /* of a home: it has OUT_CHUNK_BYTES, so the pool may keep it */
    void (*release)(void *owner);
    void *owner;
};

/* Chunks that are not in use. One pool per loop; only that loop's thread uses it. */
struct out_pool {
    struct out_chunk *free;
    unsigned count;
    struct out_chunk *heads; /* without memory: for borrowed chunks and those in another's memory */
    unsigned head_count;
};

struct outbuf {
    struct out_chunk *first;
    struct out_chunk *last;
    size_t bytes;
    struct out_pool *pool; /* borrowed; NULL: chunks come from malloc() and go back to it */
};

/* Frees the pool's chunks; it is then empty and usable. */
void out_pool_free(struct out_pool *pool);

/* Appends a chunk with room for at least n bytes, and returns where they belong. Only
 * outbuf_reserve() calls it. */
uint8_t *outbuf_grow(struct outbuf *out, size_t n);

/* Returns where to write up to n bytes. They are part of the output once they are committed. */
static inline uint8_t *outbuf_reserve(struct outbuf *out, size_t n)
{
    struct out_chunk *c = out->last;
    if (c && c->capacity - c->end >= n && c->capacity)
        return c->p + c->end;
    return outbuf_grow(out, n);
}

/* Makes the first n bytes that were reserved part of the output. */
static inline void outbuf_commit(struct outbuf *out, size_t n)
{
    lv_assert(out->last->end + n <= out->last->capacity);
    out->last->end += n;
    out->bytes += n;
}

/* Appends a copy of the bytes. */
static inline void outbuf_add(struct outbuf *out, const void *p, size_t n)
{
    if (n == 0)
        return;
    memcpy(outbuf_reserve(out, n), p, n);
    outbuf_commit(out, n);
}

/* Appends bytes without copying them. Calls release(owner) once they have been sent or dropped; at
 * once if `bytes` is empty. */
void outbuf_borrow(struct outbuf *out, struct slice bytes, void (*release)(void *owner),
                   void *owner);

/* Drops the first n bytes, which have been sent, and the chunks that are empty then: they return to
 * the pool, or release() is called for a borrowed one. */
void outbuf_consume(struct outbuf *out, size_t n);

/* Fills ret with the bytes of the first chunks, at most `count` of them, for a writev(2). Returns
 * how many were filled. */
size_t outbuf_slices(const struct outbuf *out, struct slice *ret, size_t count);

/* Drops everything. */
void outbuf_clear(struct outbuf *out);

#endif
