/* A cache of the values that deduplication has seen: a fixed number of entries, of which the oldest
 * is dropped first. A value is identified by a 128-bit hash, so all entries have the same size. The
 * owner locks it. */
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
    uint64_t number;           /* of the value in the order of adding, from 1 on */
    uint64_t until_ms;         /* expires then, by loop_steady_ms(); 0: never */
    struct dedup_claim *claim; /* until the first message with the value is answered; then NULL */
    bool is_stored;            /* in the definitions */
    uint32_t older, newer;     /* indexes of the neighbours by age; 0: none */
};

/* A cache in which only size_max is set and all else is zero is valid and empty. */
struct dedup_cache {
    uint32_t size_max; /* entries; > 0 */
    uint32_t count;
    uint64_t last_number;
    struct dedup_entry *entries; /* entries[1] to [capacity]; unused ones are linked by `newer` */
    uint32_t capacity;
    uint32_t oldest, newest, unused; /* indexes of entries; 0: none */
    uint32_t *slots;                 /* hash table, open addressing: index of an entry; 0: free */
    uint32_t slot_count;             /* 0 or a power of two, more than twice `capacity` */
};

/* Returns the value's entry, or NULL. Valid until the next call of dedup_cache_add() or
 * dedup_cache_remove(). */
struct dedup_entry *dedup_cache_find(const struct dedup_cache *cache, struct value_hash value);

/* Adds a value as the newest, and returns its entry. Call only if the value is not in the cache and
 * the cache is not full. */
struct dedup_entry *dedup_cache_add(struct dedup_cache *cache, struct value_hash value);

/* Removes an entry of the cache. */
void dedup_cache_remove(struct dedup_cache *cache, struct dedup_entry *entry);

/* Returns the oldest entry, or NULL if the cache is empty. */
struct dedup_entry *dedup_cache_oldest(const struct dedup_cache *cache);

static inline bool dedup_cache_is_full(const struct dedup_cache *cache)
{
    return cache->count >= cache->size_max;
}

/* Frees the entries; the cache is then zero-initialised. */
void dedup_cache_free(struct dedup_cache *cache);

#endif
