/* Matching a routing key with a trie of patterns. */
#ifndef LEVERET_TOPOLOGY_TOPIC_MATCH_H
#define LEVERET_TOPOLOGY_TOPIC_MATCH_H

#include "topology/topic_trie.h"

struct topic_scratch;

/* Read-side: adds the destinations of all patterns that the key matches. The scratch space is
 * ret->topic.
 *
 * Each node that the key reaches is visited once, whatever the key, and looks at the fewer of its
 * children and the key's words: the work is bounded by the size of the part of the trie that the
 * key reaches, times the bits of a set of positions. */
void topic_match(struct topic_trie *trie, struct slice routing_key, struct route_set *ret);

/* Frees the scratch space. */
void topic_scratch_free(struct topic_scratch *scratch);

#endif
