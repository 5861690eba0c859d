/* A binding_array: the bindings of an exchange side by side, in an order that depends on what they
 * are and not on when they came: by destination, routing key and arguments. So a type that chooses
 * among them by number or by score chooses the same after a restart.
 *
 * Read lock-free; each change, under the topology lock, makes a new array and costs as much as
 * there are bindings. */
#ifndef LEVERET_TOPOLOGY_BINDING_ARRAY_H
#define LEVERET_TOPOLOGY_BINDING_ARRAY_H

#include <stdatomic.h>

#include "base/rcu.h"
#include "topology/binding.h"

struct binding_array_place {
    struct binding *binding;
    uint64_t seed; /* of the destination: its kind and name, hashed */
    double weight;
};

struct binding_array_slots {
    struct lv_rcu_head rcu;
    size_t count;
    struct binding_array_place at[];
};

/* Zero-initialised is a valid, empty binding_array. */
struct binding_array {
    struct binding_array_slots *_Atomic array; /* NULL: empty */
};

/* Under the lock. */
void binding_array_add(struct binding_array *binding_array, struct binding *binding, double weight);
void binding_array_remove(struct binding_array *binding_array, struct binding *binding);

/* Read-side: good until the end of the turn. NULL when it is empty. */
static inline const struct binding_array_slots *
binding_array_view(struct binding_array *binding_array)
{
    return atomic_load_explicit(&binding_array->array, memory_order_acquire);
}

/* A 64-bit number whose every bit depends on every bit of x. */
static inline uint64_t hash_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* An evenly spread number below `count` out of an evenly spread 64-bit number. */
static inline size_t spread_below(uint64_t number, size_t count)
{
    return (size_t)((unsigned __int128)number * count >> 64);
}

#endif
