#include "broker/lineup.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"

static struct lineup_array *array_of(const struct lineup *lineup)
{
    return atomic_load_explicit(&lineup->array, memory_order_relaxed);
}

static void array_free(struct lv_rcu_head *head)
{
    free(lv_container_of(head, struct lineup_array, rcu));
}

static void array_replace(struct lineup *lineup, struct lineup_array *array)
{
    struct lineup_array *old = array_of(lineup);
    atomic_store_explicit(&lineup->array, array, memory_order_release);
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

/* Where the binding stands, or where it would. */
static size_t place_of(const struct lineup_array *array, const struct binding *binding)
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

static struct lineup_array *array_make(size_t count)
{
    struct lineup_array *array = lv_malloc(sizeof *array + count * sizeof array->at[0]);
    array->count = count;
    return array;
}

static void places_copy(struct lineup_array *to, size_t to_at, const struct lineup_array *from,
                        size_t from_at, size_t count)
{
    if (count == 0)
        return;
    lv_assert(from != NULL);
    memcpy(&to->at[to_at], &from->at[from_at], count * sizeof from->at[0]);
}

void lineup_add(struct lineup *lineup, struct binding *binding, double weight)
{
    const struct lineup_array *old = array_of(lineup);
    size_t count = old ? old->count : 0;
    size_t place = place_of(old, binding);
    struct lineup_array *array = array_make(count + 1);
    places_copy(array, 0, old, 0, place);
    array->at[place] = (struct lineup_place){binding, seed_of(binding->destination), weight};
    places_copy(array, place + 1, old, place, count - place);
    array_replace(lineup, array);
}

void lineup_remove(struct lineup *lineup, struct binding *binding)
{
    const struct lineup_array *old = array_of(lineup);
    size_t place = place_of(old, binding);
    lv_assert(old && place < old->count && old->at[place].binding == binding);
    struct lineup_array *array = NULL;
    if (old->count > 1) {
        array = array_make(old->count - 1);
        places_copy(array, 0, old, 0, place);
        places_copy(array, place, old, place + 1, old->count - 1 - place);
    }
    array_replace(lineup, array);
}
