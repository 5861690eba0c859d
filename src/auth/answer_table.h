/* Answers that are used for a while, found by what was asked, of which they show nothing.
 *
 * An answer's key is the HMAC of the question under a random secret of the process. So no password
 * is kept, nor anything from which one could be found without this process's memory. Answers that
 * are old are not used. A table has a fixed size: a new answer takes the place of the oldest of its
 * set. */
#ifndef LEVERET_AUTH_ANSWER_TABLE_H
#define LEVERET_AUTH_ANSWER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum { ANSWER_KEY_BYTES = 32, ANSWER_SECRET_BYTES = 32, ANSWER_WAYS = 8 };

/* --- keys ------------------------------------------------------------------------------------- */

struct answer_secret {
    uint8_t bytes[ANSWER_SECRET_BYTES];
};

struct answer_key {
    uint8_t bytes[ANSWER_KEY_BYTES];
};

/* Makes a new secret. */
void answer_secret_make(struct answer_secret *ret);
void answer_secret_wipe(struct answer_secret *secret);

/* Returns the key of a question that consists of these parts. Questions with other parts, or the
 * same bytes divided into other parts, have other keys. Any thread. */
struct answer_key answer_key_of(const struct answer_secret *secret, const struct slice *parts,
                                size_t count);
void answer_key_wipe(struct answer_key *key);

/* --- tables ----------------------------------------------------------------------------------- */

struct answer_table; /* see answer_table.c */

/* What is kept with an answer: something with references. */
struct answer_item {
    /* Returns another reference. Called under the table's lock. */
    void *(*ref)(void *item);
    void (*unref)(void *item);
};

/* Creates an empty table for `sets` * ANSWER_WAYS answers. The caller owns it. With `items` NULL,
 * nothing is kept with an answer. */
struct answer_table *answer_table_create(unsigned sets, const struct answer_item *items);
/* Gives back every item. Clears the pointer. NULL is fine. */
void answer_table_free(struct answer_table **table);

/* The functions below: any thread. Times are those of clock_up_ms(). */

/* Returns whether there is an answer for this key that is not old; then *ret (NULL is fine) is a
 * reference to its item. */
bool answer_table_find(struct answer_table *table, const struct answer_key *key, uint64_t now_ms,
                       void **ret);
/* Keeps an answer until `until_ms`, with a reference to the item of its own; in place of one with
 * the same key. */
void answer_table_put(struct answer_table *table, const struct answer_key *key, void *item,
                      uint64_t until_ms);

#endif
