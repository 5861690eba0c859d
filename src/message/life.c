/* A chunk is written from its beginning on and never changed: `used` is stored (release) after the
 * bytes below it, and `newer` after the next chunk is ready, so a reader that has loaded them
 * (acquire) sees whole records. A chunk that is taken out of its ring is freed a grace period
 * later. */
#include "message/life.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/rcu.h"

const char *life_event_word(enum life_event event)
{
    static const char *const words[LIFE_EVENT_COUNT] = {
#define LIFE_EVENT_WORD(name, word) [LIFE_##name] = word,
        LIFE_EVENTS(LIFE_EVENT_WORD)
#undef LIFE_EVENT_WORD
    };
    lv_assert(event < LIFE_EVENT_COUNT);
    return words[event];
}

/* A record in a chunk: this, and then the texts. */
struct written {
    uint64_t at_us, connection, position, value;
    uint32_t life;
    uint16_t channel;
    uint8_t event, reason, flags;
    uint16_t bytes; /* of all of it */
    uint16_t text_bytes[LIFE_TEXTS];
};

struct life_chunk {
    struct lv_rcu_head rcu;
    struct life_chunk *_Atomic newer;
    _Atomic uint32_t used; /* of the bytes */
    uint32_t records;      /* the writer's */
    _Alignas(struct written) uint8_t bytes[];
};

enum { CHUNK_ROOM = LIFE_CHUNK_BYTES - sizeof(struct life_chunk) };

_Static_assert(LIFE_TEXTS *LIFE_TEXT_BYTES_MAX + sizeof(struct written) < UINT16_MAX,
               "its size fits into `bytes`");
_Static_assert(sizeof(struct written) + LIFE_TEXTS * LIFE_TEXT_BYTES_MAX + 8 <= CHUNK_ROOM,
               "every record fits into a chunk");

/* --- writing ---------------------------------------------------------------------------------- */

static void chunk_free(struct lv_rcu_head *head)
{
    free(lv_container_of(head, struct life_chunk, rcu));
}

/* Takes the oldest chunk, which is not the only one, out of the ring. */
static void oldest_drop(struct life_ring *ring, struct life_budget *budget)
{
    struct life_chunk *oldest = atomic_load_explicit(&ring->oldest, memory_order_relaxed);
    struct life_chunk *next = atomic_load_explicit(&oldest->newer, memory_order_relaxed);
    lv_assert(next);
    atomic_fetch_add_explicit(&budget->overwritten, oldest->records, memory_order_relaxed);
    atomic_fetch_sub_explicit(&budget->bytes, LIFE_CHUNK_BYTES, memory_order_relaxed);
    atomic_store_explicit(&ring->oldest, next, memory_order_release);
    lv_rcu_defer(&oldest->rcu, chunk_free);
}

/* Returns whether the budget has no room for one more chunk. */
static bool budget_is_used_up(const struct life_budget *budget)
{
    return atomic_load_explicit(&budget->bytes, memory_order_relaxed) + LIFE_CHUNK_BYTES >
           budget->bytes_max;
}

/* Returns whether the ring has more chunks than it may always have. */
static bool has_to_spare(const struct life_ring *ring)
{
    const struct life_chunk *oldest = atomic_load_explicit(&ring->oldest, memory_order_relaxed);
    return oldest && oldest != ring->newest;
}

/* Returns a chunk with room for this many bytes. */
static struct life_chunk *chunk_with_room(struct life_ring *ring, struct life_budget *budget,
                                          size_t bytes)
{
    struct life_chunk *c = ring->newest;
    if (c && atomic_load_explicit(&c->used, memory_order_relaxed) + bytes <= CHUNK_ROOM)
        return c;
    while (budget_is_used_up(budget) && has_to_spare(ring))
        oldest_drop(ring, budget);
    atomic_fetch_add_explicit(&budget->bytes, LIFE_CHUNK_BYTES, memory_order_relaxed);
    struct life_chunk *fresh = lv_malloc(LIFE_CHUNK_BYTES);
    atomic_init(&fresh->newer, NULL);
    atomic_init(&fresh->used, 0);
    fresh->records = 0;
    if (c)
        atomic_store_explicit(&c->newer, fresh, memory_order_release);
    else
        atomic_store_explicit(&ring->oldest, fresh, memory_order_release);
    ring->newest = fresh;
    return fresh;
}

static struct written head_of(const struct life_record *record)
{
    struct written w = {
        .at_us = record->at_us,
        .connection = record->connection,
        .position = record->position,
        .value = record->value,
        .life = record->life,
        .channel = record->channel,
        .event = record->event,
        .reason = record->reason,
        .flags = record->flags,
    };
    size_t bytes = sizeof w;
    for (unsigned i = 0; i < LIFE_TEXTS; i++) {
        bool is_long = record->texts[i].n > LIFE_TEXT_BYTES_MAX;
        w.text_bytes[i] = (uint16_t)(is_long ? LIFE_TEXT_BYTES_MAX : record->texts[i].n);
        w.flags |= is_long ? LIFE_IS_CUT : 0;
        bytes += w.text_bytes[i];
    }
    w.bytes = (uint16_t)((bytes + 7) & ~(size_t)7);
    return w;
}

void life_ring_put(struct life_ring *ring, struct life_budget *budget,
                   const struct life_record *record)
{
    struct written w = head_of(record);
    struct life_chunk *c = chunk_with_room(ring, budget, w.bytes);
    uint32_t used = atomic_load_explicit(&c->used, memory_order_relaxed);
    memcpy(c->bytes + used, &w, sizeof w);
    uint8_t *p = c->bytes + used + sizeof w;
    for (unsigned i = 0; i < LIFE_TEXTS; i++) {
        if (w.text_bytes[i] > 0)
            memcpy(p, record->texts[i].p, w.text_bytes[i]);
        p += w.text_bytes[i];
    }
    c->records++;
    atomic_fetch_add_explicit(&budget->written, 1, memory_order_relaxed);
    atomic_store_explicit(&c->used, used + w.bytes, memory_order_release);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void chunk_each(const struct life_chunk *c,
                       void (*visit)(void *arg, const struct life_record *record), void *arg)
{
    uint32_t used = atomic_load_explicit(&c->used, memory_order_acquire);
    for (uint32_t at = 0; at < used;) {
        struct written w;
        memcpy(&w, c->bytes + at, sizeof w);
        struct life_record record = {
            .at_us = w.at_us,
            .life = w.life,
            .event = w.event,
            .reason = w.reason,
            .flags = w.flags,
            .channel = w.channel,
            .connection = w.connection,
            .position = w.position,
            .value = w.value,
        };
        const uint8_t *p = c->bytes + at + sizeof w;
        for (unsigned i = 0; i < LIFE_TEXTS; i++) {
            record.texts[i] = slice_of(p, w.text_bytes[i]);
            p += w.text_bytes[i];
        }
        visit(arg, &record);
        at += w.bytes;
    }
}

void life_ring_each(struct life_ring *ring,
                    void (*visit)(void *arg, const struct life_record *record), void *arg)
{
    const struct life_chunk *c = atomic_load_explicit(&ring->oldest, memory_order_acquire);
    for (; c; c = atomic_load_explicit(&c->newer, memory_order_acquire))
        chunk_each(c, visit, arg);
}

void life_ring_free(struct life_ring *ring)
{
    struct life_chunk *c = atomic_load_explicit(&ring->oldest, memory_order_acquire);
    while (c) {
        struct life_chunk *newer = atomic_load_explicit(&c->newer, memory_order_relaxed);
        free(c);
        c = newer;
    }
    atomic_store_explicit(&ring->oldest, NULL, memory_order_relaxed);
    ring->newest = NULL;
}
