/* The counters of all loops are in a list. Counters are added to it and never removed, so it is
 * read without a lock. */
#include "topology/exchange_counts.h"

#include <stdlib.h>

#include "base/memory.h"
#include "topology/vhost.h"

struct exchange_counts *exchange_counts_of(struct exchange *exchange, const struct loop *loop)
{
    struct exchange_counts *first = atomic_load_explicit(&exchange->counts, memory_order_acquire);
    for (struct exchange_counts *c = first; c; c = c->next)
        if (c->loop == loop)
            return c;
    lv_assert(!loop_current() || loop_current() == loop);
    struct exchange_counts *mine = lv_calloc(1, sizeof *mine);
    mine->loop = loop;
    mine->next = first;
    while (!atomic_compare_exchange_weak_explicit(&exchange->counts, &mine->next, mine,
                                                  memory_order_release, memory_order_relaxed))
        continue;
    return mine;
}

void exchange_counts_read(const struct exchange *exchange, uint64_t *ret_in, uint64_t *ret_out)
{
    *ret_in = *ret_out = 0;
    const struct exchange_counts *c = atomic_load_explicit(&exchange->counts, memory_order_acquire);
    for (; c; c = c->next) {
        *ret_in += atomic_load_explicit(&c->in, memory_order_relaxed);
        *ret_out += atomic_load_explicit(&c->out, memory_order_relaxed);
    }
}

void exchange_unroutable_read(const struct exchange *exchange, uint64_t *ret_returned,
                              uint64_t *ret_dropped)
{
    *ret_returned = *ret_dropped = 0;
    const struct exchange_counts *c = atomic_load_explicit(&exchange->counts, memory_order_acquire);
    for (; c; c = c->next) {
        *ret_returned += atomic_load_explicit(&c->returned, memory_order_relaxed);
        *ret_dropped += atomic_load_explicit(&c->dropped, memory_order_relaxed);
    }
}

void exchange_counts_retire(struct exchange *exchange)
{
    struct topology *topology = exchange->vhost->topology;
    uint64_t in, out;
    lv_assert(topology_is_locked(topology));
    exchange_counts_read(exchange, &in, &out);
    topology->ended_published += in;
}

void exchange_counts_free(struct exchange *exchange)
{
    struct exchange_counts *c = atomic_load_explicit(&exchange->counts, memory_order_relaxed);
    while (c) {
        struct exchange_counts *next = c->next;
        free(c);
        c = next;
    }
}
