/* How often messages have come back to their queue: a count for each place where that is not 0. A hash
 * table with open addressing. Owned by a queue; its home's. */
#ifndef LEVERET_BROKER_DELIVERY_COUNTS_H
#define LEVERET_BROKER_DELIVERY_COUNTS_H

#include <stddef.h>
#include <stdint.h>

/* Zero-initialised is valid and empty. */
struct delivery_counts {
    struct delivery_count *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

void delivery_counts_free(struct delivery_counts *counts);

/* 0 when the place has none. */
uint32_t delivery_counts_find(const struct delivery_counts *counts, uint64_t place);

/* Counts one more; the new count. */
uint32_t delivery_counts_add(struct delivery_counts *counts, uint64_t place);

/* The message has left this place. Fine when there is no count. */
void delivery_counts_remove(struct delivery_counts *counts, uint64_t place);

#endif
