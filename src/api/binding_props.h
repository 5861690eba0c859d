/* The properties key of a binding: what names it among the bindings between one source and one
 * destination, in RabbitMQ's encoding, so that links and states of other tools fit.
 *
 *     "~"            the routing key is empty, and there are no arguments
 *     "key"          a routing key, with the escapes of a query (a/b is "a%2Fb", '~' is "%7E")
 *     "key~hash"     with arguments, of which this is a hash of 32 bits (term_hash.h)
 *
 * Pure; any thread. */
#ifndef LEVERET_API_BINDING_PROPS_H
#define LEVERET_API_BINDING_PROPS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

/* Appends the properties key. `arguments` is a valid table, its fields sorted as a binding has
 * them. */
void binding_props_append(struct lv_buffer *out, struct slice routing_key, struct slice arguments);

/* Returns whether this properties key (a part of a path, decoded once) names a binding with this
 * routing key and these arguments. */
bool binding_props_fit(struct slice props, struct slice routing_key, struct slice arguments);

/* Appends a part of a path: what is neither a letter, a digit nor one of "-._" becomes %XX. */
void binding_props_append_escaped(struct lv_buffer *out, struct slice s);

#endif
