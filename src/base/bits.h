/* Sets of up to 64 small numbers, as the bits of a word. */
#ifndef LEVERET_BASE_BITS_H
#define LEVERET_BASE_BITS_H

#include <stdint.h>

#include "base/assert.h"

/* Removes the lowest number from a set that is not empty, and returns it. To walk a set in order,
 * take the numbers out of a copy:
 *
 *     for (uint64_t left = chunk->ready; left;) {
 *         unsigned slot = lv_bits_take(&left); */
static inline unsigned lv_bits_take(uint64_t *bits)
{
    lv_assert(*bits != 0);
    unsigned lowest = (unsigned)__builtin_ctzll(*bits);
    *bits &= *bits - 1;
    return lowest;
}

#endif
