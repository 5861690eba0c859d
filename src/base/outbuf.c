/* The chain of chunks that is a connection's output, and the pool from which chunks are taken. */
#include "base/outbuf.h"

#include <stdlib.h>

#include "base/memory.h"

_Static_assert(sizeof(struct out_chunk) < 128, "a chunk is mostly bytes");

/* --- chunks and the pool ---------------------------------------------------------------------- */

static struct out_chunk *head_take(struct out_pool *pool)
{
    if (!pool || !pool->heads)
        return lv_malloc(sizeof(struct out_chunk));
    struct out_chunk *c = pool->heads;
    pool->heads = c->next;
    pool->head_count--;
    return c;
}

static void head_give(struct out_pool *pool, struct out_chunk *c)
{
    if (!pool || pool->head_count == OUT_POOL_HEADS_MAX) {
        free(c);
        return;
    }
    c->next = pool->heads;
    pool->heads = c;
    pool->head_count++;
}

/* Returns a chunk with memory of its own for at least n bytes. */
static struct out_chunk *home_take(struct out_pool *pool, size_t n)
{
    const size_t usual = OUT_CHUNK_BYTES - sizeof(struct out_chunk);
    bool is_usual = n <= usual;
    struct out_chunk *c;
    if (is_usual && pool && pool->free) {
        c = pool->free;
        pool->free = c->next;
        pool->count--;
    } else {
        c = lv_malloc(sizeof *c + (is_usual ? usual : n));
    }
    *c = (struct out_chunk){
        .p = (uint8_t *)(c + 1),
        .capacity = is_usual ? usual : n,
        .home = c,
        .shares = 1,
        .is_pooled = is_usual,
    };
    return c;
}

static void home_give(struct out_pool *pool, struct out_chunk *home)
{
    lv_assert(home->shares > 0);
    if (--home->shares > 0)
        return;
    if (!home->is_pooled || !pool || pool->count == OUT_POOL_CHUNKS_MAX) {
        free(home);
        return;
    }
    home->next = pool->free;
    pool->free = home;
    pool->count++;
}

/* Returns a chunk that begins where `before` ends, in the same memory. */
static struct out_chunk *head_behind(struct out_pool *pool, struct out_chunk *before)
{
    lv_assert(before->home != NULL);
    struct out_chunk *c = head_take(pool);
    *c = (struct out_chunk){
        .p = before->p + before->end,
        .capacity = before->capacity - before->end,
        .home = before->home,
    };
    c->home->shares++;
    return c;
}

static void chunk_give(struct out_pool *pool, struct out_chunk *c)
{
    struct out_chunk *home = c->home;
    if (!home)
        c->release(c->owner);
    if (home != c)
        head_give(pool, c);
    if (home)
        home_give(pool, home);
}

static void free_chain(struct out_chunk *c)
{
    while (c) {
        struct out_chunk *next = c->next;
        free(c);
        c = next;
    }
}

void out_pool_free(struct out_pool *pool)
{
    free_chain(pool->free);
    free_chain(pool->heads);
    *pool = (struct out_pool){0};
}

/* --- the chain -------------------------------------------------------------------------------- */

static void chain_append(struct outbuf *out, struct out_chunk *c)
{
    c->next = NULL;
    if (out->last)
        out->last->next = c;
    else
        out->first = c;
    out->last = c;
}

static void chain_drop_first(struct outbuf *out)
{
    struct out_chunk *c = out->first;
    out->first = c->next;
    if (!out->first)
        out->last = NULL;
    chunk_give(out->pool, c);
}

uint8_t *outbuf_grow(struct outbuf *out, size_t n)
{
    struct out_chunk *c = home_take(out->pool, n);
    chain_append(out, c);
    return c->p;
}

void outbuf_borrow(struct outbuf *out, struct slice bytes, void (*release)(void *owner),
                   void *owner)
{
    enum { WORTH_SHARING = 256 };
    lv_assert(release != NULL);
    if (bytes.n == 0) {
        release(owner);
        return;
    }
    struct out_chunk *before = out->last;
    struct out_chunk *c = head_take(out->pool);
    /* Nothing is written through this pointer: a borrowed chunk is never appended to. */
    *c = (struct out_chunk){
        .p = (uint8_t *)(uintptr_t)bytes.p,
        .end = bytes.n,
        .release = release,
        .owner = owner,
    };
    chain_append(out, c);
    out->bytes += bytes.n;
    if (before && before->home && before->capacity - before->end >= WORTH_SHARING) {
        chain_append(out, head_behind(out->pool, before));
        before->capacity = before->end;
    }
}

void outbuf_consume(struct outbuf *out, size_t n)
{
    lv_assert(n <= out->bytes);
    out->bytes -= n;
    while (out->first) {
        struct out_chunk *c = out->first;
        size_t here = c->end - c->start;
        if (n < here) {
            c->start += n;
            return;
        }
        n -= here;
        /* A last chunk that still has room is dropped too: an idle output holds no memory. */
        chain_drop_first(out);
    }
    lv_assert(n == 0);
    lv_assert(out->bytes == 0); /* no chunk is left */
}

size_t outbuf_slices(const struct outbuf *out, struct slice *ret, size_t count)
{
    size_t n = 0;
    for (const struct out_chunk *c = out->first; c && n < count; c = c->next) {
        if (c->end > c->start)
            ret[n++] = slice_of(c->p + c->start, c->end - c->start);
    }
    return n;
}

void outbuf_clear(struct outbuf *out)
{
    while (out->first)
        chain_drop_first(out);
    out->bytes = 0;
}
