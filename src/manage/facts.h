/* Copies of facts: one allocation holds a struct followed by the bytes that its slices point to. */
#ifndef LEVERET_MANAGE_FACTS_H
#define LEVERET_MANAGE_FACTS_H

#include <stddef.h>

#include "base/slice.h"

/* Returns a copy of `facts`, a struct of `size` bytes with `count` slices in it; in the copy these
 * point to bytes of its own. The caller frees it with free(). */
void *facts_copy(const void *facts, size_t size, struct slice *const *slices, size_t count);

/* facts_copy() of *facts, whose slices are named one by one: FACTS_COPY(&f, &f.name, &f.user). */
#define FACTS_COPY(facts, ...)                                                                     \
    facts_copy((facts), sizeof *(facts), (struct slice *const[]){__VA_ARGS__},                     \
               sizeof((struct slice *const[]){__VA_ARGS__}) / sizeof(struct slice *))

#endif
