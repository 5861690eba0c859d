/* A trie of patterns: a topic exchange's index of the bindings that have wildcards.
 *
 *     root --"stock"--> 1 --"*"--> 2 --"nyse"--> 3        stock.*.nyse
 *      |                '--"#"--> 4                       stock.#
 *      '--"#"--> 5 --"error"--> 6                         #.error
 *
 * Every loop reads it without a lock (topic_match.h) while one writer, under the topology lock,
 * adds and removes bindings.
 *
 *   (1) Every node but the root has one incoming edge. Edges by a word are both in one hash table
 *       for the whole trie, by the parent's number and the word, and in the parent's list of
 *       children. A reader uses whichever is cheaper: a look-up for each word of the key, or the
 *       list.
 *   (2) A new node becomes visible while it is empty, and only then gets its binding, so a reader
 *       never misses a binding that was there before.
 *   (3) The writer unlinks a node without bindings and children; it is freed after a grace period.
 *       Until then it keeps its pointer to the next sibling, so that a reader at this node can go
 *       on. */
#ifndef LEVERET_TOPOLOGY_TOPIC_TRIE_H
#define LEVERET_TOPOLOGY_TOPIC_TRIE_H

#include "topology/binding_set.h"
#include "topology/topic_words.h"

struct topic_node {
    struct lv_table_node by_edge; /* in trie->edges, if its edge is a word */
    uint64_t number;
    struct topic_node *_Atomic star;
    struct topic_node *_Atomic hash;
    struct topic_node *_Atomic first_child;  /* the first child by a word */
    struct topic_node *_Atomic next_sibling; /* the parent's next child by a word */
    struct topic_node *previous_sibling;     /* only the writer uses it */
    _Atomic uint32_t words;                  /* number of children by a word */
    enum topic_edge edge;
    struct binding_set bindings;
    union {
        struct topic_node *parent; /* while the node is in the trie; only the writer uses it */
        struct lv_rcu_head rcu;    /* once it is unlinked */
    };
    uint8_t key[]; /* the bytes of by_edge.key */
};

struct topic_trie {
    struct lv_table *_Atomic edges; /* made with the first binding; NULL: the trie is empty */
    uint64_t last_number;
    struct topic_node root;
};

/* Adds a binding at the node of its routing key (binding->indexed_at), or removes one that was
 * added. A zero-initialised trie is valid and empty. The caller holds the topology lock. */
void topic_trie_add(struct topic_trie *trie, struct binding *binding);
void topic_trie_remove(struct topic_trie *trie, struct binding *binding);

/* Frees the table of edges. Call it only if the trie is empty and has no readers. */
void topic_trie_free(struct topic_trie *trie);

/* --- read side -------------------------------------------------------------------------------- */

/* Returns the table of edges; NULL if no binding was ever added. */
static inline struct lv_table *topic_trie_edges(struct topic_trie *trie)
{
    return atomic_load_explicit(&trie->edges, memory_order_acquire);
}

/* Returns the child by this word, or NULL. */
struct topic_node *topic_child(struct lv_table *edges, struct topic_node *parent,
                               struct slice word);

static inline struct topic_node *topic_node_load(struct topic_node *_Atomic *at)
{
    return atomic_load_explicit(at, memory_order_acquire);
}

/* Returns the word of a node whose edge is EDGE_WORD; borrowed from the node. */
static inline struct slice topic_node_word(const struct topic_node *node)
{
    return slice_of(node->key + sizeof node->number, node->by_edge.key.n - sizeof node->number);
}

#endif
