/* A regular expression of a permission or a policy, compiled. Shared by all threads once it is
 * made. */
#ifndef LEVERET_BASE_PATTERN_H
#define LEVERET_BASE_PATTERN_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

struct pattern; /* see pattern.c */

/* PCRE over bytes. ERR_INVALID: it does not compile; `reason` (NULL is fine) gets why and where.
 * The caller owns *ret. */
int pattern_compile(struct slice text, struct pattern **ret, struct lv_buffer *reason);

/* What is wrong with it: PCRE2's number and sentence, and where. */
struct pattern_fault {
    int number;
    size_t offset;
    char message[128];
};
/* The same, with the fault in pieces. */
int pattern_compile_or_say(struct slice text, struct pattern **ret,
                           struct pattern_fault *ret_fault);

/* Clears the pointer. NULL is fine. */
void pattern_free(struct pattern **pattern);

/* Is it found anywhere in the subject? The empty pattern matches the empty subject alone. A
 * pattern that needs too many steps (PATTERN_STEPS_MAX) matches nothing. */
bool pattern_matches(const struct pattern *pattern, struct slice subject);

/* As it was given; borrowed from the pattern. */
struct slice pattern_text(const struct pattern *pattern);

enum { PATTERN_STEPS_MAX = 20000 };

#endif
