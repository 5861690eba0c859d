/* topic: routing keys are words separated by dots; in the key of a binding `*` matches one word and
 * `#` zero or more words.
 *
 * Bindings without wildcards are in a binding_map: one look-up finds them all. Bindings with
 * wildcards are in a trie of patterns (topic_trie.h), which topic_match.h traverses. */
#include <stdlib.h>

#include "base/memory.h"
#include "topology/binding_map.h"
#include "topology/exchange_private.h"
#include "topology/topic_match.h"

struct topic {
    struct binding_map literals;
    struct topic_trie patterns;
};

static void topic_route(struct exchange *exchange, const struct routing_input *input,
                        struct route_set *ret)
{
    struct topic *topic = exchange->state;
    binding_map_route(&topic->literals, input->routing_key, ret);
    topic_match(&topic->patterns, input->routing_key, ret);
}

static void topic_bind(struct exchange *exchange, struct binding *binding)
{
    struct topic *topic = exchange->state;
    if (topic_has_wildcards(binding->routing_key))
        topic_trie_add(&topic->patterns, binding);
    else
        binding_map_add(&topic->literals, binding);
}

static void topic_unbind(struct exchange *exchange, struct binding *binding)
{
    struct topic *topic = exchange->state;
    if (topic_has_wildcards(binding->routing_key))
        topic_trie_remove(&topic->patterns, binding);
    else
        binding_map_remove(&topic->literals, binding);
}

static void topic_create(struct exchange *exchange)
{
    exchange->state = lv_calloc(1, sizeof(struct topic));
}

static void topic_destroy(struct exchange *exchange)
{
    struct topic *topic = exchange->state;
    binding_map_free(&topic->literals);
    topic_trie_free(&topic->patterns);
    free(topic);
}

/* --- explaining ------------------------------------------------------------------------------- */

/* The next word of the pattern or of the key; `is_there` is false after the last one. */
struct topic_word {
    struct slice text;
    bool is_there;
};

/* The rest of the pattern or of the key, and how many words precede it. */
struct topic_side {
    struct topic_words words;
    size_t taken;
};

/* The comparison of a pattern with a key. When it fails, it is repeated from the pattern's last
 * `#`: the rest of the pattern is compared with the key after one more word, which the `#` matches.
 */
struct topic_attempt {
    struct topic_side pattern, key;
    struct topic_side after_hash, restart;
    bool has_hash;
    size_t furthest; /* the highest word of the pattern at which an attempt failed: see `why` */
    struct lv_buffer *why;
};

static struct topic_word side_next(struct topic_side *side)
{
    struct topic_word word = {.text = SLICE_EMPTY};
    word.is_there = topic_words_next(&side->words, &word.text);
    side->taken += word.is_there;
    return word;
}

/* Returns the pattern's next word that is not `#`, and notes where to repeat from. */
static struct topic_word pattern_next(struct topic_attempt *a)
{
    for (;;) {
        struct topic_word wanted = side_next(&a->pattern);
        if (!wanted.is_there || topic_edge_of(wanted.text) != EDGE_HASH)
            return wanted;
        a->has_hash = true;
        a->after_hash = a->pattern;
        a->restart = a->key;
    }
}

/* Lets the last `#` match one more word of the key. Returns false if there was no `#`, or if the
 * key has no more words. */
static bool retry_from_hash(struct topic_attempt *a)
{
    if (!a->has_hash || !side_next(&a->restart).is_there)
        return false;
    a->key = a->restart;
    a->pattern = a->after_hash;
    return true;
}

/* Replaces `why` by the reason why this attempt failed, if it got further in the pattern than all
 * attempts before. The end of the pattern is further than its last word. */
static void explain_failure(struct topic_attempt *a, struct topic_word wanted,
                            struct topic_word word)
{
    size_t reached = a->pattern.taken + !wanted.is_there;
    if (reached <= a->furthest)
        return;
    a->furthest = reached;
    a->why->n = 0;
    if (!wanted.is_there)
        lv_buffer_printf(a->why, "the pattern ends before the key's word %zu, '%.*s'", a->key.taken,
                         SLICE_ARG(word.text));
    else if (!word.is_there)
        lv_buffer_printf(a->why, "the key ends before the pattern's word %zu, '%.*s'",
                         a->pattern.taken, SLICE_ARG(wanted.text));
    else
        lv_buffer_printf(
            a->why, "the key's word %zu is '%.*s' where the pattern's word %zu is '%.*s'",
            a->key.taken, SLICE_ARG(word.text), a->pattern.taken, SLICE_ARG(wanted.text));
}

static bool words_match(struct topic_word wanted, struct topic_word word)
{
    return wanted.is_there && word.is_there &&
           (topic_edge_of(wanted.text) == EDGE_STAR || slice_equal(wanted.text, word.text));
}

/* Compares the pattern with the key word by word, and repeats from the last `#` where that fails.
 * The trie cannot be used: it never visits the patterns that do not match, so it does not know why.
 */
static bool topic_explain(struct exchange *exchange, struct binding *binding,
                          const struct routing_input *input, struct lv_buffer *why)
{
    (void)exchange;
    struct topic_attempt a = {.pattern.words = topic_words_of(binding->routing_key),
                              .key.words = topic_words_of(input->routing_key),
                              .why = why};
    for (;;) {
        struct topic_word wanted = pattern_next(&a);
        struct topic_word word = side_next(&a.key);
        if (!wanted.is_there && !word.is_there)
            break;
        if (words_match(wanted, word))
            continue;
        explain_failure(&a, wanted, word);
        if (!retry_from_hash(&a))
            return false;
    }
    why->n = 0;
    lv_buffer_printf(why, topic_has_wildcards(binding->routing_key) ? "the pattern matches"
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
