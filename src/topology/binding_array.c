/* The writer's half of a binding_array: a sorted array that is replaced as a whole. */
#include "topology/binding_array.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"

static struct binding_array_slots *array_of(const struct binding_array *binding_array)
{
    return atomic_load_explicit(&binding_array->array, memory_order_relaxed);
}

static void array_free(struct lv_rcu_head *head)
{
    free(lv_container_of(head, struct binding_array_slots, rcu));
}

static void array_replace(struct binding_array *binding_array, struct binding_array_slots *array)
{
    struct binding_array_slots *old = array_of(binding_array);
    atomic_store_explicit(&binding_array->array, array, memory_order_release);
    if (old)
        lv_rcu_defer(&old->rcu, array_free);
}

static int compare_bindings(const struct binding *a, const struct binding *b)
{
    if (a->destination->kind != b->destination->kind)
        return a->destination->kind < b->destination->kind ? -1 : 1;
    int order = slice_compare(a->destination->name, b->destination->name);
    order = order ? order : slice_compare(a->routing_key, b->routing_key);
    return order ? order : slice_compare(a->arguments, b->arguments);
}

/* Returns the index of the binding, or the index where it belongs. */
static size_t index_of(const struct binding_array_slots *array, const struct binding *binding)
{
    size_t low = 0, high = array ? array->count : 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare_bindings(array->at[middle].binding, binding) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t seed_of(const struct destination *destination)
{
    return hash_mix(lv_hash(destination->name) + destination->kind);
}

static struct binding_array_slots *array_make(size_t count)
{
    lv_assert(count > 0);
    struct binding_array_slots *array = lv_malloc(sizeof *array + count * sizeof array->at[0]);
    array->count = count;
    return array;
}

static void slots_copy(struct binding_array_slots *to, size_t to_at,
                       const struct binding_array_slots *from, size_t from_at, size_t count)
{
    if (count == 0)
        return;
    lv_assert(from != NULL);
    memcpy(&to->at[to_at], &from->at[from_at], count * sizeof from->at[0]);
}

void binding_array_add(struct binding_array *binding_array, struct binding *binding, double weight)
{
    const struct binding_array_slots *old = array_of(binding_array);
    size_t count = old ? old->count : 0;
    size_t i = index_of(old, binding);
    lv_assert(weight > 0);
    lv_assert(i == count || compare_bindings(old->at[i].binding, binding) != 0);
    struct binding_array_slots *array = array_make(count + 1);
    slots_copy(array, 0, old, 0, i);
    array->at[i] = (struct binding_array_slot){binding, seed_of(binding->destination), weight};
    slots_copy(array, i + 1, old, i, count - i);
    array_replace(binding_array, array);
}

void binding_array_remove(struct binding_array *binding_array, struct binding *binding)
{
    const struct binding_array_slots *old = array_of(binding_array);
    size_t i = index_of(old, binding);
    lv_assert(old && i < old->count && old->at[i].binding == binding);
    struct binding_array_slots *array = NULL;
    if (old->count > 1) {
        array = array_make(old->count - 1);
        slots_copy(array, 0, old, 0, i);
        slots_copy(array, i, old, i + 1, old->count - 1 - i);
    }
    array_replace(binding_array, array);
}
