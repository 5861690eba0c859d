/* A histogram of times. A bucket is a power of two and the five bits that follow it, so a quantile
 * is exact to 3 %. */
#ifndef LEVERET_BENCH_HISTOGRAM_H
#define LEVERET_BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_FINE_BITS = 5, HISTOGRAM_BUCKETS = 64 << HISTOGRAM_FINE_BITS };

struct histogram {
    uint64_t count;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t ns)
{
    uint64_t v = ns | (1 << HISTOGRAM_FINE_BITS);
    unsigned power = 63 - (unsigned)__builtin_clzll(v);
    unsigned fine =
        (unsigned)(v >> (power - HISTOGRAM_FINE_BITS)) & ((1 << HISTOGRAM_FINE_BITS) - 1);
    return power << HISTOGRAM_FINE_BITS | fine;
}

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
    h->count++;
    h->buckets[histogram_bucket(ns)]++;
}

/* Returns a quantile (0.5 is the median) in microseconds; 0 if the histogram is empty. */
static inline double histogram_us(const struct histogram *h, double quantile)
{
    uint64_t below = 0, wanted = (uint64_t)((double)h->count * quantile);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        below += h->buckets[i];
        if (below > wanted) {
            unsigned power = i >> HISTOGRAM_FINE_BITS;
            uint64_t fine = i & ((1 << HISTOGRAM_FINE_BITS) - 1);
            return (double)((UINT64_C(1) << power) + (fine << (power - HISTOGRAM_FINE_BITS))) /
                   1000;
        }
    }
    return 0;
}

#endif
