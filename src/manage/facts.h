/* Facts that are copies: one allocation holds a struct, and behind it the bytes its slices point
 * at. */
#ifndef LEVERET_MANAGE_FACTS_H
#define LEVERET_MANAGE_FACTS_H

#include <stddef.h>

#include "base/slice.h"

/* A copy of `facts`, of `size` bytes. `slices` are the `count` slices in it: in the copy they
 * point at bytes of its own. The caller frees it with free(). */
void *facts_copy(const void *facts, size_t size, struct slice *const *slices, size_t count);

/* facts_copy() of *facts, whose slices are named one by one: FACTS_COPY(&f, &f.name, &f.user). */
#define FACTS_COPY(facts, ...)                                                                     \
    facts_copy((facts), sizeof *(facts), (struct slice *const[]){__VA_ARGS__},                     \
               sizeof((struct slice *const[]){__VA_ARGS__}) / sizeof(struct slice *))

#endif
