/* Deadlines and counts of returns of a backlog's messages, and the index that finds what is due.
 *
 * The index is a heap of chunks by deadline. An entry may be earlier than every deadline of its
 * chunk, because a message has left: when it comes to the top, it gets the earliest deadline left
 * in the chunk, or is dropped if there is none. It is never later. */
#include <stdlib.h>

#include "base/memory.h"
#include "paging/backlog.h"

enum { DEADLINES_MIN = 64 };

/* --- metas ------------------------------------------------------------------------------------ */

struct backlog_meta *backlog_meta(const struct backlog *b, uint64_t c)
{
    const struct backlog_chunk *chunk = backlog_chunk(b, c);
    return chunk ? chunk->meta : lv_seqmap_meta(&b->chunks, c * SEQMAP_ENTRIES);
}

struct backlog_meta *backlog_meta_make(struct backlog *b, uint64_t c)
{
    struct backlog_meta *meta = backlog_meta(b, c);
    if (meta)
        return meta;
    meta = lv_calloc(1, sizeof *meta);
    struct backlog_chunk *chunk = backlog_chunk(b, c);
    if (chunk)
        chunk->meta = meta;
    else
        lv_seqmap_set_meta(&b->chunks, c * SEQMAP_ENTRIES, meta);
    bool is_on_disk = c >= b->disk_begin && c < b->disk_end;
    if (is_on_disk) /* until the chunk has been read, each of its messages may be there */
        meta->live = chunk ? ~chunk->live : ~0ull;
    return meta;
}

void backlog_meta_free(struct backlog *b, struct backlog_meta *meta)
{
    if (!meta)
        return;
    lv_assert(b->timed >= (meta->times != NULL));
    b->timed -= meta->times != NULL;
    free(meta->times);
    free(meta);
}

static struct backlog_times *times_of(struct backlog *b, uint64_t c)
{
    struct backlog_meta *meta = backlog_meta_make(b, c);
    if (!meta->times) {
        meta->times = lv_calloc(1, sizeof *meta->times);
        meta->times->indexed_ms = UINT64_MAX;
        b->timed++;
    }
    return meta->times;
}

static const struct backlog_times *times_find(const struct backlog *b, uint64_t sequence)
{
    const struct backlog_meta *meta = backlog_meta(b, sequence / SEQMAP_ENTRIES);
    return meta ? meta->times : NULL;
}

/* --- the heap --------------------------------------------------------------------------------- */

/* Of two entries with the same deadline, the one of the older chunk is first. */
static bool deadline_is_before(const struct backlog_deadline *x, const struct backlog_deadline *y)
{
    return x->deadline_ms != y->deadline_ms ? x->deadline_ms < y->deadline_ms : x->chunk < y->chunk;
}

static void sift_up(struct backlog *b, size_t at)
{
    struct backlog_deadline due = b->deadlines[at];
    for (; at > 0 && deadline_is_before(&due, &b->deadlines[(at - 1) / 2]); at = (at - 1) / 2)
        b->deadlines[at] = b->deadlines[(at - 1) / 2];
    b->deadlines[at] = due;
}

static void sift_down(struct backlog *b, size_t at)
{
    struct backlog_deadline due = b->deadlines[at];
    for (size_t child; (child = 2 * at + 1) < b->deadline_count; at = child) {
        if (child + 1 < b->deadline_count &&
            deadline_is_before(&b->deadlines[child + 1], &b->deadlines[child]))
            child++;
        if (!deadline_is_before(&b->deadlines[child], &due))
            break;
        b->deadlines[at] = b->deadlines[child];
    }
    b->deadlines[at] = due;
}

/* Drops entries of chunks that have been freed, or that have an earlier entry. */
static void deadlines_sweep(struct backlog *b)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->deadline_count; i++) {
        const struct backlog_meta *meta = backlog_meta(b, b->deadlines[i].chunk);
        if (meta && meta->times && meta->times->indexed_ms == b->deadlines[i].deadline_ms)
            b->deadlines[kept++] = b->deadlines[i];
    }
    b->deadline_count = kept;
    for (size_t i = kept / 2; i-- > 0;)
        sift_down(b, i);
}

static void deadlines_add(struct backlog *b, uint64_t chunk, uint64_t deadline_ms)
{
    if (b->deadline_count >= DEADLINES_MIN && b->deadline_count > 2 * b->timed)
        deadlines_sweep(b);
    if (b->deadline_count == b->deadline_capacity) {
        b->deadline_capacity = b->deadline_capacity ? b->deadline_capacity * 2 : DEADLINES_MIN;
        b->deadlines = lv_realloc(b->deadlines, b->deadline_capacity * sizeof *b->deadlines);
    }
    b->deadlines[b->deadline_count] = (struct backlog_deadline){deadline_ms, chunk};
    sift_up(b, b->deadline_count++);
}

static void deadlines_pop(struct backlog *b)
{
    lv_assert(b->deadline_count > 0);
    b->deadlines[0] = b->deadlines[--b->deadline_count];
    if (b->deadline_count > 0)
        sift_down(b, 0);
}

/* --- deadlines -------------------------------------------------------------------------------- */

void backlog_set_deadline(struct backlog *b, uint64_t sequence, uint64_t deadline_ms)
{
    lv_assert(deadline_ms != 0 && sequence < b->next_sequence);
    uint64_t chunk = sequence / SEQMAP_ENTRIES;
    struct backlog_times *times = times_of(b, chunk);
    times->deadline_ms[sequence % SEQMAP_ENTRIES] = deadline_ms;
    if (deadline_ms >= times->indexed_ms)
        return;
    times->indexed_ms = deadline_ms;
    deadlines_add(b, chunk, deadline_ms);
}

uint64_t backlog_deadline(const struct backlog *b, uint64_t sequence)
{
    const struct backlog_times *times = times_find(b, sequence);
    return times ? times->deadline_ms[sequence % SEQMAP_ENTRIES] : 0;
}

void backlog_restore_on_disk(struct backlog *b, uint64_t sequence, uint64_t deadline_ms,
                             uint64_t body_bytes, bool is_log_only)
{
    lv_assert(backlog_has_disk(b));
    uint64_t bit = 1ull << (sequence % SEQMAP_ENTRIES);
    struct backlog_meta *meta = backlog_meta_make(b, sequence / SEQMAP_ENTRIES);
    meta->persistent |= bit;
    meta->log_only |= is_log_only ? bit : 0;
    times_of(b, sequence / SEQMAP_ENTRIES)->body_bytes[sequence % SEQMAP_ENTRIES] =
        (uint32_t)body_bytes;
    backlog_set_deadline(b, sequence, deadline_ms);
}

void backlog_set_content(struct backlog *b, uint64_t sequence, uint64_t body_bytes,
                         bool is_persistent, bool is_log_only)
{
    const uint64_t chunk = sequence / SEQMAP_ENTRIES;
    const unsigned slot = (unsigned)(sequence % SEQMAP_ENTRIES);
    const uint64_t bit = 1ull << slot;
    times_of(b, chunk)->body_bytes[slot] = (uint32_t)body_bytes;
    struct backlog_meta *meta = backlog_meta(b, chunk);
    meta->persistent = is_persistent ? meta->persistent | bit : meta->persistent & ~bit;
    meta->log_only = is_log_only ? meta->log_only | bit : meta->log_only & ~bit;
}

void backlog_times_drop(struct backlog *b, struct backlog_meta *meta)
{
    lv_assert(meta->live == 0);
    lv_assert(b->timed >= (meta->times != NULL));
    b->timed -= meta->times != NULL;
    free(meta->times);
    meta->times = NULL;
}

void backlog_forget_on_disk(struct backlog *b, uint64_t sequence)
{
    struct backlog_meta *meta = backlog_meta(b, sequence / SEQMAP_ENTRIES);
    uint64_t bit = 1ull << (sequence % SEQMAP_ENTRIES);
    if (!meta)
        return;
    meta->live &= ~bit;
    meta->log_only &= ~bit;
    if (meta->times)
        meta->times->deadline_ms[sequence % SEQMAP_ENTRIES] = 0;
}

/* Finds the one of these slots with the earliest deadline. Returns false if none has a deadline. */
static bool times_earliest(const struct backlog_times *times, uint64_t slots, unsigned *ret_slot)
{
    uint64_t first = UINT64_MAX;
    for (; slots; slots &= slots - 1) {
        unsigned slot = (unsigned)__builtin_ctzll(slots);
        uint64_t deadline_ms = times->deadline_ms[slot];
        if (deadline_ms == 0 || deadline_ms >= first)
            continue;
        first = deadline_ms;
        *ret_slot = slot;
    }
    return first != UINT64_MAX;
}

bool backlog_find_due(struct backlog *b, struct backlog_first_due *ret)
{
    while (b->deadline_count > 0) {
        const struct backlog_deadline due = b->deadlines[0];
        const struct backlog_chunk *chunk = backlog_chunk(b, due.chunk);
        const struct backlog_meta *meta = backlog_meta(b, due.chunk);
        uint64_t here = chunk ? chunk->ready : 0;
        uint64_t slots = meta ? here | (meta->live & ~meta->unacked) : 0;
        unsigned slot = 0;
        bool is_current = meta && meta->times && meta->times->indexed_ms == due.deadline_ms;
        if (is_current && times_earliest(meta->times, slots, &slot)) {
            uint64_t deadline_ms = meta->times->deadline_ms[slot];
            if (deadline_ms <= due.deadline_ms) {
                ret->sequence = due.chunk * SEQMAP_ENTRIES + slot;
                ret->deadline_ms = deadline_ms;
                ret->is_here = (here >> slot & 1) != 0;
                return true;
            }
            meta->times->indexed_ms = deadline_ms;
            b->deadlines[0].deadline_ms = deadline_ms;
            sift_down(b, 0);
            continue;
        }
        if (is_current)
            meta->times->indexed_ms = UINT64_MAX;
        deadlines_pop(b);
    }
    return false;
}

/* --- the first of many ------------------------------------------------------------------------ */

/* Returns the ready slots of a chunk with times; *ret_here are those in memory. */
static uint64_t ready_slots(const struct backlog *b, uint64_t c, uint64_t *ret_here)
{
    const struct backlog_chunk *chunk = backlog_chunk(b, c);
    const struct backlog_meta *meta = backlog_meta(b, c);
    *ret_here = chunk ? chunk->ready : 0;
    return meta && meta->times ? *ret_here | (meta->live & ~meta->unacked) : 0;
}

bool backlog_find_timed(const struct backlog *b, uint64_t sequence, struct backlog_first_due *ret)
{
    uint64_t here, bit = 1ull << (sequence % SEQMAP_ENTRIES);
    uint64_t deadline_ms = backlog_deadline(b, sequence);
    if (deadline_ms == 0 || !(ready_slots(b, sequence / SEQMAP_ENTRIES, &here) & bit))
        return false;
    *ret = (struct backlog_first_due){sequence, deadline_ms, (here & bit) != 0};
    return true;
}

static bool due_is_before(const struct backlog_first_due *x, const struct backlog_first_due *y)
{
    return x->deadline_ms < y->deadline_ms ||
           (x->deadline_ms == y->deadline_ms && x->sequence < y->sequence);
}

/* Moves the entry at `at` down to its place in a heap that collects the earliest deadlines; the
 * latest of them is on top, to be replaced by an earlier one. */
static void gather_down(struct backlog_first_due *heap, size_t count, size_t at)
{
    struct backlog_first_due moved = heap[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && due_is_before(&heap[child], &heap[child + 1]))
            child++;
        if (!due_is_before(&moved, &heap[child]))
            break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

static void heap_gather(struct backlog_first_due *heap, size_t *count, size_t most,
                        const struct backlog_first_due *due)
{
    if (*count == most) {
        if (!due_is_before(due, &heap[0]))
            return;
        heap[0] = *due;
        gather_down(heap, *count, 0);
        return;
    }
    size_t at = (*count)++;
    for (; at > 0 && due_is_before(&heap[(at - 1) / 2], due); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = *due;
}

/* Adds the chunk's ready messages that have deadlines to the heap. */
static void gather_chunk(const struct backlog *b, uint64_t c, struct backlog_first_due *heap,
                         size_t *count, size_t most)
{
    uint64_t here, slots = ready_slots(b, c, &here);
    for (; slots; slots &= slots - 1) {
        unsigned slot = (unsigned)__builtin_ctzll(slots);
        struct backlog_first_due due = {.sequence = c * SEQMAP_ENTRIES + slot,
                                        .deadline_ms = backlog_meta(b, c)->times->deadline_ms[slot],
                                        .is_here = (here >> slot & 1) != 0};
        if (due.deadline_ms)
            heap_gather(heap, count, most, &due);
    }
}

static int due_compare(const void *a, const void *b)
{
    return due_is_before(a, b) ? -1 : due_is_before(b, a);
}

/* Returns whether an entry of the index counts: the chunk has no earlier one. */
static bool deadline_is_current(const struct backlog *b, const struct backlog_deadline *due)
{
    const struct backlog_meta *meta = backlog_meta(b, due->chunk);
    return meta && meta->times && meta->times->indexed_ms == due->deadline_ms;
}

/* Goes down the index from its root, and leaves out what is below an entry that is later than all
 * of the `most` deadlines gathered so far. `entries` is the stack of entries still to look at. */
size_t backlog_find_deadlines(const struct backlog *b, struct backlog_first_due *ret, size_t most)
{
    lv_assert(most == 0 || ret);
    size_t count = 0, pending = 0, capacity = 64;
    size_t *entries = lv_malloc(capacity * sizeof *entries);
    if (b->deadline_count > 0 && most > 0)
        entries[pending++] = 0;
    while (pending > 0) {
        size_t at = entries[--pending];
        const struct backlog_deadline *due = &b->deadlines[at];
        if (count == most && due->deadline_ms > ret[0].deadline_ms)
            continue;
        if (deadline_is_current(b, due))
            gather_chunk(b, due->chunk, ret, &count, most);
        if (pending + 2 > capacity) {
            capacity *= 2;
            entries = lv_realloc(entries, capacity * sizeof *entries);
        }
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < b->deadline_count; child++)
            entries[pending++] = child;
    }
    free(entries);
    qsort(ret, count, sizeof *ret, due_compare);
    return count;
}

/* Returns the entry that follows in a depth-first walk of the heap; `is_cut` skips what is below
 * `at`. */
static size_t heap_after(const struct backlog *b, size_t at, bool is_cut)
{
    if (!is_cut && 2 * at + 1 < b->deadline_count)
        return 2 * at + 1;
    while (at > 0 &&
           (at % 2 == 0 || at + 1 >= b->deadline_count)) /* a right child, or an only one */
        at = (at - 1) / 2;
    return at == 0 ? b->deadline_count : at + 1;
}

uint64_t backlog_due_on_disk(const struct backlog *b, uint64_t c, uint64_t until_ms)
{
    const struct backlog_meta *meta = backlog_meta(b, c);
    const struct backlog_chunk *chunk = backlog_chunk(b, c);
    uint64_t due = 0;
    if (!meta || !meta->times)
        return 0;
    uint64_t slots = meta->live & ~meta->unacked & ~(chunk ? chunk->ready : 0);
    for (; slots; slots &= slots - 1) {
        unsigned slot = (unsigned)__builtin_ctzll(slots);
        uint64_t deadline_ms = meta->times->deadline_ms[slot];
        if (deadline_ms != 0 && deadline_ms <= until_ms)
            due |= 1ull << slot;
    }
    return due;
}

uint64_t backlog_due_bytes(const struct backlog *b, uint64_t c, uint64_t until_ms,
                           uint64_t a_message)
{
    uint64_t bytes = 0, slots = backlog_due_on_disk(b, c, until_ms);
    for (; slots; slots &= slots - 1)
        bytes += a_message + backlog_meta(b, c)->times->body_bytes[__builtin_ctzll(slots)];
    return bytes;
}

void backlog_each_due_on_disk(const struct backlog *b, uint64_t until_ms,
                              bool (*each)(void *arg, uint64_t chunk), void *arg)
{
    bool is_late = false;
    for (size_t at = 0; at < b->deadline_count; at = heap_after(b, at, is_late)) {
        const struct backlog_deadline *due = &b->deadlines[at];
        is_late = due->deadline_ms > until_ms;
        if (!is_late && deadline_is_current(b, due) &&
            backlog_due_on_disk(b, due->chunk, until_ms) != 0 && !each(arg, due->chunk))
            return;
    }
}

/* --- counts ----------------------------------------------------------------------------------- */

unsigned backlog_deliveries(const struct backlog *b, uint64_t sequence)
{
    const struct backlog_times *times = times_find(b, sequence);
    return times ? times->deliveries[sequence % SEQMAP_ENTRIES] : 0;
}

void backlog_set_deliveries(struct backlog *b, uint64_t sequence, unsigned count)
{
    lv_assert(sequence < b->next_sequence);
    times_of(b, sequence / SEQMAP_ENTRIES)->deliveries[sequence % SEQMAP_ENTRIES] =
        (uint16_t)(count < UINT16_MAX ? count : UINT16_MAX);
}
