/* A hash table, whose entries are also in a list by age. */
#include "message/dedup_cache.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/memory.h"
#include "wire/table.h"

enum { CAPACITY_MIN = 16 };

static bool value_hashes_equal(struct value_hash a, struct value_hash b)
{
    return a.low == b.low && a.high == b.high;
}

static uint32_t value_home(const struct dedup_cache *cache, struct value_hash value)
{
    return (uint32_t)value.low & (cache->slot_count - 1);
}

static uint32_t slot_after(const struct dedup_cache *cache, uint32_t slot)
{
    return (slot + 1) & (cache->slot_count - 1);
}

/* Returns the slot of the value's entry, or the free slot where it belongs. */
static uint32_t value_slot(const struct dedup_cache *cache, struct value_hash value)
{
    uint32_t slot = value_home(cache, value);
    while (cache->slots[slot] &&
           !value_hashes_equal(cache->entries[cache->slots[slot]].value, value))
        slot = slot_after(cache, slot);
    return slot;
}

struct dedup_entry *dedup_cache_find(const struct dedup_cache *cache, struct value_hash value)
{
    if (cache->count == 0)
        return NULL;
    uint32_t entry = cache->slots[value_slot(cache, value)];
    return entry ? &cache->entries[entry] : NULL;
}

/* --- growing ---------------------------------------------------------------------------------- */

static void slots_make(struct dedup_cache *cache)
{
    cache->slot_count = 1;
    while (cache->slot_count / 2 <= cache->capacity)
        cache->slot_count *= 2;
    free(cache->slots);
    cache->slots = lv_calloc(cache->slot_count, sizeof *cache->slots);
    for (uint32_t i = cache->oldest; i; i = cache->entries[i].newer)
        cache->slots[value_slot(cache, cache->entries[i].value)] = i;
}

static void cache_grow(struct dedup_cache *cache)
{
    lv_assert(cache->capacity < cache->size_max);
    uint32_t capacity = cache->capacity ? cache->capacity * 2 : CAPACITY_MIN;
    if (capacity > cache->size_max)
        capacity = cache->size_max;
    cache->entries = lv_realloc(cache->entries, ((size_t)capacity + 1) * sizeof *cache->entries);
    for (uint32_t i = capacity; i > cache->capacity; i--) {
        cache->entries[i] = (struct dedup_entry){.newer = cache->unused};
        cache->unused = i;
    }
    cache->capacity = capacity;
    slots_make(cache);
}

struct dedup_entry *dedup_cache_add(struct dedup_cache *cache, struct value_hash value)
{
    lv_assert(!dedup_cache_is_full(cache));
    if (!cache->unused)
        cache_grow(cache);
    uint32_t slot = value_slot(cache, value);
    lv_assert(cache->slots[slot] == 0);
    uint32_t i = cache->unused;
    struct dedup_entry *entry = &cache->entries[i];
    cache->unused = entry->newer;
    *entry = (struct dedup_entry){
        .value = value, .number = ++cache->last_number, .older = cache->newest};
    if (cache->newest)
        cache->entries[cache->newest].newer = i;
    else
        cache->oldest = i;
    cache->newest = i;
    cache->slots[slot] = i;
    cache->count++;
    return entry;
}

/* --- removing --------------------------------------------------------------------------------- */

/* Returns whether a search would still find the entry in slot `from` if it were moved to slot
 * `hole`, which is before it. */
static bool slot_may_move(const struct dedup_cache *cache, uint32_t hole, uint32_t from)
{
    uint32_t home = value_home(cache, cache->entries[cache->slots[from]].value);
    uint32_t mask = cache->slot_count - 1;
    return ((from - home) & mask) >= ((from - hole) & mask);
}

/* Frees a slot, and moves up the entries after it that a search would no longer find. */
static void slot_empty(struct dedup_cache *cache, uint32_t hole)
{
    for (uint32_t from = slot_after(cache, hole); cache->slots[from];
         from = slot_after(cache, from)) {
        if (!slot_may_move(cache, hole, from))
            continue;
        cache->slots[hole] = cache->slots[from];
        hole = from;
    }
    cache->slots[hole] = 0;
}

void dedup_cache_remove(struct dedup_cache *cache, struct dedup_entry *entry)
{
    uint32_t i = (uint32_t)(entry - cache->entries);
    uint32_t slot = value_slot(cache, entry->value);
    lv_assert(cache->slots[slot] == i); /* it is an entry in use */
    slot_empty(cache, slot);
    if (entry->older)
        cache->entries[entry->older].newer = entry->newer;
    else
        cache->oldest = entry->newer;
    if (entry->newer)
        cache->entries[entry->newer].older = entry->older;
    else
        cache->newest = entry->older;
    *entry = (struct dedup_entry){.newer = cache->unused};
    cache->unused = i;
    cache->count--;
}

struct dedup_entry *dedup_cache_oldest(const struct dedup_cache *cache)
{
    return cache->oldest ? &cache->entries[cache->oldest] : NULL;
}

void dedup_cache_free(struct dedup_cache *cache)
{
    free(cache->entries);
    free(cache->slots);
    *cache = (struct dedup_cache){0};
}

/* --- values ----------------------------------------------------------------------------------- */

/* Hashes a letter for the type, then the value's bytes. Values that count as equal have the same
 * letter and bytes: integers of any width, and a string and a binary value with the same bytes. */
struct value_hash value_hash_of(const struct field *f)
{
    struct lv_buffer key = {0};
    if (field_is_integer(f) || f->type == FIELD_BOOL || f->type == FIELD_DECIMAL) {
        uint64_t number = f->type == FIELD_BOOL ? f->b : (uint64_t)f->i;
        lv_buffer_add_u8(&key, field_is_integer(f) ? 'i' : f->type);
        lv_buffer_add_u8(&key, f->scale);
        lv_buffer_add(&key, &number, sizeof number);
    } else if (f->type == FIELD_DOUBLE || f->type == FIELD_FLOAT) {
        lv_buffer_add_u8(&key, 'd');
        lv_buffer_add(&key, &f->f, sizeof f->f);
    } else if (f->type == FIELD_TIMESTAMP) {
        lv_buffer_add_u8(&key, 'T');
        lv_buffer_add(&key, &f->i, sizeof f->i);
    } else {
        lv_buffer_add_u8(&key, f->type == FIELD_BINARY ? 'S' : f->type);
        if (f->type == FIELD_TABLE)
            table_canonical(&key, f->bytes);
        else
            lv_buffer_add_slice(&key, f->bytes);
    }
    XXH128_hash_t hash = XXH3_128bits(key.p, key.n);
    lv_buffer_free(&key);
    return (struct value_hash){hash.low64, hash.high64};
}
