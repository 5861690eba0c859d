/* A pattern of headers: the arguments of a binding to a headers exchange.
 *
 *   x-match      the pattern matches if
 *   all          every argument matches (or there are none)
 *   any          at least one argument matches
 *   ...-with-x   like all and any; arguments that begin with "x-" count, too
 *
 * An argument matches if a header of that name has an equal value (header_value.h); if its type is
 * void, any header of that name does. If a name occurs twice in a pattern, its first argument is
 * compared with the first header of that name, its second with the second. */
#ifndef LEVERET_TOPOLOGY_HEADERS_PATTERN_H
#define LEVERET_TOPOLOGY_HEADERS_PATTERN_H

#include "base/buffer.h"
#include "topology/refusal.h"
#include "topology/route_private.h"

struct headers_pattern {
    bool is_any;
    size_t count;
    struct header fields[]; /* sorted by name; names and values borrow from the arguments */
};

/* Returns false, with error 406, if the argument x-match has a value that is not in the table
 * above. */
bool headers_pattern_check(struct slice arguments, struct broker_error *error);

/* Returns how many fields the pattern of these arguments has at most. */
size_t headers_pattern_count_max(struct slice arguments);

/* Reads the arguments, a table whose fields are sorted by name, into a pattern that has room for
 * headers_pattern_count_max() fields. */
void headers_pattern_read(struct headers_pattern *pattern, struct slice arguments);

/* Returns whether the pattern matches a message's headers (route_set_headers()). */
bool headers_pattern_matches(const struct headers_pattern *pattern,
                             const struct header_list *headers);

/* Like headers_pattern_matches(), but also appends the reason to `why`: what decides, or, if
 * x-match is `any` and nothing matches, why each argument fails. */
bool headers_pattern_explain(const struct headers_pattern *pattern,
                             const struct header_list *headers, struct lv_buffer *why);

#endif
