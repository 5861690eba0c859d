/* The words of a topic exchange's routing keys and patterns, which dots separate. */
#ifndef LEVERET_TOPOLOGY_TOPIC_WORDS_H
#define LEVERET_TOPOLOGY_TOPIC_WORDS_H

#include <stdbool.h>
#include <string.h>

#include "base/slice.h"

/* The words of a key that are not read yet. The empty key has no words; the key "a." has two, of
 * which the second is empty. */
struct topic_words {
    const uint8_t *p;
    const uint8_t *end;
    bool has_more;
};

static inline struct topic_words topic_words_of(struct slice key)
{
    return (struct topic_words){key.p, key.p + key.n, key.n > 0};
}

/* Removes the next word and returns it in *ret_word, borrowed from the key. Returns false after the
 * last word. */
static inline bool topic_words_next(struct topic_words *words, struct slice *ret_word)
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

/* What a word of a pattern matches. */
enum topic_edge {
    EDGE_ROOT, /* not a word: the trie's root */
    EDGE_WORD, /* the same word */
    EDGE_STAR, /* one word */
    EDGE_HASH, /* zero or more words */
};

static inline enum topic_edge topic_edge_of(struct slice word)
{
    if (word.n == 1 && word.p[0] == '*')
        return EDGE_STAR;
    if (word.n == 1 && word.p[0] == '#')
        return EDGE_HASH;
    return EDGE_WORD;
}

/* Returns whether a word of the pattern is `*` or `#`. */
bool topic_has_wildcards(struct slice pattern);

#endif
