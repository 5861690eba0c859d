#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/outbuf.h"

/* The model: one flat run of bytes. What the chain holds must equal model[from .. to). */
enum { MODEL_BYTES = 8 * 1024 * 1024, OPS = 10000 };

struct world {
    struct out_pool pool;
    struct outbuf out;
    uint8_t *model;
    size_t from;
    size_t to;
    uint32_t random;
    unsigned borrowed;
    unsigned released;
};

static uint32_t random_below(struct world *w, uint32_t n)
{
    w->random = w->random * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)w->random * n) >> 32);
}

/* Adds new bytes to the model; returns where they are. */
static uint8_t *more(struct world *w, size_t n)
{
    uint8_t *p = w->model + w->to;
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)random_below(w, 256);
    w->to += n;
    return p;
}

static struct world *released_in;

static void release(void *owner)
{
    free(owner);
    released_in->released++;
}

static void borrow(struct world *w, size_t n)
{
    uint8_t *copy = lv_malloc(n);
    memcpy(copy, more(w, n), n);
    w->borrowed++;
    outbuf_borrow(&w->out, slice_of(copy, n), release, copy);
}

static void check(const struct world *w)
{
    size_t at = w->from;
    struct slice slices[64];
    assert_int_equal(w->out.bytes, w->to - w->from);
    if (outbuf_slices(&w->out, slices, 64) > 0)
        assert_memory_equal(slices[0].p, w->model + at, slices[0].n);
    for (const struct out_chunk *c = w->out.first; c; c = c->next) {
        assert_memory_equal(c->p + c->start, w->model + at, c->end - c->start);
        at += c->end - c->start;
        if (!c->next)
            assert_ptr_equal(c, w->out.last);
    }
    assert_int_equal(at, w->to);
}

static void step(struct world *w)
{
    size_t n = random_below(w, 4) == 0 ? random_below(w, 50000) : random_below(w, 300);
    switch (random_below(w, 6)) {
    case 0:
    case 1: {
        uint8_t *p = outbuf_reserve(&w->out, n);
        memcpy(p, more(w, n), n);
        outbuf_commit(&w->out, n);
        break;
    }
    case 2: outbuf_add(&w->out, more(w, n), n); break;
    case 3: borrow(w, n); break;
    default: {
        size_t some = random_below(w, (uint32_t)(w->out.bytes + 1));
        outbuf_consume(&w->out, some);
        w->from += some;
        break;
    }
    }
}

static void run(uint32_t seed, bool is_pooled)
{
    struct world w = {.random = seed, .model = lv_malloc(MODEL_BYTES)};
    w.out.pool = is_pooled ? &w.pool : NULL;
    released_in = &w;
    for (unsigned i = 0; i < OPS && w.to + 100000 < MODEL_BYTES; i++) {
        if (w.out.pool)
            step(&w);
        else
            outbuf_add(&w.out, more(&w, 100), 100);
        if (i % 16 == 0)
            check(&w);
    }
    check(&w);
    borrow(&w, 5000);
    outbuf_clear(&w.out);
    assert_int_equal(w.borrowed, w.released);
    assert_null(w.out.first);
    assert_int_equal(w.out.bytes, 0);
    assert_true(w.pool.count <= OUT_POOL_CHUNKS_MAX);
    out_pool_free(&w.pool);
    free(w.model);
}

static void a_chain_holds_what_a_flat_run_of_bytes_would(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 4; seed++)
        run(seed, true);
}

static void a_chain_without_a_pool_works(void **state)
{
    (void)state;
    run(1, false);
}

static void an_emptied_chain_holds_no_memory_and_the_pool_gives_the_same_chunk_again(void **state)
{
    (void)state;
    struct out_pool pool = {0};
    struct outbuf out = {.pool = &pool};
    outbuf_add(&out, "abc", 3);
    const struct out_chunk *first = out.first;
    outbuf_consume(&out, 3);
    assert_null(out.first);
    assert_null(out.last);
    assert_int_equal(pool.count, 1);
    outbuf_add(&out, "def", 3);
    assert_ptr_equal(out.first, first);
    outbuf_clear(&out);
    out_pool_free(&pool);
}

static void nothing(void *owner)
{
    *(unsigned *)owner += 1;
}

static void frame_headers_between_borrowed_bodies_share_one_chunk(void **state)
{
    (void)state;
    static const uint8_t body[9000];
    unsigned released = 0;
    struct out_pool pool = {0};
    struct outbuf out = {.pool = &pool};
    for (unsigned i = 0; i < 100; i++) {
        outbuf_add(&out, "sixteen bytes...", 16);
        outbuf_borrow(&out, slice_of(body, sizeof body), nothing, &released);
    }
    const struct out_chunk *home = out.first->home;
    for (const struct out_chunk *c = out.first; c; c = c->next)
        assert_true(c->home == NULL || c->home == home);
    assert_int_equal(out.bytes, 100 * (16 + sizeof body));
    outbuf_consume(&out, 16 + sizeof body - 1);
    assert_int_equal(released, 0);
    outbuf_consume(&out, 1);
    assert_int_equal(released, 1);
    outbuf_consume(&out, out.bytes);
    assert_int_equal(released, 100);
    assert_int_equal(pool.count, 1);
    out_pool_free(&pool);
}

static void borrowing_no_bytes_releases_them_at_once(void **state)
{
    (void)state;
    unsigned released = 0;
    struct outbuf out = {0};
    outbuf_borrow(&out, SLICE_EMPTY, nothing, &released);
    assert_int_equal(released, 1);
    assert_null(out.first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_holds_what_a_flat_run_of_bytes_would),
        cmocka_unit_test(a_chain_without_a_pool_works),
        cmocka_unit_test(an_emptied_chain_holds_no_memory_and_the_pool_gives_the_same_chunk_again),
        cmocka_unit_test(frame_headers_between_borrowed_bodies_share_one_chunk),
        cmocka_unit_test(borrowing_no_bytes_releases_them_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
