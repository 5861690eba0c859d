/* Values that deduplication has seen: at most a fixed number, of which the oldest is dropped first.
 * A value is known by its 128-bit hash, so each costs the same, however long it is. Not locked: its
 * owner is. */
#ifndef LEVERET_MESSAGE_DEDUP_CACHE_H
#define LEVERET_MESSAGE_DEDUP_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dedup_claim;
struct field;

struct value_hash {
    uint64_t low, high;
};

/* Returns the hash of a field's value. Integers of any width are equal if their numbers are,
 * strings and binary if their bytes are. */
struct value_hash value_hash_of(const struct field *field);

struct dedup_entry {
    struct value_hash value;
    uint64_t number;           /* grows with each value that is added */
    uint64_t until_ms;         /* loop_steady_ms(); 0: as long as there is room */
    struct dedup_claim *claim; /* the first message with it is still on its way; else NULL */
    bool is_stored;
    uint32_t older, newer; /* its neighbours by age */
};

/* Zero-initialised, with a size, is valid and empty. */
struct dedup_cache {
    uint32_t size_max;
    uint32_t count;
    uint64_t last_number;
    struct dedup_entry *entries; /* from 1 on; those not in use are a list by `newer` */
    uint32_t capacity;
    uint32_t oldest, newest, unused; /* 0: none */
    uint32_t *places;                /* open addressing: an entry, or 0 */
    uint32_t place_count;            /* 0 or a power of two, more than twice `capacity` */
};

/* Returns the entry, or NULL if there is none. Valid until the next call of dedup_cache_add() or
 * dedup_cache_remove(). */
struct dedup_entry *dedup_cache_find(const struct dedup_cache *cache, struct value_hash value);

/* Adds a value that is not there, as the newest. There must be room: asserted. */
struct dedup_entry *dedup_cache_add(struct dedup_cache *cache, struct value_hash value);

void dedup_cache_remove(struct dedup_cache *cache, struct dedup_entry *entry);

/* Returns the entry that was added first, or NULL if there is none. */
struct dedup_entry *dedup_cache_oldest(const struct dedup_cache *cache);

static inline bool dedup_cache_is_full(const struct dedup_cache *cache)
{
    return cache->count >= cache->size_max;
}

void dedup_cache_free(struct dedup_cache *cache);

#endif
