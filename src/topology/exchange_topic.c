/* topic: routing keys are words between dots; in a binding's key `*` stands for one word and `#`
 * for any number of words, none included.
 *
 * Bindings without wildcards are in a binding_map: one look-up finds them all. Bindings with wildcards are in a
 * trie of patterns (topic_trie.h), which topic_match.h goes through. */
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

/* --- explaining ----------------------------------------------------------------------------- */

/* Both sides' words as they stand, and where the last `#` lets us begin again: it has swallowed the
 * key's words up to `restart`. */
struct topic_match {
    struct topic_words pattern, key;
    struct topic_words after_hash, restart;
    bool has_hash;
    size_t pattern_word, key_word;        /* how many have been taken */
    size_t after_hash_word, restart_word; /* likewise, there */
};

/* The `#` swallows one more word. False when there is no `#`, or nothing left for it. */
static bool match_again(struct topic_match *m)
{
    struct slice word;
    if (!m->has_hash || !topic_words_next(&m->restart, &word))
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
    struct topic_match m = {.pattern = topic_words_of(binding->routing_key),
                            .key = topic_words_of(input->routing_key)};
    size_t furthest = 0;
    for (;;) {
        struct slice wanted = SLICE_EMPTY, word = SLICE_EMPTY;
        bool has_wanted = topic_words_next(&m.pattern, &wanted);
        m.pattern_word += has_wanted;
        if (has_wanted && topic_edge_of(wanted) == EDGE_HASH) {
            m.has_hash = true;
            m.after_hash = m.pattern;
            m.after_hash_word = m.pattern_word;
            m.restart = m.key;
            m.restart_word = m.key_word;
            continue;
        }
        bool has_word = topic_words_next(&m.key, &word);
        m.key_word += has_word;
        if (!has_wanted && !has_word)
            break;
        bool is_fine = has_wanted && has_word &&
                       (topic_edge_of(wanted) == EDGE_STAR || slice_equal(wanted, word));
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
