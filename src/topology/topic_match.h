/* Matching a routing key against a trie of patterns. */
#ifndef LEVERET_TOPOLOGY_TOPIC_MATCH_H
#define LEVERET_TOPOLOGY_TOPIC_MATCH_H

#include "topology/topic_trie.h"

struct topic_scratch;

/* Adds the destinations of all patterns that match the key to the route set, whose member `topic`
 * is the scratch space. Read side.
 *
 * Each node of the trie that the key reaches is visited once, and there either its children or the
 * key's words are looked up, whichever are fewer. So the work is bounded by the size of the part of
 * the trie that the key reaches, times the number of the key's words. */
void topic_match(struct topic_trie *trie, struct slice routing_key, struct route_set *ret);

/* Frees the scratch space. */
void topic_scratch_free(struct topic_scratch *scratch);

#endif
