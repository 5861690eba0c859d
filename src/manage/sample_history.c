/* A level is a run of records in one allocation. A record is: how many milliseconds after the one
 * before it; which figures have changed, a bit each; and for each of these the difference. All are
 * numbers of 7 bits a byte, differences with their sign in the lowest bit.
 *
 *   (1) The sum of all records of a level, the last included, is what the level has noted last; for
 *       the finest level this is `figures`.
 *   (2) The first record is relative to time 0 and to figures of 0. Records that are too old are
 *       added up into one, which thereby becomes the first: so the figures at its time are right.
 *   (3) A level without records stands for figures that have been the same for as long as the level
 *       reaches back.
 *   (4) The finest level has a record for each call of history_note() that found a change. The
 *       others have at most one for each of their steps: what has changed after it is noted with
 *       the first call in a later step (`is_behind`). */
#include "manage/sample_history.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

enum { RECORD_BYTES_MAX = 10 + 5 + 10 * HISTORY_FIGURES_MAX, LEVEL_BYTES_MIN = 48 };

struct level {
    uint8_t *bytes; /* owned; NULL: no record */
    uint32_t count, capacity;
    uint64_t last_ms; /* the time of the last record */
    bool is_behind;   /* figures have changed since the level has noted them */
};

struct history {
    const struct retention *retention;
    unsigned figure_count;
    uint32_t last_at;      /* where in the finest level the last record begins */
    bool has_changed_last; /* at the last call of history_note() */
    struct level levels[RETENTION_LEVELS_MAX];
    uint64_t figures[];
};

/* --- records ---------------------------------------------------------------------------------- */

struct record {
    uint64_t after_ms;
    uint32_t changed;
    int64_t by[HISTORY_FIGURES_MAX]; /* of the figures that have changed */
};

static uint8_t *put_number(uint8_t *p, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        *p++ = (uint8_t)(n | 0x80);
    *p++ = (uint8_t)n;
    return p;
}

static const uint8_t *get_number(const uint8_t *p, uint64_t *ret)
{
    uint64_t n = 0;
    unsigned shift = 0;
    for (; *p & 0x80; shift += 7)
        n |= (uint64_t)(*p++ & 0x7f) << shift;
    *ret = n | (uint64_t)*p << shift;
    return p + 1;
}

static uint8_t *put_record(uint8_t *p, const struct record *r)
{
    p = put_number(put_number(p, r->after_ms), r->changed);
    for (uint32_t left = r->changed; left; left &= left - 1) {
        int64_t by = r->by[__builtin_ctz(left)];
        p = put_number(p, (uint64_t)by << 1 ^ (by < 0 ? UINT64_MAX : 0));
    }
    return p;
}

static const uint8_t *get_record(const uint8_t *p, struct record *ret)
{
    uint64_t n;
    p = get_number(get_number(p, &ret->after_ms), &n);
    ret->changed = (uint32_t)n;
    for (uint32_t left = ret->changed; left; left &= left - 1) {
        p = get_number(p, &n);
        ret->by[__builtin_ctz(left)] = (int64_t)(n >> 1 ^ (n & 1 ? UINT64_MAX : 0));
    }
    return p;
}

/* Adds to the figures what the record has changed. */
static void record_apply(const struct record *r, uint64_t *figures)
{
    for (uint32_t left = r->changed; left; left &= left - 1)
        figures[__builtin_ctz(left)] += (uint64_t)r->by[__builtin_ctz(left)];
}

/* Returns the record that leads from one array of figures to the other. */
static struct record record_between(const uint64_t *from, const uint64_t *to, unsigned count)
{
    struct record r = {0};
    for (unsigned i = 0; i < count; i++) {
        if (from[i] == to[i])
            continue;
        r.changed |= UINT32_C(1) << i;
        r.by[i] = (int64_t)(to[i] - from[i]);
    }
    return r;
}

/* --- levels ----------------------------------------------------------------------------------- */

static void level_clear(struct level *l)
{
    free(l->bytes);
    *l = (struct level){0};
}

/* Adds up the records up to this time, and those of it, into one. */
static void level_forget(struct level *l, unsigned figure_count, uint64_t until_ms)
{
    static const uint64_t zeros[HISTORY_FIGURES_MAX];
    uint64_t sums[HISTORY_FIGURES_MAX] = {0}, time_ms = 0;
    const uint8_t *end = l->bytes + l->count, *p = l->bytes, *kept = p;
    unsigned forgotten = 0;
    for (; p < end; forgotten++) {
        struct record r;
        const uint8_t *next = get_record(p, &r);
        if (time_ms + r.after_ms > until_ms)
            break;
        time_ms += r.after_ms;
        record_apply(&r, sums);
        p = kept = next;
    }
    if (forgotten < 2)
        return;
    uint8_t first[RECORD_BYTES_MAX];
    struct record sum = record_between(zeros, sums, figure_count);
    sum.after_ms = time_ms;
    size_t first_bytes = (size_t)(put_record(first, &sum) - first);
    size_t rest_bytes = (size_t)(end - kept);
    lv_assert(first_bytes + rest_bytes <= l->count);
    memmove(l->bytes + first_bytes, kept, rest_bytes);
    memcpy(l->bytes, first, first_bytes);
    l->count = (uint32_t)(first_bytes + rest_bytes);
}

/* Makes room for this many bytes: first by forgetting. */
static void level_make_room(struct level *l, unsigned figure_count, uint64_t until_ms, size_t bytes)
{
    if (l->count + bytes <= l->capacity)
        return;
    if (l->count > 0)
        level_forget(l, figure_count, until_ms);
    if (l->count + bytes <= l->capacity - l->capacity / 4)
        return;
    size_t capacity = l->capacity + l->capacity / 2;
    if (capacity < LEVEL_BYTES_MIN)
        capacity = LEVEL_BYTES_MIN;
    if (capacity < l->count + bytes)
        capacity = l->count + bytes;
    l->bytes = lv_realloc(l->bytes, capacity);
    l->capacity = (uint32_t)capacity;
}

/* Appends a record. Returns where it begins. */
static uint32_t level_add(struct level *l, unsigned figure_count, uint64_t until_ms,
                          uint64_t now_ms, struct record *r)
{
    uint8_t bytes[RECORD_BYTES_MAX];
    r->after_ms = now_ms - l->last_ms;
    size_t n = (size_t)(put_record(bytes, r) - bytes);
    level_make_room(l, figure_count, until_ms, n);
    uint32_t at = l->count;
    memcpy(l->bytes + at, bytes, n);
    l->count += (uint32_t)n;
    l->last_ms = now_ms;
    return at;
}

/* Sets `ret` to what the level has noted last. */
static void level_sum(const struct level *l, uint64_t *ret)
{
    const uint8_t *p = l->bytes; /* NULL: nothing is noted yet */
    const uint8_t *end = l->count > 0 ? p + l->count : p;
    while (p < end) {
        struct record r;
        p = get_record(p, &r);
        record_apply(&r, ret);
    }
}

/* A level keeps somewhat more than it must, so that its oldest samples have a figure. */
static uint64_t level_begins_ms(const struct retention_level *r, uint64_t now_ms)
{
    uint64_t reach_ms = (r->reach_s + UINT64_C(2) * r->step_s) * 1000;
    return now_ms > reach_ms ? now_ms - reach_ms : 0;
}

/* Begins a level that has no records with these figures, which have been the same until now. */
static void level_begin(struct level *l, unsigned figure_count, uint64_t begins_ms,
                        const uint64_t *figures)
{
    static const uint64_t zeros[HISTORY_FIGURES_MAX];
    struct record first = record_between(zeros, figures, figure_count);
    if (first.changed)
        level_add(l, figure_count, begins_ms, begins_ms, &first);
}

/* Notes the figures in a level other than the finest, unless it has a record for this step. */
static void level_note(struct level *l, const struct retention_level *r, unsigned figure_count,
                       uint64_t now_ms, const uint64_t *before, const uint64_t *figures)
{
    uint64_t step_ms = r->step_s * UINT64_C(1000), begins_ms = level_begins_ms(r, now_ms);
    uint64_t noted[HISTORY_FIGURES_MAX] = {0};
    if (l->count == 0)
        level_begin(l, figure_count, begins_ms, before);
    l->is_behind = l->count > 0 && l->last_ms / step_ms == now_ms / step_ms;
    if (l->is_behind)
        return;
    level_sum(l, noted);
    struct record change = record_between(noted, figures, figure_count);
    if (change.changed)
        level_add(l, figure_count, begins_ms, now_ms, &change);
}

/* Forgets the records of a level that has noted nothing for as long as it reaches back. */
static void level_age(struct level *l, const struct retention_level *r, uint64_t now_ms)
{
    if (l->bytes && !l->is_behind && l->last_ms < level_begins_ms(r, now_ms))
        level_clear(l);
}

/* --- histories -------------------------------------------------------------------------------- */

struct history *history_create(const struct retention *retention, unsigned figures)
{
    lv_assert(figures > 0 && figures <= HISTORY_FIGURES_MAX);
    lv_assert(retention->count <= RETENTION_LEVELS_MAX);
    struct history *h = lv_calloc(1, sizeof *h + figures * sizeof h->figures[0]);
    h->retention = retention;
    h->figure_count = figures;
    return h;
}

void history_free(struct history **history)
{
    struct history *h = *history;
    *history = NULL;
    if (!h)
        return;
    for (unsigned i = 0; i < RETENTION_LEVELS_MAX; i++)
        level_clear(&h->levels[i]);
    free(h);
}

static void levels_note(struct history *h, uint64_t now_ms, const uint64_t *figures,
                        struct record *change)
{
    const struct retention_level *finest = &h->retention->levels[0];
    for (unsigned i = 1; i < h->retention->count; i++) {
        if (change->changed || h->levels[i].is_behind)
            level_note(&h->levels[i], &h->retention->levels[i], h->figure_count, now_ms, h->figures,
                       figures);
    }
    if (!change->changed || h->retention->count == 0)
        return;
    uint64_t begins_ms = level_begins_ms(finest, now_ms);
    if (h->levels[0].count == 0)
        level_begin(&h->levels[0], h->figure_count, begins_ms, h->figures);
    h->last_at = level_add(&h->levels[0], h->figure_count, begins_ms, now_ms, change);
}

void history_note(struct history *h, uint64_t now_ms, const uint64_t *figures)
{
    struct record change = record_between(h->figures, figures, h->figure_count);
    levels_note(h, now_ms, figures, &change);
    h->has_changed_last = change.changed && h->retention->count > 0;
    if (change.changed)
        memcpy(h->figures, figures, h->figure_count * sizeof figures[0]);
    for (unsigned i = 0; i < h->retention->count; i++)
        level_age(&h->levels[i], &h->retention->levels[i], now_ms);
}

const uint64_t *history_figures(const struct history *h)
{
    return h->figures;
}

bool history_last_change(const struct history *h, int64_t *ret)
{
    if (!h->has_changed_last)
        return false;
    struct record r;
    get_record(h->levels[0].bytes + h->last_at, &r);
    for (unsigned i = 0; i < h->figure_count; i++)
        ret[i] = r.changed >> i & 1 ? r.by[i] : 0;
    return true;
}

/* Returns the finest level that reaches back to this time, or else the one that reaches
 * farthest. */
static unsigned level_for(const struct retention *r, uint64_t now_ms, uint64_t first_ms)
{
    unsigned i = 0;
    while (i + 1 < r->count && first_ms + r->levels[i].reach_s * UINT64_C(1000) < now_ms)
        i++;
    return i;
}

void history_samples(const struct history *h, uint64_t now_ms, uint64_t first_ms, uint64_t step_ms,
                     size_t count, uint64_t *ret)
{
    unsigned n = h->figure_count, used = level_for(h->retention, now_ms, first_ms);
    const struct level *l = &h->levels[used];
    uint64_t figures[HISTORY_FIGURES_MAX] = {0};
    if (l->count == 0)
        memcpy(figures, h->figures, n * sizeof figures[0]);
    const uint8_t *p = l->bytes, *end = p ? p + l->count : p;
    uint64_t time_ms = 0; /* of the record that was applied last */
    for (size_t i = 0; i < count; i++) {
        struct record r;
        while (p < end) {
            const uint8_t *next = get_record(p, &r);
            if (time_ms + r.after_ms > first_ms + i * step_ms)
                break;
            time_ms += r.after_ms;
            record_apply(&r, figures);
            p = next;
        }
        memcpy(ret + i * n, figures, n * sizeof figures[0]);
    }
}

uint64_t history_noted_ms(const struct history *h, uint64_t now_ms, uint64_t first_ms)
{
    const struct level *l = &h->levels[level_for(h->retention, now_ms, first_ms)];
    const uint8_t *p = l->bytes, *end = p ? p + l->count : p;
    uint64_t time_ms = 0;
    while (p < end) {
        struct record r;
        p = get_record(p, &r);
        if (time_ms + r.after_ms > first_ms)
            break;
        time_ms += r.after_ms;
    }
    return time_ms;
}

size_t history_bytes(const struct history *h)
{
    size_t bytes = sizeof *h + h->figure_count * sizeof h->figures[0];
    for (unsigned i = 0; i < RETENTION_LEVELS_MAX; i++)
        bytes += h->levels[i].capacity;
    return bytes;
}
