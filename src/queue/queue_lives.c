/* A table by position, with open addressing. It is freed when it is empty and the queue's own
 * messages are not looked for, and when no trace runs any longer: whoever comes here first sees
 * that. */
#include "queue/queue_lives.h"

#include <stdlib.h>

#include "base/memory.h"
#include "queue/queue_home.h"
#include "queue/queue_private.h"
#include "topology/lives.h"

enum { NOTES_MIN = 16 };

struct noted {
    uint64_t position;
    uint32_t life; /* 0: the slot is empty */
    bool is_out;   /* unacked */
};

struct queue_lives {
    struct noted *notes;
    size_t count, capacity; /* a power of two, or 0 */
    uint64_t held_below;    /* messages of the first lane below this number are looked at */
};

/* --- the table -------------------------------------------------------------------------------- */

static struct lives *lives_of(const struct queue *q)
{
    return q->entry.vhost->topology->lives;
}

static size_t note_home(const struct queue_lives *lives, uint64_t position)
{
    return (size_t)(position * 0x9e3779b97f4a7c15u >> 32) & (lives->capacity - 1);
}

/* Returns the slot of the position, or the empty one where it belongs. */
static size_t note_slot(const struct queue_lives *lives, uint64_t position)
{
    size_t i = note_home(lives, position);
    while (lives->notes[i].life && lives->notes[i].position != position)
        i = (i + 1) & (lives->capacity - 1);
    return i;
}

static void notes_resize(struct queue_lives *lives, size_t capacity)
{
    struct queue_lives other = *lives;
    other.capacity = capacity;
    other.notes = lv_calloc(capacity, sizeof *other.notes);
    for (size_t i = 0; i < lives->capacity; i++) {
        if (lives->notes[i].life)
            other.notes[note_slot(&other, lives->notes[i].position)] = lives->notes[i];
    }
    free(lives->notes);
    *lives = other;
}

static struct noted *note_find(const struct queue_lives *lives, uint64_t position)
{
    size_t i = lives->capacity ? note_slot(lives, position) : 0;
    return lives->capacity && lives->notes[i].life ? &lives->notes[i] : NULL;
}

/* Moves those behind the slot up, so that no search ends too early. */
static void note_remove(struct queue *q, struct noted *note)
{
    struct queue_lives *lives = q->lives;
    size_t mask = lives->capacity - 1, hole = (size_t)(note - lives->notes);
    for (size_t i = (hole + 1) & mask; lives->notes[i].life; i = (i + 1) & mask) {
        size_t home = note_home(lives, lives->notes[i].position);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            lives->notes[hole] = lives->notes[i];
            hole = i;
        }
    }
    lives->notes[hole].life = 0;
    lives->count--;
    atomic_fetch_sub_explicit(&lives_of(q)->noted, 1, memory_order_relaxed);
}

void queue_lives_free(struct queue *q)
{
    if (!q->lives)
        return;
    atomic_fetch_sub_explicit(&lives_of(q)->noted, q->lives->count, memory_order_relaxed);
    free(q->lives->notes);
    free(q->lives);
    q->lives = NULL;
}

/* Frees the table if it is not needed any longer. Returns whether it is there. */
static bool table_is_needed(struct queue *q)
{
    if (q->lives && !lives_are_traced(q->entry.vhost->topology))
        queue_lives_free(q);
    return q->lives != NULL;
}

/* Frees the table if it is not needed any longer, and makes it smaller if it is nearly empty. */
static void table_tidy(struct queue *q)
{
    struct queue_lives *lives = q->lives;
    size_t capacity = lives->capacity;
    while (capacity > NOTES_MIN && lives->count < capacity / 8)
        capacity /= 2;
    if (lives->count == 0 && lives->held_below == 0)
        queue_lives_free(q);
    else if (capacity < lives->capacity)
        notes_resize(lives, capacity);
}

static void note_add(struct queue *q, uint64_t position, uint32_t life, bool is_out)
{
    uint64_t noted = atomic_load_explicit(&lives_of(q)->noted, memory_order_relaxed);
    if (noted >= LIVES_NOTED_MAX)
        return;
    if (!q->lives)
        q->lives = lv_calloc(1, sizeof *q->lives);
    if (q->lives->count >= q->lives->capacity / 2)
        notes_resize(q->lives, q->lives->capacity ? q->lives->capacity * 2 : NOTES_MIN);
    struct noted *note = &q->lives->notes[note_slot(q->lives, position)];
    if (!note->life) {
        q->lives->count++;
        atomic_fetch_add_explicit(&lives_of(q)->noted, 1, memory_order_relaxed);
    }
    *note = (struct noted){position, life, is_out};
}

/* --- writing down ----------------------------------------------------------------------------- */

static void life_write(struct queue *q, uint32_t life, enum life_event event, uint64_t position,
                       const struct consumer *c)
{
    struct life_record record = {
        .event = (uint8_t)event,
        .position = position,
        .connection = c ? c->connection_id : 0,
        .channel = c ? c->channel : 0,
        .texts = {queue_name(q), c ? c->tag : SLICE_EMPTY},
    };
    lives_record(q->entry.home, q->entry.vhost->topology, life, &record);
}

void queue_life_event(struct queue *q, uint32_t life, enum life_event event)
{
    life_write(q, life, event, LIFE_NO_POSITION, NULL);
}

void queue_life_came(struct queue *q, uint64_t position, uint32_t life, bool is_out)
{
    queue_assert_home(q);
    if (!lives_are_traced(q->entry.vhost->topology))
        return;
    note_add(q, position, life, is_out);
    life_write(q, life, LIFE_QUEUED, position, NULL);
}

/* --- those that are there --------------------------------------------------------------------- */

void queue_trace_held(struct queue *q)
{
    queue_assert_home(q);
    if (!q->lives)
        q->lives = lv_calloc(1, sizeof *q->lives);
    q->lives->held_below = q->lanes.first.backlog.next_sequence;
    table_tidy(q);
}

/* Returns the life of a message at this position that nobody followed until now, or 0. */
static uint32_t find_held(struct queue *q, uint64_t position, struct message *m)
{
    if (position_priority(position) != 0 || position_sequence(position) >= q->lives->held_below ||
        lives_follow(q->entry.vhost->topology, message_life(m)))
        return 0;
    const struct delivery d = delivery_of_message(m);
    return lives_find_held(q->entry.home, q->entry.vhost, queue_name(q), &d, m->is_persistent);
}

void queue_life_goes_out(struct queue *q, uint64_t position, struct message *m, bool is_gone)
{
    queue_assert_home(q);
    if (!table_is_needed(q))
        return;
    struct noted *note = note_find(q->lives, position);
    if (note && !lives_follow(q->entry.vhost->topology, note->life)) { /* its traces have ended */
        note_remove(q, note);
        note = NULL;
    }
    uint32_t life = note ? note->life : find_held(q, position, m);
    if (life && message_life(m) != life)
        message_set_life(m, life);
    if (note && is_gone)
        note_remove(q, note);
    else if (note)
        note->is_out = true;
    else if (life && !is_gone)
        note_add(q, position, life, true);
    table_tidy(q);
}

static void life_settle(struct queue *q, const struct consumer *c, struct noted *note,
                        enum settle_kind kind)
{
    static const enum life_event events[] = {[SETTLE_ACK] = LIFE_ACKED,
                                             [SETTLE_REQUEUE] = LIFE_REQUEUED,
                                             [SETTLE_REJECT] = LIFE_REJECTED};
    life_write(q, note->life, events[kind], note->position, c);
    note->is_out = kind == SETTLE_REJECT;
    if (kind == SETTLE_ACK)
        note_remove(q, note);
}

void queue_lives_settle(struct queue *q, const struct consumer *c, uint64_t position,
                        uint32_t count, enum settle_kind kind)
{
    queue_assert_home(q);
    if (!table_is_needed(q))
        return;
    for (uint32_t i = 0; i < count; i++) {
        struct noted *note = note_find(q->lives, position + i);
        if (note && note->is_out)
            life_settle(q, c, note, kind);
    }
    table_tidy(q);
}

uint32_t queue_life_at(struct queue *q, uint64_t position)
{
    queue_assert_home(q);
    struct noted *note = table_is_needed(q) ? note_find(q->lives, position) : NULL;
    return note ? note->life : 0;
}

void queue_life_ends(struct queue *q, uint64_t position)
{
    queue_assert_home(q);
    struct noted *note = q->lives ? note_find(q->lives, position) : NULL;
    if (!note)
        return;
    note_remove(q, note);
    table_tidy(q);
}

void queue_life_left(struct queue *q, uint64_t position)
{
    uint32_t life = queue_life_at(q, position);
    if (life)
        life_write(q, life, LIFE_LEFT, position, NULL);
    queue_life_ends(q, position);
}

/* --- all of them ------------------------------------------------------------------------------ */

void queue_lives_purge(struct queue *q)
{
    queue_assert_home(q);
    if (!table_is_needed(q))
        return;
    for (size_t i = 0; i < q->lives->capacity;) {
        struct noted *note = &q->lives->notes[i];
        if (!note->life || note->is_out) {
            i++;
            continue;
        }
        life_write(q, note->life, LIFE_PURGED, note->position, NULL);
        note_remove(q, note); /* another one may be in its slot now */
    }
    table_tidy(q);
}

void queue_lives_end(struct queue *q)
{
    if (!q->lives)
        return;
    for (size_t i = 0; i < q->lives->capacity; i++) {
        if (q->lives->notes[i].life)
            life_write(q, q->lives->notes[i].life, LIFE_QUEUE_DELETED, q->lives->notes[i].position,
                       NULL);
    }
    queue_lives_free(q);
}
