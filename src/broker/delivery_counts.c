#include "broker/delivery_counts.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"

struct delivery_count {
    uint64_t place;
    uint32_t count; /* 0: the slot is free */
};

enum { CAPACITY_MIN = 64 };

void delivery_counts_free(struct delivery_counts *counts)
{
    free(counts->slots);
    *counts = (struct delivery_counts){0};
}

/* Where a place belongs: neighbours are spread (Fibonacci hashing). */
static size_t slot_of(const struct delivery_counts *counts, uint64_t place)
{
    return (size_t)(place * 0x9e3779b97f4a7c15u >> 20) & (counts->capacity - 1);
}

/* The place's slot, or the free one where it would go. */
static struct delivery_count *slot_find(const struct delivery_counts *counts, uint64_t place)
{
    size_t i = slot_of(counts, place);
    while (counts->slots[i].count != 0 && counts->slots[i].place != place)
        i = (i + 1) & (counts->capacity - 1);
    return &counts->slots[i];
}

static void grow(struct delivery_counts *counts)
{
    struct delivery_counts old = *counts;
    counts->capacity = old.capacity ? old.capacity * 2 : CAPACITY_MIN;
    counts->slots = lv_calloc(counts->capacity, sizeof *counts->slots);
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].count != 0)
            *slot_find(counts, old.slots[i].place) = old.slots[i];
    }
    free(old.slots);
}

uint32_t delivery_counts_find(const struct delivery_counts *counts, uint64_t place)
{
    return counts->count == 0 ? 0 : slot_find(counts, place)->count;
}

uint32_t delivery_counts_add(struct delivery_counts *counts, uint64_t place)
{
    if (counts->count * 2 >= counts->capacity)
        grow(counts);
    struct delivery_count *slot = slot_find(counts, place);
    counts->count += slot->count == 0;
    slot->place = place;
    slot->count += slot->count < UINT32_MAX;
    return slot->count;
}

/* Those behind a slot that was freed move up, so that no search stops there too early. */
static void close_gap(struct delivery_counts *counts, size_t gap)
{
    size_t mask = counts->capacity - 1;
    for (size_t i = (gap + 1) & mask; counts->slots[i].count != 0; i = (i + 1) & mask) {
        size_t home = slot_of(counts, counts->slots[i].place);
        if (((i - home) & mask) < ((i - gap) & mask))
            continue; /* it belongs behind the gap */
        counts->slots[gap] = counts->slots[i];
        counts->slots[i].count = 0;
        gap = i;
    }
}

void delivery_counts_remove(struct delivery_counts *counts, uint64_t place)
{
    if (counts->count == 0)
        return;
    struct delivery_count *slot = slot_find(counts, place);
    if (slot->count == 0)
        return;
    slot->count = 0;
    counts->count--;
    close_gap(counts, (size_t)(slot - counts->slots));
    if (counts->count == 0)
        delivery_counts_free(counts);
}
