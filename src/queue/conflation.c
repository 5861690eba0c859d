#include "queue/conflation.h"

#include <stdlib.h>

#include "base/memory.h"
#include "message/seen.h"
#include "paging/pager.h"
#include "queue/queue_private.h"
#include "wire/properties.h"
#include "wire/table.h"

enum { ENTRIES_MIN = 64 };

struct entry {
    uint64_t hash; /* 0: empty */
    uint64_t place;
    uint64_t body_bytes;
    bool is_persistent; /* to the store: in a quorum queue all are */
};

struct conflation {
    struct slice header;    /* its name; in the queue's argument table */
    struct entry *entries;  /* open addressing */
    size_t count, capacity; /* a power of two, or 0 */
};

struct conflation *conflation_create(struct slice argument_table)
{
    struct field f;
    if (!table_find(argument_table, "x-last-value-key", &f) || f.type != FIELD_LONGSTR)
        return NULL;
    struct conflation *c = lv_calloc(1, sizeof *c);
    c->header = f.bytes;
    return c;
}

void conflation_free(struct conflation **conflation)
{
    struct conflation *c = *conflation;
    *conflation = NULL;
    if (!c)
        return;
    free(c->entries);
    free(c);
}

/* --- the index --------------------------------------------------------------------------------- */

/* The hash of the message's value; 0: it has none. */
static uint64_t hash_of(const struct conflation *c, struct slice header)
{
    struct slice headers, name;
    struct field f;
    if (!properties_find(header, PROPERTY_HEADERS, &headers))
        return 0;
    while (table_next(&headers, &name, &f)) {
        if (slice_equal(name, c->header))
            return seen_value_of(&f).low | 1;
    }
    return 0;
}

/* Where it stands, or would. */
static struct entry *entry_at(const struct conflation *c, uint64_t hash)
{
    size_t i = (size_t)(hash >> 8) & (c->capacity - 1);
    while (c->entries[i].hash != 0 && c->entries[i].hash != hash)
        i = (i + 1) & (c->capacity - 1);
    return &c->entries[i];
}

/* Whether some message stands at this place still, ready or taken. */
static bool is_there(struct queue *q, uint64_t place)
{
    struct lane *l = lane_find(q, place_priority(place));
    uint64_t sequence = place_sequence(place);
    const struct backlog_chunk *chunk =
        l ? backlog_chunk(&l->backlog, sequence / WINDOW_ENTRIES) : NULL;
    if (chunk && (chunk->live >> (sequence % WINDOW_ENTRIES) & 1))
        return true;
    return l && pager_may_have(l, sequence);
}

static bool is_ready(struct queue *q, uint64_t place)
{
    struct lane *l = lane_find(q, place_priority(place));
    uint64_t sequence = place_sequence(place);
    const struct backlog_chunk *chunk =
        l ? backlog_chunk(&l->backlog, sequence / WINDOW_ENTRIES) : NULL;
    uint64_t bit = UINT64_C(1) << (sequence % WINDOW_ENTRIES);
    if (chunk && (chunk->live & bit))
        return (chunk->ready & bit) != 0;
    return l && pager_may_take(l, sequence);
}

/* Entries whose messages have gone go; what is left has room to grow. */
static void sweep(struct queue *q, struct conflation *c)
{
    struct conflation fresh = {0};
    size_t live = 0;
    for (size_t i = 0; i < c->capacity; i++) {
        if (c->entries[i].hash != 0 && !is_there(q, c->entries[i].place))
            c->entries[i].hash = 0;
        live += c->entries[i].hash != 0;
    }
    fresh.capacity = ENTRIES_MIN;
    while (fresh.capacity < 4 * live)
        fresh.capacity *= 2;
    fresh.entries = lv_calloc(fresh.capacity, sizeof *fresh.entries);
    fresh.count = live;
    for (size_t i = 0; i < c->capacity; i++) {
        if (c->entries[i].hash != 0)
            *entry_at(&fresh, c->entries[i].hash) = c->entries[i];
    }
    free(c->entries);
    c->entries = fresh.entries;
    c->count = fresh.count;
    c->capacity = fresh.capacity;
}

/* --- messages that leave ------------------------------------------------------------------------ */

static void drop(struct queue *q, const struct entry *e)
{
    struct lane *l = lane_find(q, place_priority(e->place));
    uint64_t sequence = place_sequence(e->place);
    if (!l)
        return;
    const struct backlog_chunk *chunk = backlog_chunk(&l->backlog, sequence / WINDOW_ENTRIES);
    uint64_t bit = UINT64_C(1) << (sequence % WINDOW_ENTRIES);
    if (chunk && (chunk->live & bit)) {
        bool redelivered;
        if (!(chunk->ready & bit))
            return; /* somebody has it */
        backlog_take_at(&l->backlog, sequence, &redelivered);
    } else if (!pager_take_known_on_disk(l, sequence, e->body_bytes, e->is_persistent)) {
        return;
    }
    q->counters.replaced++;
    queue_settle_place(q, e->place);
}

static struct entry entry_of(uint64_t hash, uint64_t place, uint64_t body_bytes, bool is_persistent)
{
    return (struct entry){hash, place, body_bytes, is_persistent};
}

static void put(struct queue *q, struct entry fresh)
{
    struct conflation *c = q->conflation;
    if (2 * (c->count + 1) > c->capacity)
        sweep(q, c);
    struct entry *e = entry_at(c, fresh.hash);
    struct entry old = *e;
    c->count += old.hash == 0;
    *e = fresh;
    if (old.hash != 0 && old.place != fresh.place)
        drop(q, &old);
}

void conflation_came(struct queue *q, uint64_t place, const struct message *m)
{
    uint64_t hash = hash_of(q->conflation, message_header(m));
    if (hash != 0)
        put(q, entry_of(hash, place, m->body_bytes, queue_stores(q, m)));
}

static bool is_newer(uint64_t place, uint64_t than)
{
    return place_sequence(place) > place_sequence(than);
}

bool conflation_comes_back(struct queue *q, uint64_t place, const struct message *m)
{
    struct conflation *c = q->conflation;
    uint64_t hash = hash_of(c, message_header(m));
    if (hash == 0)
        return true;
    const struct entry *e = c->capacity ? entry_at(c, hash) : NULL;
    if (e && e->hash != 0 && is_newer(e->place, place) && is_there(q, e->place))
        return false;
    put(q, entry_of(hash, place, m->body_bytes, queue_stores(q, m)));
    return true;
}

void conflation_number(struct queue *q, struct lane *lane)
{
    uint64_t next = 0;
    for (unsigned i = 0; i < q->lane_count; i++) {
        const struct lane *l = queue_lane(q, i);
        if (l->backlog.next_sequence > next)
            next = l->backlog.next_sequence;
    }
    backlog_skip_to(&lane->backlog, next);
}

bool conflation_would_replace(struct queue *q, const struct message *m, uint64_t *ret_body_bytes)
{
    struct conflation *c = q->conflation;
    uint64_t hash = hash_of(c, message_header(m));
    const struct entry *e = hash != 0 && c->capacity != 0 ? entry_at(c, hash) : NULL;
    if (!e || e->hash == 0 || !is_ready(q, e->place))
        return false;
    *ret_body_bytes = e->body_bytes;
    return true;
}

/* --- recovery ------------------------------------------------------------------------------------ */

void conflation_found(struct queue *q, uint64_t place, struct slice header, uint64_t body_bytes,
                      bool is_persistent)
{
    struct conflation *c = q->conflation;
    uint64_t hash = hash_of(c, header);
    if (hash == 0)
        return;
    struct entry found = entry_of(hash, place, body_bytes, is_persistent);
    const struct entry *e = c->capacity ? entry_at(c, hash) : NULL;
    bool is_older = e && e->hash != 0 && is_newer(e->place, place);
    if (is_older)
        drop(q, &found);
    else
        put(q, found);
}

void conflation_begin(struct queue *q)
{
    for (unsigned i = 0; i < q->lane_count; i++) {
        struct lane *l = queue_lane(q, i);
        const struct lv_seqmap *w = &l->backlog.window;
        for (uint64_t c = w->first; c < w->end; c++) {
            const struct backlog_chunk *chunk = backlog_chunk(&l->backlog, c);
            for (uint64_t live = chunk ? chunk->live : 0; live; live &= live - 1) {
                unsigned place = (unsigned)__builtin_ctzll(live);
                const struct message *m = chunk->messages[place];
                conflation_found(q, lane_place(l, c * WINDOW_ENTRIES + place), message_header(m),
                                 m->body_bytes, queue_stores(q, m));
                chunk = backlog_chunk(&l->backlog, c); /* the last one that leaves takes it along */
                if (!chunk)
                    break;
            }
        }
        pager_find_stragglers(l);
    }
}
