/* Deliveries that are not settled, 64 in a chunk (base/seqmap.h): one is found, added and taken in
 * constant time, and a range is marked by bits. A chunk is freed with its last delivery. */
#include "session/unacked.h"

struct chunk {
    uint64_t live;
    uint64_t marked; /* a subset of live */
    struct unacked_entry entries[SEQMAP_ENTRIES];
    /* when it was added, in tenths of a second; wraps after 13 years */
    uint32_t added_ds[SEQMAP_ENTRIES];
};

enum { MS_PER_DS = 100 };

static uint64_t bit_of(uint64_t tag)
{
    return 1ull << (tag % SEQMAP_ENTRIES);
}

void unacked_init(struct unacked *u)
{
    *u = (struct unacked){0};
    lv_seqmap_init(&u->chunks, sizeof(struct chunk));
}

void unacked_free(struct unacked *u)
{
    lv_assert(u->count == 0);
    lv_seqmap_free(&u->chunks);
}

void unacked_add(struct unacked *u, uint64_t tag, struct consumer *consumer, uint64_t position,
                 uint64_t now_ms)
{
    lv_assert(tag > u->last);
    struct chunk *chunk = lv_seqmap_extend(&u->chunks, tag);
    chunk->live |= bit_of(tag);
    chunk->entries[tag % SEQMAP_ENTRIES] = (struct unacked_entry){consumer, position};
    chunk->added_ds[tag % SEQMAP_ENTRIES] = (uint32_t)((now_ms + MS_PER_DS - 1) / MS_PER_DS);
    consumer_hold(consumer);
    u->last = tag;
    u->count++;
}

bool unacked_has(const struct unacked *u, uint64_t tag)
{
    const struct chunk *chunk = lv_seqmap_find(&u->chunks, tag);
    return chunk && (chunk->live & ~chunk->marked & bit_of(tag));
}

/* Returns the chunk of this tag, which is outstanding. */
static const struct chunk *chunk_with(const struct unacked *u, uint64_t tag)
{
    const struct chunk *chunk = lv_seqmap_find(&u->chunks, tag);
    lv_assert(chunk && (chunk->live & bit_of(tag)));
    return chunk;
}

struct consumer *unacked_consumer(const struct unacked *u, uint64_t tag)
{
    return chunk_with(u, tag)->entries[tag % SEQMAP_ENTRIES].consumer;
}

struct queue *unacked_queue(const struct unacked *u, uint64_t tag)
{
    return unacked_consumer(u, tag)->queue;
}

uint64_t unacked_age_ms(const struct unacked *u, uint64_t tag, uint64_t now_ms)
{
    uint32_t added_ds = chunk_with(u, tag)->added_ds[tag % SEQMAP_ENTRIES];
    int32_t age_ds = (int32_t)((uint32_t)(now_ms / MS_PER_DS) - added_ds);
    return age_ds > 0 ? (uint64_t)age_ds * MS_PER_DS : 0;
}

/* Returns the lowest tag from `from` on that is outstanding and marked, or not marked; 0: none. */
static uint64_t next_tag(const struct unacked *u, uint64_t from, bool is_marked)
{
    uint64_t first = u->chunks.first * SEQMAP_ENTRIES;
    if (from < first)
        from = first;
    for (uint64_t c = from / SEQMAP_ENTRIES; c < u->chunks.end; c++) {
        const struct chunk *chunk = lv_seqmap_find(&u->chunks, c * SEQMAP_ENTRIES);
        uint64_t open = chunk ? chunk->live & (is_marked ? chunk->marked : ~chunk->marked) : 0;
        if (c == from / SEQMAP_ENTRIES)
            open &= ~0ull << (from % SEQMAP_ENTRIES);
        if (open)
            return c * SEQMAP_ENTRIES + (unsigned)__builtin_ctzll(open);
    }
    return 0;
}

uint64_t unacked_next(const struct unacked *u, uint64_t from)
{
    return next_tag(u, from, false);
}

uint64_t unacked_next_marked(const struct unacked *u, uint64_t from)
{
    return u->marked > 0 ? next_tag(u, from, true) : 0;
}

struct unacked_entry unacked_take(struct unacked *u, uint64_t tag)
{
    struct chunk *chunk = lv_seqmap_find(&u->chunks, tag);
    lv_assert(chunk != NULL);
    lv_assert(chunk->live & bit_of(tag));
    struct unacked_entry entry = chunk->entries[tag % SEQMAP_ENTRIES];
    lv_assert(u->count > 0);
    if (chunk->marked & bit_of(tag)) {
        lv_assert(u->marked > 0);
        chunk->marked &= ~bit_of(tag);
        u->marked--;
    }
    chunk->live &= ~bit_of(tag);
    u->count--;
    if (chunk->live == 0)
        lv_seqmap_drop(&u->chunks, tag);
    return entry;
}

/* Returns the bits of chunk `c` for the tags from `first` to `last`. */
static uint64_t bits_within(uint64_t c, uint64_t first, uint64_t last)
{
    uint64_t bits = ~0ull, base = c * SEQMAP_ENTRIES;
    if (first > base)
        bits &= ~0ull << (first - base);
    if (last < base + SEQMAP_ENTRIES - 1)
        bits &= ~0ull >> (base + SEQMAP_ENTRIES - 1 - last);
    return bits;
}

/* Sets or clears the marks of the outstanding entries among these tags. Returns how many marks it
 * has changed. */
static size_t set_marks(struct unacked *u, uint64_t first, uint64_t last, bool is_marked)
{
    size_t changed = 0;
    uint64_t c = first / SEQMAP_ENTRIES, end = last / SEQMAP_ENTRIES + 1;
    if (c < u->chunks.first)
        c = u->chunks.first;
    if (end > u->chunks.end)
        end = u->chunks.end;
    for (; c < end; c++) {
        struct chunk *chunk = lv_seqmap_find(&u->chunks, c * SEQMAP_ENTRIES);
        if (!chunk)
            continue;
        uint64_t bits = bits_within(c, first, last) & chunk->live;
        uint64_t marked = is_marked ? chunk->marked | bits : chunk->marked & ~bits;
        changed += (size_t)__builtin_popcountll(marked ^ chunk->marked);
        chunk->marked = marked;
    }
    return changed;
}

size_t unacked_mark(struct unacked *u, uint64_t first, uint64_t last)
{
    size_t count = set_marks(u, first, last, true);
    u->marked += count;
    return count;
}

void unacked_unmark(struct unacked *u, uint64_t first, uint64_t last)
{
    u->marked -= set_marks(u, first, last, false);
}
