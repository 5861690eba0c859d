/* The index of conflation: maps each value to the position of its newest message. A value is
 * identified by its 128-bit hash, as in message/dedup_cache.h, so that two values are never
 * confused. An entry is swept some time after its message has left the queue. */
#include "queue/conflation.h"

#include <stdlib.h>

#include "base/counters.h"
#include "base/memory.h"
#include "message/dedup_cache.h"
#include "message/message_header.h"
#include "paging/pager.h"
#include "queue/queue_private.h"
#include "wire/table.h"

enum { ENTRIES_MIN = 64 };

struct entry {
    struct value_hash value;
    uint64_t position;
    uint64_t body_bytes : 62;
    uint64_t is_persistent : 1; /* it is stored: in a quorum queue all are */
    uint64_t is_used : 1;       /* 0: the entry is empty */
};
_Static_assert(sizeof(struct entry) == 32, "conflation.h documents the size of an entry");

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

/* --- the index -------------------------------------------------------------------------------- */

/* Finds the value in a message's headers table. Returns false if it has none. */
static bool value_of(const struct conflation *c, struct slice headers, struct value_hash *ret)
{
    struct slice name;
    struct field f;
    while (table_next(&headers, &name, &f)) {
        if (slice_equal(name, c->header)) {
            *ret = value_hash_of(&f);
            return true;
        }
    }
    return false;
}

static bool entry_is_of(const struct entry *e, struct value_hash value)
{
    return e->value.low == value.low && e->value.high == value.high;
}

/* Returns the value's entry, or the empty one where it would be. Call only if the table is not
 * full. */
static struct entry *entry_at(const struct conflation *c, struct value_hash value)
{
    lv_assert(c->count < c->capacity);
    size_t i = (size_t)(value.low >> 8) & (c->capacity - 1);
    while (c->entries[i].is_used && !entry_is_of(&c->entries[i], value))
        i = (i + 1) & (c->capacity - 1);
    return &c->entries[i];
}

/* Returns the value's entry, or NULL. */
static const struct entry *entry_find(const struct conflation *c, struct value_hash value)
{
    const struct entry *e = c->capacity ? entry_at(c, value) : NULL;
    return e && e->is_used ? e : NULL;
}

/* Returns whether there is still a message at this position, ready or unacked. */
static bool position_is_live(struct queue *q, uint64_t position)
{
    struct lane *l = lane_find(&q->lanes, position_priority(position));
    uint64_t sequence = position_sequence(position);
    const struct backlog_chunk *chunk =
        l ? backlog_chunk(&l->backlog, sequence / SEQMAP_ENTRIES) : NULL;
    if (chunk && (chunk->live >> (sequence % SEQMAP_ENTRIES) & 1))
        return true;
    return l && pager_may_have(l, sequence);
}

static bool position_is_ready(struct queue *q, uint64_t position)
{
    struct lane *l = lane_find(&q->lanes, position_priority(position));
    uint64_t sequence = position_sequence(position);
    const struct backlog_chunk *chunk =
        l ? backlog_chunk(&l->backlog, sequence / SEQMAP_ENTRIES) : NULL;
    uint64_t bit = UINT64_C(1) << (sequence % SEQMAP_ENTRIES);
    if (chunk && (chunk->live & bit))
        return (chunk->ready & bit) != 0;
    return l && pager_may_deliver(l, sequence);
}

/* Drops the entries whose messages have left, and makes room to grow. */
static void conflation_sweep(struct queue *q, struct conflation *c)
{
    struct conflation fresh = {0};
    size_t live = 0;
    for (size_t i = 0; i < c->capacity; i++) {
        if (c->entries[i].is_used && !position_is_live(q, c->entries[i].position))
            c->entries[i].is_used = 0;
        live += c->entries[i].is_used;
    }
    fresh.capacity = ENTRIES_MIN;
    while (fresh.capacity < 4 * live)
        fresh.capacity *= 2;
    fresh.entries = lv_calloc(fresh.capacity, sizeof *fresh.entries);
    fresh.count = live;
    for (size_t i = 0; i < c->capacity; i++) {
        if (c->entries[i].is_used)
            *entry_at(&fresh, c->entries[i].value) = c->entries[i];
    }
    free(c->entries);
    c->entries = fresh.entries;
    c->count = fresh.count;
    c->capacity = fresh.capacity;
}

/* --- dropping messages ------------------------------------------------------------------------ */

/* Drops the message of an entry, if it is ready. */
static void conflation_drop(struct queue *q, const struct entry *e)
{
    struct lane *l = lane_find(&q->lanes, position_priority(e->position));
    uint64_t sequence = position_sequence(e->position);
    if (!l)
        return;
    const struct backlog_chunk *chunk = backlog_chunk(&l->backlog, sequence / SEQMAP_ENTRIES);
    uint64_t bit = UINT64_C(1) << (sequence % SEQMAP_ENTRIES);
    if (chunk && (chunk->live & bit)) {
        bool redelivered;
        if (!(chunk->ready & bit))
            return; /* a consumer has it */
        backlog_deliver_at(&l->backlog, sequence, &redelivered);
    } else if (!pager_deliver_known_on_disk(l, sequence, e->body_bytes, e->is_persistent)) {
        return;
    }
    q->counters.replaced++;
    COUNT(replaced);
    queue_settle_position(q, e->position);
}

static struct entry entry_of(struct value_hash value, uint64_t position, uint64_t body_bytes,
                             bool is_persistent)
{
    return (struct entry){value, position, body_bytes & (UINT64_MAX >> 2), is_persistent, true};
}

static void conflation_put(struct queue *q, struct entry fresh)
{
    struct conflation *c = q->conflation;
    if (2 * (c->count + 1) > c->capacity)
        conflation_sweep(q, c);
    struct entry *e = entry_at(c, fresh.value);
    struct entry old = *e;
    c->count += !old.is_used;
    *e = fresh;
    if (old.is_used && old.position != fresh.position)
        conflation_drop(q, &old);
}

void conflation_came(struct queue *q, uint64_t position, const struct message *m)
{
    lv_assert(q->conflation);
    struct value_hash value;
    if (value_of(q->conflation, message_headers(m), &value))
        conflation_put(q, entry_of(value, position, m->body_bytes, queue_stores(q, m)));
}

static bool is_newer(uint64_t position, uint64_t than)
{
    return position_sequence(position) > position_sequence(than);
}

bool conflation_comes_back(struct queue *q, uint64_t position, const struct message *m)
{
    lv_assert(q->conflation);
    struct conflation *c = q->conflation;
    struct value_hash value;
    if (!value_of(c, message_headers(m), &value))
        return true;
    const struct entry *e = entry_find(c, value);
    if (e && is_newer(e->position, position) && position_is_live(q, e->position))
        return false;
    conflation_put(q, entry_of(value, position, m->body_bytes, queue_stores(q, m)));
    return true;
}

void conflation_number(struct queue *q, struct lane *lane)
{
    uint64_t next = 0;
    for (unsigned i = 0; i < q->lanes.lane_count; i++) {
        const struct lane *l = queue_lane(q, i);
        if (l->backlog.next_sequence > next)
            next = l->backlog.next_sequence;
    }
    backlog_skip_to(&lane->backlog, next);
}

bool conflation_would_replace(struct queue *q, const struct message *m, uint64_t *ret_body_bytes)
{
    lv_assert(q->conflation);
    struct conflation *c = q->conflation;
    struct value_hash value;
    const struct entry *e = value_of(c, message_headers(m), &value) ? entry_find(c, value) : NULL;
    if (!e || !position_is_ready(q, e->position))
        return false;
    *ret_body_bytes = e->body_bytes;
    return true;
}

/* --- recovery --------------------------------------------------------------------------------- */

void conflation_found(struct queue *q, uint64_t position, struct slice header, uint64_t body_bytes,
                      bool is_persistent)
{
    lv_assert(q->conflation);
    struct conflation *c = q->conflation;
    struct value_hash value;
    if (!value_of(c, header_headers(HEADER_AMQP_0_9_1, header), &value))
        return;
    struct entry found = entry_of(value, position, body_bytes, is_persistent);
    const struct entry *e = entry_find(c, value);
    if (e && is_newer(e->position, position))
        conflation_drop(q, &found);
    else
        conflation_put(q, found);
}

void conflation_begin(struct queue *q)
{
    queue_assert_home(q);
    lv_assert(q->conflation);
    for (unsigned i = 0; i < q->lanes.lane_count; i++) {
        struct lane *l = queue_lane(q, i);
        const struct lv_seqmap *w = &l->backlog.chunks;
        for (uint64_t c = w->first; c < w->end; c++) {
            const struct backlog_chunk *chunk = backlog_chunk(&l->backlog, c);
            for (uint64_t live = chunk ? chunk->live : 0; live; live &= live - 1) {
                unsigned slot = (unsigned)__builtin_ctzll(live);
                const struct message *m = chunk->messages[slot];
                conflation_found(q, lane_position(l, c * SEQMAP_ENTRIES + slot), message_header(m),
                                 m->body_bytes, queue_stores(q, m));
                chunk = backlog_chunk(&l->backlog, c); /* freed with its last message */
                if (!chunk)
                    break;
            }
        }
        pager_find_log_only(l);
    }
}
