#include "message/seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include <xxhash.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "wire/table.h"

enum { CAPACITY_MIN = 16 };

static bool is_same(struct seen_value a, struct seen_value b)
{
    return a.low == b.low && a.high == b.high;
}

static uint32_t home_of(const struct seen *seen, struct seen_value value)
{
    return (uint32_t)value.low & (seen->place_count - 1);
}

static uint32_t after(const struct seen *seen, uint32_t place)
{
    return (place + 1) & (seen->place_count - 1);
}

/* The place of the value's entry, or the empty one where it would go. */
static uint32_t place_of(const struct seen *seen, struct seen_value value)
{
    uint32_t place = home_of(seen, value);
    while (seen->places[place] && !is_same(seen->entries[seen->places[place]].value, value))
        place = after(seen, place);
    return place;
}

struct seen_entry *seen_find(const struct seen *seen, struct seen_value value)
{
    if (seen->count == 0)
        return NULL;
    uint32_t entry = seen->places[place_of(seen, value)];
    return entry ? &seen->entries[entry] : NULL;
}

/* --- growing --------------------------------------------------------------------------------- */

static void make_places(struct seen *seen)
{
    seen->place_count = 1;
    while (seen->place_count / 2 <= seen->capacity)
        seen->place_count *= 2;
    free(seen->places);
    seen->places = lv_calloc(seen->place_count, sizeof *seen->places);
    for (uint32_t i = seen->oldest; i; i = seen->entries[i].newer)
        seen->places[place_of(seen, seen->entries[i].value)] = i;
}

static void grow(struct seen *seen)
{
    uint32_t capacity = seen->capacity ? seen->capacity * 2 : CAPACITY_MIN;
    if (capacity > seen->size_max)
        capacity = seen->size_max;
    seen->entries = lv_realloc(seen->entries, ((size_t)capacity + 1) * sizeof *seen->entries);
    for (uint32_t i = capacity; i > seen->capacity; i--) {
        seen->entries[i] = (struct seen_entry){.newer = seen->unused};
        seen->unused = i;
    }
    seen->capacity = capacity;
    make_places(seen);
}

struct seen_entry *seen_add(struct seen *seen, struct seen_value value)
{
    lv_assert(!seen_is_full(seen));
    if (!seen->unused)
        grow(seen);
    uint32_t place = place_of(seen, value);
    lv_assert(seen->places[place] == 0);
    uint32_t i = seen->unused;
    struct seen_entry *entry = &seen->entries[i];
    seen->unused = entry->newer;
    *entry =
        (struct seen_entry){.value = value, .number = ++seen->last_number, .older = seen->newest};
    if (seen->newest)
        seen->entries[seen->newest].newer = i;
    else
        seen->oldest = i;
    seen->newest = i;
    seen->places[place] = i;
    seen->count++;
    return entry;
}

/* --- removing -------------------------------------------------------------------------------- */

/* Whether an entry at `from` would be found if it stood at the hole before it. */
static bool may_move(const struct seen *seen, uint32_t hole, uint32_t from)
{
    uint32_t home = home_of(seen, seen->entries[seen->places[from]].value);
    uint32_t mask = seen->place_count - 1;
    return ((from - home) & mask) >= ((from - hole) & mask);
}

/* No search ends at the hole too early: those behind it move up. */
static void empty_place(struct seen *seen, uint32_t hole)
{
    for (uint32_t from = after(seen, hole); seen->places[from]; from = after(seen, from)) {
        if (!may_move(seen, hole, from))
            continue;
        seen->places[hole] = seen->places[from];
        hole = from;
    }
    seen->places[hole] = 0;
}

void seen_remove(struct seen *seen, struct seen_entry *entry)
{
    uint32_t i = (uint32_t)(entry - seen->entries);
    empty_place(seen, place_of(seen, entry->value));
    if (entry->older)
        seen->entries[entry->older].newer = entry->newer;
    else
        seen->oldest = entry->newer;
    if (entry->newer)
        seen->entries[entry->newer].older = entry->older;
    else
        seen->newest = entry->older;
    *entry = (struct seen_entry){.newer = seen->unused};
    seen->unused = i;
    seen->count--;
}

struct seen_entry *seen_oldest(const struct seen *seen)
{
    return seen->oldest ? &seen->entries[seen->oldest] : NULL;
}

void seen_free(struct seen *seen)
{
    free(seen->entries);
    free(seen->places);
    *seen = (struct seen){0};
}

/* --- values ------------------------------------------------------------------------------------- */

/* Equal values have the same letter and bytes: integers of any width, strings and binary. */
struct seen_value seen_value_of(const struct field *f)
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
    return (struct seen_value){hash.low64, hash.high64};
}
