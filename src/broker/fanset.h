/* A fanset: bindings that match together. Read lock-free by every loop while one writer, under the
 * topology lock, adds and removes.
 *
 *        first            more --> | count | slot 0 | slot 1 | (removed) | slot 3 |
 *
 * The first binding stands in the set itself, because most sets hold one; the others stand in an
 * array. Removing leaves a hole; growing and closing the holes is done in a new array, and the old
 * one is freed after a grace period.
 *
 *   (1) A binding never moves between `first` and `more`: a reader that looks at one after the
 *       other cannot miss one that is there all the while.
 *   (2) A slot is written before the count that makes it visible.
 *   (3) binding->index says where it stands: 0 is `first`, i + 1 is slot i. Written under the lock
 *       and read there only. */
#ifndef LEVERET_BROKER_FANSET_H
#define LEVERET_BROKER_FANSET_H

#include <stdatomic.h>

#include "base/rcu.h"
#include "broker/binding.h"
#include "broker/route.h"

struct fanset_array {
    struct lv_rcu_head rcu;
    uint32_t capacity;
    uint32_t live; /* slots that hold a binding; the writer's */
    _Atomic uint32_t count;
    struct binding *_Atomic slots[];
};

/* Zero-initialised is a valid, empty set. */
struct fanset {
    struct binding *_Atomic first;
    struct fanset_array *_Atomic more;
};

/* Under the lock. */
void fanset_add(struct fanset *set, struct binding *binding);
void fanset_remove(struct fanset *set, struct binding *binding);
bool fanset_is_empty(const struct fanset *set);

/* What a reader sees of a set: take it once, then look at each place. Some are empty (NULL). */
struct fanset_view {
    struct binding *first;
    struct fanset_array *more;
    uint32_t count;
};

static inline struct fanset_view fanset_view(struct fanset *set)
{
    struct fanset_view view = {0};
    view.first = atomic_load_explicit(&set->first, memory_order_acquire);
    view.more = atomic_load_explicit(&set->more, memory_order_acquire);
    view.count = 1;
    if (view.more)
        view.count += atomic_load_explicit(&view.more->count, memory_order_acquire);
    return view;
}

static inline struct binding *fanset_view_at(const struct fanset_view *view, uint32_t i)
{
    if (i == 0)
        return view->first;
    return atomic_load_explicit(&view->more->slots[i - 1], memory_order_acquire);
}

/* Read-side: adds the destination of every binding. */
static inline void fanset_route(struct fanset *set, struct route_set *ret)
{
    struct fanset_view view = fanset_view(set);
    for (uint32_t i = 0; i < view.count; i++) {
        struct binding *b = fanset_view_at(&view, i);
        if (b)
            route_set_add(ret, b->destination);
    }
}

#endif
