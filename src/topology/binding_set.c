/* The writer's half of a binding_set; binding_set.h has the shape and its invariants. */
#include "topology/binding_set.h"

#include <stdlib.h>

#include "base/memory.h"

enum { BINDING_SET_SLOTS_MIN = 4 };

static struct binding_set_array *array_of(const struct binding_set *set)
{
    return atomic_load_explicit(&set->more, memory_order_relaxed);
}

static struct binding *slot_of(const struct binding_set_array *array, uint32_t i)
{
    return atomic_load_explicit(&array->slots[i], memory_order_relaxed);
}

static void array_free(struct lv_rcu_head *head)
{
    free(lv_container_of(head, struct binding_set_array, rcu));
}

/* Publishes a new array (or none) in place of the old one. */
static void array_replace(struct binding_set *set, struct binding_set_array *array)
{
    struct binding_set_array *old = array_of(set);
    atomic_store_explicit(&set->more, array, memory_order_release);
    if (old)
        lv_rcu_defer(&old->rcu, array_free);
}

/* Returns a copy without empty slots. */
static struct binding_set_array *array_copy(const struct binding_set_array *old, uint32_t capacity)
{
    lv_assert(!old || old->live <= capacity);
    struct binding_set_array *array = lv_malloc(sizeof *array + capacity * sizeof array->slots[0]);
    array->capacity = capacity;
    array->live = 0;
    for (uint32_t i = 0; old && i < atomic_load_explicit(&old->count, memory_order_relaxed); i++) {
        struct binding *b = slot_of(old, i);
        if (!b)
            continue;
        b->index = array->live + 1;
        atomic_init(&array->slots[array->live], b);
        array->live++;
    }
    atomic_init(&array->count, array->live);
    return array;
}

/* Returns an array with a free slot at its end: the old array, or else a copy without empty slots,
 * which is twice as large unless half of the old array's slots are empty. */
static struct binding_set_array *array_with_room(struct binding_set *set)
{
    struct binding_set_array *array = array_of(set);
    if (array && atomic_load_explicit(&array->count, memory_order_relaxed) < array->capacity)
        return array;
    uint32_t capacity = BINDING_SET_SLOTS_MIN;
    if (array)
        capacity = array->live <= array->capacity / 2 ? array->capacity : array->capacity * 2;
    array_replace(set, array_copy(array, capacity));
    return array_of(set);
}

void binding_set_add(struct binding_set *set, struct binding *binding)
{
    if (!atomic_load_explicit(&set->first, memory_order_relaxed)) {
        binding->index = 0;
        atomic_store_explicit(&set->first, binding, memory_order_release);
        return;
    }
    struct binding_set_array *array = array_with_room(set);
    uint32_t count = atomic_load_explicit(&array->count, memory_order_relaxed);
    binding->index = count + 1;
    atomic_store_explicit(&array->slots[count], binding, memory_order_release);
    atomic_store_explicit(&array->count, count + 1, memory_order_release);
    array->live++;
}

static void array_remove(struct binding_set *set, struct binding_set_array *array, size_t slot)
{
    lv_assert(array->live > 0);
    atomic_store_explicit(&array->slots[slot], NULL, memory_order_relaxed);
    array->live--;
    if (array->live == 0)
        array_replace(set, NULL);
    else if (array->capacity > BINDING_SET_SLOTS_MIN && array->live <= array->capacity / 4)
        array_replace(set, array_copy(array, array->capacity / 2));
}

void binding_set_remove(struct binding_set *set, struct binding *binding)
{
    if (binding->index == 0) {
        lv_assert(atomic_load_explicit(&set->first, memory_order_relaxed) == binding);
        atomic_store_explicit(&set->first, NULL, memory_order_relaxed);
        return;
    }
    struct binding_set_array *array = array_of(set);
    lv_assert(array && binding->index <= array->capacity);
    lv_assert(slot_of(array, (uint32_t)binding->index - 1) == binding);
    array_remove(set, array, binding->index - 1);
}

bool binding_set_is_empty(const struct binding_set *set)
{
    return !atomic_load_explicit(&set->first, memory_order_relaxed) && !array_of(set);
}
