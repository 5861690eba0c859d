/* How far long work is: the thread or loop that does it counts, others look and may cancel. */
#ifndef LEVERET_BASE_PROGRESS_H
#define LEVERET_BASE_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Begins as all zero. Functions that take a pointer to one accept NULL: nobody looks. */
struct progress {
    _Atomic uint64_t done;    /* units that are dealt with ... */
    _Atomic uint64_t skipped; /* ... of which so many were left as they were */
    _Atomic uint64_t total;   /* as far as it is known */
    _Atomic bool is_cancelled;
};

static inline void progress_set(struct progress *p, uint64_t done, uint64_t skipped)
{
    if (!p)
        return;
    atomic_store_explicit(&p->done, done, memory_order_relaxed);
    atomic_store_explicit(&p->skipped, skipped, memory_order_relaxed);
}

static inline void progress_set_total(struct progress *p, uint64_t total)
{
    if (p)
        atomic_store_explicit(&p->total, total, memory_order_relaxed);
}

static inline bool progress_is_cancelled(const struct progress *p)
{
    return p && atomic_load_explicit(&p->is_cancelled, memory_order_relaxed);
}

#endif
