/* How far long work is: the thread or loop that does it counts, others look and may cancel. */
#ifndef LEVERET_BASE_PROGRESS_H
#define LEVERET_BASE_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum progress_state {
    PROGRESS_OPEN, /* may be cancelled */
    PROGRESS_CANCELLED,
    PROGRESS_FINAL, /* can no longer be cancelled */
};

/* Begins as all zero. Functions that take a pointer to one accept NULL: nobody looks. */
struct progress {
    _Atomic uint64_t done;    /* units that are dealt with ... */
    _Atomic uint64_t skipped; /* ... of which so many were left as they were */
    _Atomic uint64_t total;   /* as far as it is known */
    _Atomic int state;        /* enum progress_state */
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
    return p && atomic_load_explicit(&p->state, memory_order_relaxed) == PROGRESS_CANCELLED;
}

/* Leaves PROGRESS_OPEN, if that is the state; returns whether the state is `to` now. */
static inline bool progress_close(struct progress *p, enum progress_state to)
{
    int state = PROGRESS_OPEN;
    return atomic_compare_exchange_strong(&p->state, &state, to) || state == (int)to;
}

/* Asks the work to end. Returns false if it can no longer be cancelled. */
static inline bool progress_cancel(struct progress *p)
{
    return progress_close(p, PROGRESS_CANCELLED);
}

/* For the work, before what it must not do by halves. Returns false if it is cancelled already;
 * else it can no longer be cancelled. */
static inline bool progress_finish(struct progress *p)
{
    return !p || progress_close(p, PROGRESS_FINAL);
}

#endif
