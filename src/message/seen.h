/* Values that have been seen: so many at most, the oldest goes first. A value is known by its
 * 128-bit hash, so each costs the same, however long it is. Not locked: its owner is. */
#ifndef LEVERET_MESSAGE_SEEN_H
#define LEVERET_MESSAGE_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dedup_claim;
struct field;

struct seen_value {
    uint64_t low, high;
};

/* The value of a field. Equal are integers of any width, and strings and binary, of the same value. */
struct seen_value seen_value_of(const struct field *field);

struct seen_entry {
    struct seen_value value;
    uint64_t number;           /* grows with each value that is added */
    uint64_t until_ms;         /* loop_steady_ms(); 0: as long as there is room */
    struct dedup_claim *claim; /* the first message with it is still on its way; else NULL */
    bool is_stored;
    uint32_t older, newer; /* its neighbours by age */
};

/* Zero-initialised, with a size, is valid and empty. */
struct seen {
    uint32_t size_max;
    uint32_t count;
    uint64_t last_number;
    struct seen_entry *entries; /* from 1 on; those not in use are a list by `newer` */
    uint32_t capacity;
    uint32_t oldest, newest, unused; /* 0: none */
    uint32_t *places;                /* open addressing: an entry, or 0 */
    uint32_t place_count;            /* 0 or a power of two, more than twice `capacity` */
};

/* The entry, or NULL. Valid until the next call of seen_add() or seen_remove(). */
struct seen_entry *seen_find(const struct seen *seen, struct seen_value value);

/* Adds what is not there, as the newest. There must be room: asserted. */
struct seen_entry *seen_add(struct seen *seen, struct seen_value value);

void seen_remove(struct seen *seen, struct seen_entry *entry);

/* The one that was added first, of those there; NULL when it is empty. */
struct seen_entry *seen_oldest(const struct seen *seen);

static inline bool seen_is_full(const struct seen *seen)
{
    return seen->count >= seen->size_max;
}

void seen_free(struct seen *seen);

#endif
