/* Decimal digits in text. */
#ifndef LEVERET_BASE_DIGITS_H
#define LEVERET_BASE_DIGITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Reads the digits at the beginning of *text and moves *text behind them. Returns false, with *text
 * and *ret unchanged, if there are none or the number is above UINT64_MAX. Takes no sign and no
 * space. */
static inline bool lv_digits_take(struct slice *text, uint64_t *ret)
{
    uint64_t n = 0;
    size_t i = 0;
    for (; i < text->n && text->p[i] >= '0' && text->p[i] <= '9'; i++) {
        if (__builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(text->p[i] - '0'), &n))
            return false;
    }
    if (i == 0)
        return false;
    *text = slice_of(text->p + i, text->n - i);
    *ret = n;
    return true;
}

#endif
