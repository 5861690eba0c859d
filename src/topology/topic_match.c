/* The trie is traversed once, from the root, with a set of positions for each node: position n is
 * in the set if the path to the node can match the key's first n words. For the key `a.b.a` and the
 * pattern `#.a`:
 *
 *     root     {0}            no word is matched yet
 *     #        {0,1,2,3}      any number of words, from the lowest position on
 *     #.a      {1,3}          for each position whose next word is `a`, the position after it
 *
 * The bindings of a node match if the position after the key's last word is in its set. A node's
 * set depends on its parent's set only, so no node is visited twice, and patterns with several `#`
 * cost no more than others; trying each way to divide the key would take exponential time.
 *
 * The words of the key are in a hash table, each with its first position and a chain of the others.
 * At a node with fewer children than positions, the children's words are looked up in that table;
 * at other nodes, the words at its positions are looked up among the children. */
#include "topology/topic_match.h"

#include <stdlib.h>

#include "base/memory.h"
#include "topology/route_private.h"

enum { SLOTS_MIN = 16, SET_BITS = 64, PATTERN_WORDS_MAX = 256 };
static const uint32_t NO_POSITION = UINT32_MAX;

/* A word of the key. Equal words form a chain, in order. */
struct topic_key_word {
    struct slice word;
    uint64_t hash;
    uint32_t next;     /* in the chain, or NO_POSITION */
    uint32_t previous; /* in the chain, or NO_POSITION */
    uint32_t last;     /* the chain's last position; valid in its first word */
};

struct topic_visit {
    struct topic_scratch *scratch;
    struct lv_table *edges;
    struct route_set *found;
};

/* --- the words of the key --------------------------------------------------------------------- */

static size_t slots_for(size_t words)
{
    size_t slots = SLOTS_MIN;
    while (slots < 2 * words)
        slots *= 2;
    return slots;
}

static void scratch_reserve(struct topic_scratch *s, size_t words)
{
    if (words <= s->words_max)
        return;
    s->words_max = slots_for(words) / 2;
    s->words = lv_realloc(s->words, s->words_max * sizeof *s->words);
    s->slots = lv_realloc(s->slots, 2 * s->words_max * sizeof *s->slots);
}

/* Returns the slot of this word, or the free slot where it belongs. */
static uint32_t *slot_of(const struct topic_scratch *s, struct slice word, uint64_t hash)
{
    size_t i = hash & (s->slot_count - 1);
    while (s->slots[i] != NO_POSITION &&
           (s->words[s->slots[i]].hash != hash || !slice_equal(s->words[s->slots[i]].word, word)))
        i = (i + 1) & (s->slot_count - 1);
    return &s->slots[i];
}

/* Adds the key's next word, at the end of the chain of equal words. */
static void key_add_word(struct topic_scratch *s, struct slice word)
{
    uint32_t position = (uint32_t)s->word_count++;
    uint64_t hash = lv_hash(word);
    uint32_t *first = slot_of(s, word, hash);
    uint32_t previous = *first == NO_POSITION ? NO_POSITION : s->words[*first].last;
    s->words[position] = (struct topic_key_word){word, hash, NO_POSITION, previous, position};
    if (previous == NO_POSITION) {
        *first = position;
    } else {
        s->words[previous].next = position;
        s->words[*first].last = position;
    }
}

static size_t count_words(struct slice key)
{
    struct topic_words words = topic_words_of(key);
    struct slice word;
    size_t count = 0;
    while (topic_words_next(&words, &word))
        count++;
    return count;
}

static void key_read(struct topic_scratch *s, struct slice key)
{
    size_t count = count_words(key);
    scratch_reserve(s, count + 1);
    s->slot_count = slots_for(count);
    memset(s->slots, 0xff, s->slot_count * sizeof *s->slots);
    s->word_count = 0;
    struct topic_words words = topic_words_of(key);
    struct slice word;
    while (topic_words_next(&words, &word))
        key_add_word(s, word);
    lv_assert(s->word_count == count);
    s->set_words = count / SET_BITS + 1; /* positions 0 to count */
}

/* --- sets of positions, one for each node on the path ----------------------------------------- */

static uint64_t *set_at(const struct topic_scratch *s, size_t depth)
{
    return s->sets + depth * s->set_words;
}

/* Returns the empty set of a node at this depth. May reallocate all sets. */
static uint64_t *set_begin(struct topic_scratch *s, size_t depth)
{
    size_t wanted = (depth + 1) * s->set_words;
    if (wanted > s->sets_max) {
        s->sets_max = 2 * wanted;
        s->sets = lv_realloc(s->sets, s->sets_max * sizeof *s->sets);
    }
    return memset(set_at(s, depth), 0, s->set_words * sizeof *s->sets);
}

static bool set_has(const uint64_t *set, size_t position)
{
    return set[position / SET_BITS] >> position % SET_BITS & 1;
}

static void set_put(uint64_t *set, size_t position)
{
    set[position / SET_BITS] |= (uint64_t)1 << position % SET_BITS;
}

/* Returns the lowest position in the set from `from` on, or NO_POSITION. */
static uint32_t set_next(const struct topic_scratch *s, const uint64_t *set, size_t from)
{
    size_t i = from / SET_BITS;
    if (i >= s->set_words)
        return NO_POSITION;
    uint64_t bits = set[i] & ~(uint64_t)0 << from % SET_BITS;
    while (bits == 0) {
        if (++i == s->set_words)
            return NO_POSITION;
        bits = set[i];
    }
    return (uint32_t)(i * SET_BITS + (size_t)__builtin_ctzll(bits));
}

/* Returns how many positions in the set are before a word of the key: all but the one after its
 * last word. */
static size_t count_positions(const struct topic_scratch *s, const uint64_t *set)
{
    size_t count = 0;
    for (size_t i = 0; i < s->set_words; i++)
        count += (size_t)__builtin_popcountll(set[i]);
    return count - set_has(set, s->word_count);
}

/* Removes positions beyond the end of the key. */
static void set_cut(const struct topic_scratch *s, uint64_t *set)
{
    set[s->set_words - 1] &= ~(uint64_t)0 >> (SET_BITS - 1 - s->word_count % SET_BITS);
}

/* set_after_hash(), set_after_star() and set_after_word() make the set of a child by `#`, by `*`
 * and by a word, at depth + 1, from that of its parent at `depth`. They return whether the new set
 * has a position. A parent's set always has one. */
static bool set_after_hash(struct topic_scratch *s, size_t depth)
{
    uint64_t *to = set_begin(s, depth + 1);
    size_t least = set_next(s, set_at(s, depth), 0);
    lv_assert(least != NO_POSITION);
    to[least / SET_BITS] = ~(uint64_t)0 << least % SET_BITS;
    for (size_t i = least / SET_BITS + 1; i < s->set_words; i++)
        to[i] = ~(uint64_t)0;
    set_cut(s, to);
    return true;
}

static bool set_after_star(struct topic_scratch *s, size_t depth)
{
    uint64_t *to = set_begin(s, depth + 1);
    const uint64_t *from = set_at(s, depth);
    uint64_t carry = 0;
    for (size_t i = 0; i < s->set_words; i++) {
        to[i] = from[i] << 1 | carry;
        carry = from[i] >> (SET_BITS - 1);
    }
    set_cut(s, to);
    return set_next(s, to, 0) != NO_POSITION;
}

static bool set_after_word(struct topic_scratch *s, size_t depth, uint32_t position)
{
    uint64_t *to = set_begin(s, depth + 1);
    const uint64_t *from = set_at(s, depth);
    bool has_any = false;
    for (; position != NO_POSITION; position = s->words[position].next) {
        if (!set_has(from, position))
            continue;
        set_put(to, position + 1);
        has_any = true;
    }
    return has_any;
}

/* --- traversing the trie ---------------------------------------------------------------------- */

static void visit_node(struct topic_visit *v, struct topic_node *node, size_t depth);

/* Looks up the word of each child among the words of the key, and visits the children that match.
 */
static void visit_children(struct topic_visit *v, struct topic_node *node, size_t depth)
{
    struct topic_scratch *s = v->scratch;
    struct topic_node *child = topic_node_load(&node->first_child);
    for (; child; child = topic_node_load(&child->next_sibling)) {
        struct slice word = topic_node_word(child);
        s->steps++;
        uint32_t first = *slot_of(s, word, lv_hash(word));
        if (first != NO_POSITION && set_after_word(s, depth, first))
            visit_node(v, child, depth + 1);
    }
}

/* Returns whether no lower position in the set is before an equal word. All calls for one set
 * together look at each word of the key at most once. */
static bool is_first_in_set(const struct topic_scratch *s, const uint64_t *set, uint32_t position)
{
    uint32_t before = s->words[position].previous;
    while (before != NO_POSITION && !set_has(set, before))
        before = s->words[before].previous;
    return before == NO_POSITION;
}

/* Looks up the words at the node's positions among its children, equal words once, and visits the
 * children that match. */
static void visit_words(struct topic_visit *v, struct topic_node *node, size_t depth)
{
    struct topic_scratch *s = v->scratch;
    uint32_t position = set_next(s, set_at(s, depth), 0);
    for (; position < s->word_count; position = set_next(s, set_at(s, depth), position + 1)) {
        if (!is_first_in_set(s, set_at(s, depth), position))
            continue;
        s->steps++;
        struct topic_node *child = topic_child(v->edges, node, s->words[position].word);
        if (child && set_after_word(s, depth, position))
            visit_node(v, child, depth + 1);
    }
}

/* Recurses as deep as patterns have words: at most 256. */
static void visit_node(struct topic_visit *v, struct topic_node *node, size_t depth)
{
    struct topic_scratch *s = v->scratch;
    lv_assert(depth <= PATTERN_WORDS_MAX);
    s->steps++;
    if (set_has(set_at(s, depth), s->word_count))
        binding_set_route(&node->bindings, v->found);
    struct topic_node *hash = topic_node_load(&node->hash);
    if (hash && set_after_hash(s, depth))
        visit_node(v, hash, depth + 1);
    struct topic_node *star = topic_node_load(&node->star);
    if (star && set_after_star(s, depth))
        visit_node(v, star, depth + 1);
    uint32_t words = atomic_load_explicit(&node->words, memory_order_relaxed);
    if (words == 0)
        return;
    if (words < count_positions(s, set_at(s, depth)))
        visit_children(v, node, depth);
    else
        visit_words(v, node, depth);
}

void topic_match(struct topic_trie *trie, struct slice routing_key, struct route_set *ret)
{
    struct topic_visit v = {&ret->topic, topic_trie_edges(trie), ret};
    if (!v.edges)
        return;
    key_read(v.scratch, routing_key);
    set_put(set_begin(v.scratch, 0), 0);
    visit_node(&v, &trie->root, 0);
}

void topic_scratch_free(struct topic_scratch *scratch)
{
    free(scratch->words);
    free(scratch->slots);
    free(scratch->sets);
    *scratch = (struct topic_scratch){0};
}
