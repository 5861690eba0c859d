/* A compiled regular expression, of a permission or a policy. All threads may use it once it is
 * made; they never change it. */
#ifndef LEVERET_BASE_PATTERN_H
#define LEVERET_BASE_PATTERN_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

struct pattern; /* see pattern.c */

/* Compiles a PCRE over bytes. The caller owns *ret. Returns ERR_INVALID if it does not compile;
 * `reason` (NULL is fine) then says why and where. */
int pattern_compile(struct slice text, struct pattern **ret, struct lv_buffer *reason);

/* What is wrong with a pattern: PCRE2's number and sentence, and the offset. */
struct pattern_fault {
    int number;
    size_t offset;
    char message[128];
};
/* Like pattern_compile(), but fills *ret_fault if it returns ERR_INVALID. */
int pattern_compile_or_say(struct slice text, struct pattern **ret,
                           struct pattern_fault *ret_fault);

/* Frees the pattern and clears the pointer. NULL is fine. */
void pattern_free(struct pattern **pattern);

/* Returns whether the pattern is found anywhere in the subject. The empty pattern matches only the
 * empty subject. Returns false if the match would need more than PATTERN_STEPS_MAX steps, or too
 * much memory. */
bool pattern_matches(const struct pattern *pattern, struct slice subject);

/* Returns the text from which the pattern was compiled; borrowed from the pattern. */
struct slice pattern_text(const struct pattern *pattern);

enum { PATTERN_STEPS_MAX = 20000 };

#endif
