/* A binding_array: the bindings of an exchange in an array, sorted by destination, routing key and
 * arguments. The order does not depend on when bindings were added, so a type that chooses by index
 * or by score chooses the same binding after a restart.
 *
 * Read without a lock. Each change, under the topology lock, makes a new array: O(bindings). */
#ifndef LEVERET_TOPOLOGY_BINDING_ARRAY_H
#define LEVERET_TOPOLOGY_BINDING_ARRAY_H

#include <stdatomic.h>

#include "base/rcu.h"
#include "topology/binding.h"

struct binding_array_slot {
    struct binding *binding;
    uint64_t seed; /* a hash of the destination's kind and name */
    double weight;
};

struct binding_array_slots {
    struct lv_rcu_head rcu;
    size_t count;
    struct binding_array_slot at[];
};

/* Zero-initialised is a valid, empty binding_array. */
struct binding_array {
    struct binding_array_slots *_Atomic array; /* NULL: empty */
};

/* Adds a binding that is not in the array, or removes one that is. weight > 0. The caller holds the
 * lock. */
void binding_array_add(struct binding_array *binding_array, struct binding *binding, double weight);
void binding_array_remove(struct binding_array *binding_array, struct binding *binding);

/* Returns the bindings; NULL if there are none. Read side; valid until the end of the turn. */
static inline const struct binding_array_slots *
binding_array_view(struct binding_array *binding_array)
{
    return atomic_load_explicit(&binding_array->array, memory_order_acquire);
}

/* Returns a 64-bit number of which every bit depends on every bit of x. */
static inline uint64_t hash_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Maps an evenly distributed 64-bit number to an evenly distributed one below `count`, which is not
 * 0. */
static inline size_t spread_below(uint64_t number, size_t count)
{
    return (size_t)((unsigned __int128)number * count >> 64);
}

#endif
