/* A slice borrows bytes that are owned elsewhere. It is passed by value. */
#ifndef LEVERET_BASE_SLICE_H
#define LEVERET_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *p;
    size_t n;
};

#define SLICE_EMPTY ((struct slice){NULL, 0})

/* For printf: `printf("%.*s", SLICE_ARG(s))`. */
#define SLICE_ARG(s) (int)(s).n, (const char *)(s).p

static inline struct slice slice_of(const void *p, size_t n)
{
    return (struct slice){p, n};
}

static inline struct slice slice_str(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_is(struct slice a, const char *s)
{
    return slice_equal(a, slice_str(s));
}

static inline bool slice_begins(struct slice a, const char *prefix)
{
    size_t n = strlen(prefix);
    return a.n >= n && memcmp(a.p, prefix, n) == 0;
}

/* Compares by bytes and returns less than 0, 0 or more than 0, like memcmp(). If one slice begins
 * with the other, the shorter is the smaller. */
static inline int slice_compare(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

/* Returns a copy of the bytes with a NUL behind them. The caller frees it with free(). */
char *slice_strdup(struct slice s);
/* Returns the same copy as a slice whose n does not count the NUL. Its p is never NULL. */
struct slice slice_copy(struct slice s);

#endif
