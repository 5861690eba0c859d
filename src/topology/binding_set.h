/* A binding_set: bindings that match the same messages. Every loop reads it without a lock while
 * one writer, under the topology lock, adds and removes bindings.
 *
 *        first            more --> | count | slot 0 | slot 1 | (removed) | slot 3 |
 *
 * The first binding is in the set itself, because most sets have only one; the others are in an
 * array. Removing a binding leaves an empty slot. To grow, or to close the empty slots, the writer
 * makes a new array, and the old one is freed after a grace period.
 *
 *   (1) A binding never moves between `first` and `more`: a reader that looks at one and then the
 *       other does not miss a binding that is in the set all the time.
 *   (2) A slot is written before the count that makes it visible.
 *   (3) binding->index is the binding's position: 0 is `first`, i + 1 is slot i. It is written and
 *       read under the lock only. */
#ifndef LEVERET_TOPOLOGY_BINDING_SET_H
#define LEVERET_TOPOLOGY_BINDING_SET_H

#include <stdatomic.h>

#include "base/rcu.h"
#include "topology/binding.h"
#include "topology/route.h"

struct binding_set_array {
    struct lv_rcu_head rcu;
    uint32_t capacity;
    uint32_t live; /* slots that hold a binding; only the writer uses it */
    _Atomic uint32_t count;
    struct binding *_Atomic slots[];
};

/* Zero-initialised is a valid, empty set. */
struct binding_set {
    struct binding *_Atomic first;
    struct binding_set_array *_Atomic more;
};

/* Adds a binding, or removes one that was added. The caller holds the lock. */
void binding_set_add(struct binding_set *set, struct binding *binding);
void binding_set_remove(struct binding_set *set, struct binding *binding);
/* Returns whether the set has no bindings. Call it with the lock held, or when there are no
 * readers. */
bool binding_set_is_empty(const struct binding_set *set);

/* A reader's view of a set. A reader takes it once and then looks at positions 0 to count - 1, some
 * of which are empty (NULL). */
struct binding_set_view {
    struct binding *first;
    struct binding_set_array *more;
    uint32_t count;
};

static inline struct binding_set_view binding_set_view(struct binding_set *set)
{
    struct binding_set_view view = {0};
    view.first = atomic_load_explicit(&set->first, memory_order_acquire);
    view.more = atomic_load_explicit(&set->more, memory_order_acquire);
    view.count = 1;
    if (view.more)
        view.count += atomic_load_explicit(&view.more->count, memory_order_acquire);
    return view;
}

static inline struct binding *binding_set_view_at(const struct binding_set_view *view, uint32_t i)
{
    if (i == 0)
        return view->first;
    return atomic_load_explicit(&view->more->slots[i - 1], memory_order_acquire);
}

/* Adds the destination of every binding to the route set. Read side. */
static inline void binding_set_route(struct binding_set *set, struct route_set *ret)
{
    struct binding_set_view view = binding_set_view(set);
    for (uint32_t i = 0; i < view.count; i++) {
        struct binding *b = binding_set_view_at(&view, i);
        if (b)
            route_set_add(ret, b->destination);
    }
}

#endif
