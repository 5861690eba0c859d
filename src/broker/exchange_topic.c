/* topic: routing keys are words between dots; in a binding's key `*` stands for one word and `#`
 * for any number of words, none included.
 *
 * Bindings without wildcards stand in a keyset: one look-up finds them all. Bindings with wildcards
 * stand in a trie, whose edges by word are in one table for the whole exchange, by the parent's
 * number and the word; edges for `*` and `#` are pointers in the node:
 *
 *     root --"stock"--> 1 --"*"--> 2 --"nyse"--> 3        stock.*.nyse
 *      |                '--"#"--> 4                       stock.#
 *      '--"#"--> 5 --"error"--> 6                         #.error
 *
 * Matching walks all places of the trie that the words so far can lead to, at once, word by word:
 *
 *   current   nodes reached by exactly the words so far; the next word leaves each of them
 *   hashes    `#` nodes reached so far; such a node swallows every further word, so it stays until
 *             the end, and it is entered once only, whatever the number of ways into it
 *
 * Every other node has one edge into it, so no node is visited twice for the same word: the work is
 * at most (words) x (nodes), for the worst of patterns and keys, and is bounded by the nodes that
 * the key can reach, not by the number of bindings.
 *
 * Nodes without bindings and children are pruned by the writer and freed after a grace period. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "broker/exchange_private.h"
#include "broker/fanset.h"
#include "broker/keyset.h"
#include "broker/route_private.h"

/* No binding has a longer word, since routing keys are short strings. */
enum { WORD_BYTES_MAX = 255, EDGE_KEY_BYTES_MAX = 8 + WORD_BYTES_MAX };

enum topic_edge { EDGE_ROOT, EDGE_WORD, EDGE_STAR, EDGE_HASH };

struct topic_node {
    struct lv_table_node by_edge; /* in topic->edges, when its edge is a word */
    uint64_t number;
    struct topic_node *_Atomic star;
    struct topic_node *_Atomic hash;
    _Atomic uint32_t words; /* children by word: readers skip the look-up when there is none */
    enum topic_edge edge;
    struct fanset bindings;
    union {
        struct topic_node *parent; /* the writer's, while it stands in the trie */
        struct lv_rcu_head rcu;    /* afterwards */
    };
    uint8_t key[]; /* by_edge's */
};

struct topic {
    struct keyset literals;
    struct lv_table *_Atomic edges; /* made with the first binding that has a wildcard */
    uint64_t last_number;
    struct topic_node root;
};

/* --- words -------------------------------------------------------------------------------- */

/* Takes the next word off. The empty key has no words; "a." has two. */
struct words {
    const uint8_t *p;
    const uint8_t *end;
    bool has_more;
};

static struct words words_of(struct slice key)
{
    return (struct words){key.p, key.p + key.n, key.n > 0};
}

static bool words_next(struct words *words, struct slice *ret_word)
{
    if (!words->has_more)
        return false;
    size_t left = (size_t)(words->end - words->p);
    const uint8_t *dot = left ? memchr(words->p, '.', left) : NULL;
    const uint8_t *end = dot ? dot : words->end;
    *ret_word = slice_of(words->p, (size_t)(end - words->p));
    words->has_more = dot != NULL;
    words->p = dot ? dot + 1 : end;
    return true;
}

static enum topic_edge edge_of(struct slice word)
{
    if (word.n == 1 && word.p[0] == '*')
        return EDGE_STAR;
    if (word.n == 1 && word.p[0] == '#')
        return EDGE_HASH;
    return EDGE_WORD;
}

static bool has_wildcards(struct slice key)
{
    struct words words = words_of(key);
    struct slice word;
    while (words_next(&words, &word)) {
        if (edge_of(word) != EDGE_WORD)
            return true;
    }
    return false;
}

/* --- edges -------------------------------------------------------------------------------- */

static struct slice edge_key(uint8_t *space, const struct topic_node *parent, struct slice word)
{
    lv_assert(word.n <= WORD_BYTES_MAX);
    memcpy(space, &parent->number, sizeof parent->number);
    if (word.n)
        memcpy(space + sizeof parent->number, word.p, word.n);
    return slice_of(space, sizeof parent->number + word.n);
}

static struct topic_node *child_by_word(struct lv_table *edges, struct topic_node *parent,
                                        struct slice word)
{
    uint8_t space[EDGE_KEY_BYTES_MAX];
    if (atomic_load_explicit(&parent->words, memory_order_relaxed) == 0 || word.n > WORD_BYTES_MAX)
        return NULL;
    struct lv_table_node *node = lv_table_find(edges, edge_key(space, parent, word));
    return node ? lv_container_of(node, struct topic_node, by_edge) : NULL;
}

static struct topic_node *child_star(struct topic_node *parent)
{
    return atomic_load_explicit(&parent->star, memory_order_acquire);
}

static struct topic_node *child_hash(struct topic_node *parent)
{
    return atomic_load_explicit(&parent->hash, memory_order_acquire);
}

/* --- routing ------------------------------------------------------------------------------ */

/* Enters a `#` node, and those that stand for no word at all behind it. */
static void walk_enter_hash(struct topic_walk *walk, struct topic_node *node)
{
    while (node && pointer_set_add(&walk->entered, node)) {
        pointer_list_add(&walk->hashes, node);
        node = child_hash(node);
    }
}

static void walk_enter(struct topic_walk *walk, struct topic_node *node)
{
    if (!node)
        return;
    pointer_list_add(&walk->next, node);
    walk_enter_hash(walk, child_hash(node));
}

static void walk_leave(struct topic_walk *walk, struct lv_table *edges, struct topic_node *node,
                       struct slice word)
{
    walk->steps++;
    walk_enter(walk, child_by_word(edges, node, word));
    walk_enter(walk, child_star(node));
}

static void walk_word(struct topic_walk *walk, struct lv_table *edges, struct slice word)
{
    size_t hashes = walk->hashes.count; /* those entered by this word do not see it */
    for (size_t i = 0; i < walk->current.count; i++)
        walk_leave(walk, edges, walk->current.items[i], word);
    for (size_t i = 0; i < hashes; i++)
        walk_leave(walk, edges, walk->hashes.items[i], word);
    struct pointer_list left = walk->current;
    walk->current = walk->next;
    walk->next = left;
    walk->next.count = 0;
}

static void walk_begin(struct topic_walk *walk, struct topic_node *root)
{
    walk->current.count = 0;
    walk->hashes.count = 0;
    walk->next.count = 0;
    pointer_set_clear(&walk->entered);
    pointer_list_add(&walk->current, root);
    walk_enter_hash(walk, child_hash(root));
}

static void walk_end(struct topic_walk *walk, struct route_set *ret)
{
    for (size_t i = 0; i < walk->current.count; i++)
        fanset_route(&((struct topic_node *)walk->current.items[i])->bindings, ret);
    for (size_t i = 0; i < walk->hashes.count; i++)
        fanset_route(&((struct topic_node *)walk->hashes.items[i])->bindings, ret);
}

static void topic_route(struct exchange *exchange, const struct routing_input *input,
                        struct route_set *ret)
{
    struct topic *topic = exchange->state;
    keyset_route(&topic->literals, input->routing_key, ret);
    struct lv_table *edges = atomic_load_explicit(&topic->edges, memory_order_acquire);
    if (!edges)
        return;
    struct topic_walk *walk = &ret->topic;
    walk_begin(walk, &topic->root);
    struct words words = words_of(input->routing_key);
    struct slice word;
    while (words_next(&words, &word)) {
        if (walk->current.count + walk->hashes.count == 0)
            return;
        walk_word(walk, edges, word);
    }
    walk_end(walk, ret);
}

/* --- changing, under the lock ------------------------------------------------------------- */

static struct topic_node *node_create(struct topic *topic, struct topic_node *parent,
                                      enum topic_edge edge, struct slice word)
{
    size_t key_bytes = edge == EDGE_WORD ? sizeof parent->number + word.n : 0;
    struct topic_node *node = lv_malloc(sizeof *node + key_bytes);
    memset(node, 0, sizeof *node);
    node->number = ++topic->last_number;
    node->edge = edge;
    node->parent = parent;
    if (edge == EDGE_WORD)
        node->by_edge.key = edge_key(node->key, parent, word);
    return node;
}

/* The empty node is made visible before it gets its binding: whoever finds it misses nothing that
 * was there before. */
static struct topic_node *node_grow(struct topic *topic, struct topic_node *parent,
                                    struct slice word)
{
    struct lv_table *edges = atomic_load_explicit(&topic->edges, memory_order_relaxed);
    enum topic_edge edge = edge_of(word);
    struct topic_node *child = edge == EDGE_STAR   ? child_star(parent)
                               : edge == EDGE_HASH ? child_hash(parent)
                                                   : child_by_word(edges, parent, word);
    if (child)
        return child;
    child = node_create(topic, parent, edge, word);
    if (edge == EDGE_STAR) {
        atomic_store_explicit(&parent->star, child, memory_order_release);
    } else if (edge == EDGE_HASH) {
        atomic_store_explicit(&parent->hash, child, memory_order_release);
    } else {
        lv_table_insert(edges, &child->by_edge);
        atomic_fetch_add_explicit(&parent->words, 1, memory_order_release);
    }
    return child;
}

static bool node_is_needed(struct topic_node *node)
{
    return !fanset_is_empty(&node->bindings) || child_star(node) || child_hash(node) ||
           atomic_load_explicit(&node->words, memory_order_relaxed) > 0;
}

static void node_free(struct lv_rcu_head *head)
{
    free(lv_container_of(head, struct topic_node, rcu));
}

static void node_cut(struct topic *topic, struct topic_node *node)
{
    struct topic_node *parent = node->parent;
    if (node->edge == EDGE_STAR) {
        atomic_store_explicit(&parent->star, NULL, memory_order_relaxed);
    } else if (node->edge == EDGE_HASH) {
        atomic_store_explicit(&parent->hash, NULL, memory_order_relaxed);
    } else {
        atomic_fetch_sub_explicit(&parent->words, 1, memory_order_relaxed);
        lv_table_remove(atomic_load_explicit(&topic->edges, memory_order_relaxed), &node->by_edge);
    }
    lv_rcu_defer(&node->rcu, node_free);
}

static void topic_bind(struct exchange *exchange, struct binding *binding)
{
    struct topic *topic = exchange->state;
    if (!has_wildcards(binding->routing_key)) {
        keyset_add(&topic->literals, binding);
        return;
    }
    if (!atomic_load_explicit(&topic->edges, memory_order_relaxed))
        atomic_store_explicit(&topic->edges, lv_table_create(), memory_order_release);
    struct topic_node *node = &topic->root;
    struct words words = words_of(binding->routing_key);
    struct slice word;
    while (words_next(&words, &word))
        node = node_grow(topic, node, word);
    fanset_add(&node->bindings, binding);
    binding->indexed_at = node;
}

static void topic_unbind(struct exchange *exchange, struct binding *binding)
{
    struct topic *topic = exchange->state;
    if (!has_wildcards(binding->routing_key)) {
        keyset_remove(&topic->literals, binding);
        return;
    }
    struct topic_node *node = binding->indexed_at;
    fanset_remove(&node->bindings, binding);
    binding->indexed_at = NULL;
    while (node->edge != EDGE_ROOT && !node_is_needed(node)) {
        struct topic_node *parent = node->parent;
        node_cut(topic, node);
        node = parent;
    }
}

static void topic_create(struct exchange *exchange)
{
    exchange->state = lv_calloc(1, sizeof(struct topic));
}

static void topic_destroy(struct exchange *exchange)
{
    struct topic *topic = exchange->state;
    lv_assert(!node_is_needed(&topic->root));
    keyset_free(&topic->literals);
    struct lv_table *edges = atomic_load_explicit(&topic->edges, memory_order_relaxed);
    lv_table_free(&edges);
    free(topic);
}

/* --- explaining ----------------------------------------------------------------------------- */

/* Both sides' words as they stand, and where the last `#` lets us begin again: it has swallowed the
 * key's words up to `restart`. */
struct topic_match {
    struct words pattern, key;
    struct words after_hash, restart;
    bool has_hash;
    size_t pattern_word, key_word;        /* how many have been taken */
    size_t after_hash_word, restart_word; /* likewise, there */
};

/* The `#` swallows one more word. False when there is no `#`, or nothing left for it. */
static bool match_again(struct topic_match *m)
{
    struct slice word;
    if (!m->has_hash || !words_next(&m->restart, &word))
        return false;
    m->restart_word++;
    m->key = m->restart;
    m->key_word = m->restart_word;
    m->pattern = m->after_hash;
    m->pattern_word = m->after_hash_word;
    return true;
}

static void explain_word(struct lv_buffer *why, const struct topic_match *m, struct slice wanted,
                         bool has_word, struct slice word)
{
    why->n = 0;
    if (!has_word)
        lv_buffer_printf(why, "the key ends before the pattern's word %zu, '%.*s'", m->pattern_word,
                         SLICE_ARG(wanted));
    else
        lv_buffer_printf(why, "the key's word %zu is '%.*s' where the pattern's word %zu is '%.*s'",
                         m->key_word, SLICE_ARG(word), m->pattern_word, SLICE_ARG(wanted));
}

/* The pattern's words one by one, going back to the last `#` where they fail. What is said in the end
 * is what stopped the attempt that got furthest in the pattern. */
static bool topic_explain(struct exchange *exchange, struct binding *binding,
                          const struct routing_input *input, struct lv_buffer *why)
{
    (void)exchange;
    struct topic_match m = {.pattern = words_of(binding->routing_key),
                            .key = words_of(input->routing_key)};
    size_t furthest = 0;
    for (;;) {
        struct slice wanted = SLICE_EMPTY, word = SLICE_EMPTY;
        bool has_wanted = words_next(&m.pattern, &wanted);
        m.pattern_word += has_wanted;
        if (has_wanted && edge_of(wanted) == EDGE_HASH) {
            m.has_hash = true;
            m.after_hash = m.pattern;
            m.after_hash_word = m.pattern_word;
            m.restart = m.key;
            m.restart_word = m.key_word;
            continue;
        }
        bool has_word = words_next(&m.key, &word);
        m.key_word += has_word;
        if (!has_wanted && !has_word)
            break;
        bool is_fine =
            has_wanted && has_word && (edge_of(wanted) == EDGE_STAR || slice_equal(wanted, word));
        if (is_fine)
            continue;
        if (has_wanted && m.pattern_word > furthest) {
            furthest = m.pattern_word;
            explain_word(why, &m, wanted, has_word, word);
        } else if (!has_wanted && furthest <= m.pattern_word) {
            furthest = m.pattern_word + 1;
            why->n = 0;
            lv_buffer_printf(why, "the pattern ends before the key's word %zu, '%.*s'", m.key_word,
                             SLICE_ARG(word));
        }
        if (!match_again(&m))
            return false;
    }
    why->n = 0;
    lv_buffer_printf(why, has_wildcards(binding->routing_key) ? "the pattern matches"
                                                              : "the keys are equal");
    return true;
}

const struct exchange_type exchange_topic = {
    .name = "topic",
    .create = topic_create,
    .destroy = topic_destroy,
    .route = topic_route,
    .bind = topic_bind,
    .unbind = topic_unbind,
    .explain = topic_explain,
};
