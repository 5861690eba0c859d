/* The writer's half of a trie of patterns; topic_trie.h has the shape and its invariants. */
#include "topology/topic_trie.h"

#include <stdlib.h>

#include "base/memory.h"

/* The longest word that a binding can have, as routing keys are short strings. */
enum { WORD_BYTES_MAX = 255, EDGE_KEY_BYTES_MAX = 8 + WORD_BYTES_MAX };

bool topic_has_wildcards(struct slice pattern)
{
    struct topic_words words = topic_words_of(pattern);
    struct slice word;
    while (topic_words_next(&words, &word)) {
        if (topic_edge_of(word) != EDGE_WORD)
            return true;
    }
    return false;
}

static struct slice edge_key(uint8_t *space, const struct topic_node *parent, struct slice word)
{
    lv_assert(word.n <= WORD_BYTES_MAX);
    memcpy(space, &parent->number, sizeof parent->number);
    if (word.n)
        memcpy(space + sizeof parent->number, word.p, word.n);
    return slice_of(space, sizeof parent->number + word.n);
}

struct topic_node *topic_child(struct lv_table *edges, struct topic_node *parent, struct slice word)
{
    uint8_t space[EDGE_KEY_BYTES_MAX];
    if (atomic_load_explicit(&parent->words, memory_order_relaxed) == 0 || word.n > WORD_BYTES_MAX)
        return NULL;
    struct lv_table_node *node = lv_table_find(edges, edge_key(space, parent, word));
    return node ? lv_container_of(node, struct topic_node, by_edge) : NULL;
}

/* --- growing ---------------------------------------------------------------------------------- */

static struct topic_node *node_create(struct topic_trie *trie, struct topic_node *parent,
                                      enum topic_edge edge, struct slice word)
{
    size_t key_bytes = edge == EDGE_WORD ? sizeof parent->number + word.n : 0;
    struct topic_node *node = lv_malloc(sizeof *node + key_bytes);
    memset(node, 0, sizeof *node);
    node->number = ++trie->last_number;
    node->edge = edge;
    node->parent = parent;
    if (edge == EDGE_WORD)
        node->by_edge.key = edge_key(node->key, parent, word);
    return node;
}

static void child_link(struct lv_table *edges, struct topic_node *parent, struct topic_node *child)
{
    struct topic_node *next = atomic_load_explicit(&parent->first_child, memory_order_relaxed);
    atomic_store_explicit(&child->next_sibling, next, memory_order_relaxed);
    if (next)
        next->previous_sibling = child;
    atomic_store_explicit(&parent->first_child, child, memory_order_release);
    lv_table_insert(edges, &child->by_edge);
    atomic_fetch_add_explicit(&parent->words, 1, memory_order_release);
}

static void child_unlink(struct lv_table *edges, struct topic_node *parent,
                         struct topic_node *child)
{
    struct topic_node *next = atomic_load_explicit(&child->next_sibling, memory_order_relaxed);
    struct topic_node *previous = child->previous_sibling;
    lv_assert(atomic_load_explicit(&parent->words, memory_order_relaxed) > 0);
    atomic_fetch_sub_explicit(&parent->words, 1, memory_order_relaxed);
    lv_table_remove(edges, &child->by_edge);
    atomic_store_explicit(previous ? &previous->next_sibling : &parent->first_child, next,
                          memory_order_release);
    if (next)
        next->previous_sibling = previous;
}

static struct topic_node *child_of(struct lv_table *edges, struct topic_node *parent,
                                   enum topic_edge edge, struct slice word)
{
    switch (edge) {
    case EDGE_STAR: return topic_node_load(&parent->star);
    case EDGE_HASH: return topic_node_load(&parent->hash);
    default: return topic_child(edges, parent, word);
    }
}

/* Returns the child by this word of a pattern; makes it if there is none. */
static struct topic_node *node_grow(struct topic_trie *trie, struct topic_node *parent,
                                    struct slice word)
{
    struct lv_table *edges = topic_trie_edges(trie);
    enum topic_edge edge = topic_edge_of(word);
    struct topic_node *child = child_of(edges, parent, edge, word);
    if (child)
        return child;
    child = node_create(trie, parent, edge, word);
    if (edge == EDGE_STAR)
        atomic_store_explicit(&parent->star, child, memory_order_release);
    else if (edge == EDGE_HASH)
        atomic_store_explicit(&parent->hash, child, memory_order_release);
    else
        child_link(edges, parent, child);
    return child;
}

void topic_trie_add(struct topic_trie *trie, struct binding *binding)
{
    if (!topic_trie_edges(trie))
        atomic_store_explicit(&trie->edges, lv_table_create(), memory_order_release);
    struct topic_node *node = &trie->root;
    struct topic_words words = topic_words_of(binding->routing_key);
    struct slice word;
    while (topic_words_next(&words, &word))
        node = node_grow(trie, node, word);
    lv_assert(binding->indexed_at == NULL);
    binding_set_add(&node->bindings, binding);
    binding->indexed_at = node;
}

/* --- pruning ---------------------------------------------------------------------------------- */

static bool node_is_needed(struct topic_node *node)
{
    return !binding_set_is_empty(&node->bindings) || topic_node_load(&node->star) ||
           topic_node_load(&node->hash) || topic_node_load(&node->first_child);
}

static void node_free(struct lv_rcu_head *head)
{
    free(lv_container_of(head, struct topic_node, rcu));
}

static void node_cut(struct topic_trie *trie, struct topic_node *node)
{
    struct topic_node *parent = node->parent;
    lv_assert(node->edge != EDGE_ROOT);
    if (node->edge == EDGE_STAR)
        atomic_store_explicit(&parent->star, NULL, memory_order_relaxed);
    else if (node->edge == EDGE_HASH)
        atomic_store_explicit(&parent->hash, NULL, memory_order_relaxed);
    else
        child_unlink(topic_trie_edges(trie), parent, node);
    lv_rcu_defer(&node->rcu, node_free);
}

void topic_trie_remove(struct topic_trie *trie, struct binding *binding)
{
    struct topic_node *node = binding->indexed_at;
    lv_assert(node != NULL);
    binding_set_remove(&node->bindings, binding);
    binding->indexed_at = NULL;
    while (node->edge != EDGE_ROOT && !node_is_needed(node)) {
        struct topic_node *parent = node->parent;
        node_cut(trie, node);
        node = parent;
    }
}

void topic_trie_free(struct topic_trie *trie)
{
    lv_assert(!node_is_needed(&trie->root));
    struct lv_table *edges = topic_trie_edges(trie);
    atomic_store_explicit(&trie->edges, NULL, memory_order_relaxed);
    lv_table_free(&edges);
}
