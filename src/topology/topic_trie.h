/* A trie of patterns: what a topic exchange makes of its bindings that have wildcards.
 *
 *     root --"stock"--> 1 --"*"--> 2 --"nyse"--> 3        stock.*.nyse
 *      |                '--"#"--> 4                       stock.#
 *      '--"#"--> 5 --"error"--> 6                         #.error
 *
 * Read lock-free by every loop (topic_match.h) while one writer, under the topology lock, adds and
 * removes bindings.
 *
 *   (1) Every node but the root has one edge into it. Edges by word are in one table for the whole
 *       trie, by the parent's number and the word, and in the parent's list of children, so that a
 *       reader can take the shorter way: a look-up for each of its words, or a look at each child.
 *   (2) A node is made visible while it is empty, and gets its binding then: a reader that finds it
 *       misses nothing that was there before.
 *   (3) A node without bindings and children is cut off by the writer and freed after a grace
 *       period. Until then it keeps its pointer to the next child, so that a reader who is at it
 *       goes on. */
#ifndef LEVERET_TOPOLOGY_TOPIC_TRIE_H
#define LEVERET_TOPOLOGY_TOPIC_TRIE_H

#include "topology/binding_set.h"
#include "topology/topic_words.h"

struct topic_node {
    struct lv_table_node by_edge; /* in trie->edges, when its edge is a word */
    uint64_t number;
    struct topic_node *_Atomic star;
    struct topic_node *_Atomic hash;
    struct topic_node *_Atomic first_child;  /* by word */
    struct topic_node *_Atomic next_sibling; /* the parent's next child by word */
    struct topic_node *previous_sibling;     /* the writer's */
    _Atomic uint32_t words;                  /* children by word */
    enum topic_edge edge;
    struct binding_set bindings;
    union {
        struct topic_node *parent; /* the writer's, while it is in the trie */
        struct lv_rcu_head rcu;    /* afterwards */
    };
    uint8_t key[]; /* by_edge's */
};

struct topic_trie {
    struct lv_table *_Atomic edges; /* made with the first binding; NULL: the trie is empty */
    uint64_t last_number;
    struct topic_node root;
};

/* Zero-initialised is a valid, empty trie. Under the topology lock: puts the binding at the end of
 * its routing key's words (binding->indexed_at), and takes it out again. */
void topic_trie_add(struct topic_trie *trie, struct binding *binding);
void topic_trie_remove(struct topic_trie *trie, struct binding *binding);

/* Frees what is left of an empty trie. No reader is left. */
void topic_trie_free(struct topic_trie *trie);

/* --- read side -------------------------------------------------------------------------------- */

/* NULL while the trie has never held a binding. */
static inline struct lv_table *topic_trie_edges(struct topic_trie *trie)
{
    return atomic_load_explicit(&trie->edges, memory_order_acquire);
}

/* The child by this word, or NULL. */
struct topic_node *topic_child(struct lv_table *edges, struct topic_node *parent,
                               struct slice word);

static inline struct topic_node *topic_node_load(struct topic_node *_Atomic *at)
{
    return atomic_load_explicit(at, memory_order_acquire);
}

/* The word of a node whose edge is one; borrowed from the node. */
static inline struct slice topic_node_word(const struct topic_node *node)
{
    return slice_of(node->key + sizeof node->number, node->by_edge.key.n - sizeof node->number);
}

#endif
