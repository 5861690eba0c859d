/* A pattern of headers: what the arguments of a binding to a headers exchange ask of a message.
 *
 *   x-match      matches when
 *   all          every argument is met (also when there is none to meet)
 *   any          at least one is
 *   ...-with-x   the same, counting also the arguments that begin with "x-"
 *
 * An argument is met when a header of that name has an equal value (header_value.h); one of type
 * void asks only for the header's presence. A name that comes twice in a pattern needs two headers
 * of that name: the first is compared with the first, the second with the second. */
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

/* 406 for an x-match that is none of them. */
bool headers_pattern_check(struct slice arguments, struct broker_error *error);

/* At most so many fields are in the pattern of these arguments. */
size_t headers_pattern_count_max(struct slice arguments);

/* Reads the arguments, a table whose fields are sorted by name, into a pattern with room for as
 * many fields as headers_pattern_count_max() says. */
void headers_pattern_read(struct headers_pattern *pattern, struct slice arguments);

bool headers_pattern_matches(const struct headers_pattern *pattern,
                             const struct header_list *headers);

/* The same; appends to `why` what decides, or with `any` all that failed. */
bool headers_pattern_explain(const struct headers_pattern *pattern,
                             const struct header_list *headers, struct lv_buffer *why);

#endif
