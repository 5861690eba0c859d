/* Bytes on their way out of a connection: a chain of chunks from a pool that all connections of a
 * loop share, so that an idle connection holds none, and the chunk just written is still in the
 * cache when the next one needs it. A large body is not copied: the chain borrows it where it
 * lies and gives it back through a callback once it is written.
 *
 *   (1) first .. last hold bytes [start, end) each, in the order they go out.
 *   (2) `bytes` is their sum.
 *   (3) Only the last chunk is appended to, and only when it is no borrowed one.
 *   (4) What is appended behind a borrowed chunk goes on in the memory of the chunk before it, so
 *       that the frame headers of many borrowed bodies share one chunk's memory. That memory
 *       goes back to the pool when the last chunk that shares it (`shares`) is gone. */
#ifndef LEVERET_BASE_OUTBUF_H
#define LEVERET_BASE_OUTBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/slice.h"

/* A chunk with its head takes OUT_CHUNK_BYTES; the pool keeps 2 MiB of them and some heads. */
enum { OUT_CHUNK_BYTES = 32 * 1024, OUT_POOL_CHUNKS_MAX = 64, OUT_POOL_HEADS_MAX = 256 };

struct out_chunk {
    struct out_chunk *next;
    uint8_t *p; /* the bytes */
    size_t start;
    size_t end;
    size_t capacity;        /* 0 for a borrowed chunk */
    struct out_chunk *home; /* the chunk behind whose head p lies (itself, often); NULL: borrowed */
    unsigned shares;        /* of a home: the chunks in its memory, itself included */
    bool is_pooled;         /* of a home: OUT_CHUNK_BYTES large, so it may rest in the pool */
    void (*release)(void *owner);
    void *owner;
};

/* Chunks at rest. One per loop; only that loop's thread uses it. */
struct out_pool {
    struct out_chunk *free;
    unsigned count;
    struct out_chunk *heads; /* of borrowed chunks and of those in another's memory */
    unsigned head_count;
};

struct outbuf {
    struct out_chunk *first;
    struct out_chunk *last;
    size_t bytes;
    struct out_pool *pool; /* borrowed; NULL: chunks come from malloc() and go back to it */
};

/* Frees the chunks at rest; the pool is then empty and usable. */
void out_pool_free(struct out_pool *pool);

/* Appends a chunk with room for at least n bytes. Use outbuf_reserve(). */
uint8_t *outbuf_grow(struct outbuf *out, size_t n);

/* Room for n bytes in one piece. Only what is committed counts. */
static inline uint8_t *outbuf_reserve(struct outbuf *out, size_t n)
{
    struct out_chunk *c = out->last;
    if (c && c->capacity - c->end >= n && c->capacity)
        return c->p + c->end;
    return outbuf_grow(out, n);
}

/* The first n bytes of the reserved room are now part of the output. */
static inline void outbuf_commit(struct outbuf *out, size_t n)
{
    out->last->end += n;
    out->bytes += n;
}

static inline void outbuf_add(struct outbuf *out, const void *p, size_t n)
{
    if (n == 0)
        return;
    memcpy(outbuf_reserve(out, n), p, n);
    outbuf_commit(out, n);
}

/* Appends bytes without copying them; release(owner) is called once they are written or the
 * output is thrown away. */
void outbuf_borrow(struct outbuf *out, struct slice bytes, void (*release)(void *owner),
                   void *owner);

/* The first n bytes have gone out: drops them, gives chunks back, calls release() for the borrowed
 * ones that are through. */
void outbuf_consume(struct outbuf *out, size_t n);

/* The first chunks' bytes for a writev(2): fills up to `count` of ret and returns how many. */
size_t outbuf_slices(const struct outbuf *out, struct slice *ret, size_t count);

/* Drops everything. */
void outbuf_clear(struct outbuf *out);

#endif
