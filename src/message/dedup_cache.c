/* A hash table whose entries are also a list by age. */
#include "message/dedup_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include <xxhash.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "wire/table.h"

enum { CAPACITY_MIN = 16 };

static bool is_same(struct value_hash a, struct value_hash b)
{
    return a.low == b.low && a.high == b.high;
}

static uint32_t home_of(const struct dedup_cache *cache, struct value_hash value)
{
    return (uint32_t)value.low & (cache->place_count - 1);
}

static uint32_t after(const struct dedup_cache *cache, uint32_t place)
{
    return (place + 1) & (cache->place_count - 1);
}

/* The place of the value's entry, or the empty one where it would go. */
static uint32_t place_of(const struct dedup_cache *cache, struct value_hash value)
{
    uint32_t place = home_of(cache, value);
    while (cache->places[place] && !is_same(cache->entries[cache->places[place]].value, value))
        place = after(cache, place);
    return place;
}

struct dedup_entry *dedup_cache_find(const struct dedup_cache *cache, struct value_hash value)
{
    if (cache->count == 0)
        return NULL;
    uint32_t entry = cache->places[place_of(cache, value)];
    return entry ? &cache->entries[entry] : NULL;
}

/* --- growing ---------------------------------------------------------------------------------- */

static void make_places(struct dedup_cache *cache)
{
    cache->place_count = 1;
    while (cache->place_count / 2 <= cache->capacity)
        cache->place_count *= 2;
    free(cache->places);
    cache->places = lv_calloc(cache->place_count, sizeof *cache->places);
    for (uint32_t i = cache->oldest; i; i = cache->entries[i].newer)
        cache->places[place_of(cache, cache->entries[i].value)] = i;
}

static void grow(struct dedup_cache *cache)
{
    uint32_t capacity = cache->capacity ? cache->capacity * 2 : CAPACITY_MIN;
    if (capacity > cache->size_max)
        capacity = cache->size_max;
    cache->entries = lv_realloc(cache->entries, ((size_t)capacity + 1) * sizeof *cache->entries);
    for (uint32_t i = capacity; i > cache->capacity; i--) {
        cache->entries[i] = (struct dedup_entry){.newer = cache->unused};
        cache->unused = i;
    }
    cache->capacity = capacity;
    make_places(cache);
}

struct dedup_entry *dedup_cache_add(struct dedup_cache *cache, struct value_hash value)
{
    lv_assert(!dedup_cache_is_full(cache));
    if (!cache->unused)
        grow(cache);
    uint32_t place = place_of(cache, value);
    lv_assert(cache->places[place] == 0);
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
    cache->places[place] = i;
    cache->count++;
    return entry;
}

/* --- removing --------------------------------------------------------------------------------- */

/* Whether an entry at `from` would be found if it stood at the hole before it. */
static bool may_move(const struct dedup_cache *cache, uint32_t hole, uint32_t from)
{
    uint32_t home = home_of(cache, cache->entries[cache->places[from]].value);
    uint32_t mask = cache->place_count - 1;
    return ((from - home) & mask) >= ((from - hole) & mask);
}

/* No search ends at the hole too early: those behind it move up. */
static void empty_place(struct dedup_cache *cache, uint32_t hole)
{
    for (uint32_t from = after(cache, hole); cache->places[from]; from = after(cache, from)) {
        if (!may_move(cache, hole, from))
            continue;
        cache->places[hole] = cache->places[from];
        hole = from;
    }
    cache->places[hole] = 0;
}

void dedup_cache_remove(struct dedup_cache *cache, struct dedup_entry *entry)
{
    uint32_t i = (uint32_t)(entry - cache->entries);
    empty_place(cache, place_of(cache, entry->value));
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
    free(cache->places);
    *cache = (struct dedup_cache){0};
}

/* --- values ----------------------------------------------------------------------------------- */

/* Equal values have the same letter and bytes: integers of any width, strings and binary. */
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
