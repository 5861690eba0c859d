/* The words of a topic exchange's routing keys and patterns: what lies between the dots. */
#ifndef LEVERET_TOPOLOGY_TOPIC_WORDS_H
#define LEVERET_TOPOLOGY_TOPIC_WORDS_H

#include <stdbool.h>
#include <string.h>

#include "base/slice.h"

/* What is left of a key. The empty key has no words; "a." has two, the second one empty. */
struct topic_words {
    const uint8_t *p;
    const uint8_t *end;
    bool has_more;
};

static inline struct topic_words topic_words_of(struct slice key)
{
    return (struct topic_words){key.p, key.p + key.n, key.n > 0};
}

/* Takes the next word off; it borrows from the key. Returns false, and leaves *ret_word alone,
 * after the last one. */
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

/* What a pattern's word stands for. */
enum topic_edge {
    EDGE_ROOT, /* no word: the trie's root */
    EDGE_WORD, /* itself */
    EDGE_STAR, /* one word */
    EDGE_HASH, /* any number of words, none included */
};

static inline enum topic_edge topic_edge_of(struct slice word)
{
    if (word.n == 1 && word.p[0] == '*')
        return EDGE_STAR;
    if (word.n == 1 && word.p[0] == '#')
        return EDGE_HASH;
    return EDGE_WORD;
}

/* Whether the pattern has a `*` or a `#` among its words. */
bool topic_has_wildcards(struct slice pattern);

#endif
