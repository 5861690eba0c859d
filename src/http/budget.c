/* The memory of requests: what a server's requests take together, which may go on after them. */
#include <stdlib.h>

#include "base/memory.h"
#include "http/http_private.h"

/* Of a server. It is freed when neither the server nor anybody with a part of it needs it. */
struct http_budget {
    _Atomic unsigned refs;
    _Atomic size_t bytes;
    size_t bytes_max;
};

/* A part of it that belongs to no request. */
struct http_hold {
    struct http_budget *budget; /* a reference */
    size_t bytes;
};

struct http_budget *budget_create(size_t bytes_max)
{
    struct http_budget *b = lv_calloc(1, sizeof *b);
    b->refs = 1;
    b->bytes_max = bytes_max;
    return b;
}

void budget_unref(struct http_budget **budget)
{
    struct http_budget *b = *budget;
    *budget = NULL;
    if (b && atomic_fetch_sub(&b->refs, 1) == 1)
        free(b);
}

bool budget_take(struct http_budget *b, size_t bytes)
{
    size_t before = atomic_fetch_add(&b->bytes, bytes);
    if (before <= b->bytes_max && bytes <= b->bytes_max - before)
        return true;
    atomic_fetch_sub(&b->bytes, bytes);
    return false;
}

void budget_give(struct http_budget *b, size_t bytes)
{
    size_t before = atomic_fetch_sub(&b->bytes, bytes);
    lv_assert(before >= bytes);
}

bool budget_is_used(const struct http_budget *b)
{
    return atomic_load(&b->bytes) > 0;
}

bool http_reserve(struct http_request *r, size_t bytes)
{
    if (!budget_take(r->server->memory, bytes))
        return false;
    r->reserved_bytes += bytes;
    return true;
}

struct http_hold *http_take_body(struct http_request *r, struct lv_buffer *ret)
{
    struct http_hold *h = lv_calloc(1, sizeof *h);
    h->budget = r->server->memory;
    h->bytes = r->reserved_bytes;
    atomic_fetch_add(&h->budget->refs, 1);
    r->reserved_bytes = 0;
    *ret = r->body;
    r->body = (struct lv_buffer){0};
    return h;
}

void http_hold_free(struct http_hold **hold)
{
    struct http_hold *h = *hold;
    *hold = NULL;
    if (!h)
        return;
    budget_give(h->budget, h->bytes);
    budget_unref(&h->budget);
    free(h);
}
