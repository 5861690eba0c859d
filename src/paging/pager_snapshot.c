/* Snapshots: the state of a lane in one record, so that older records are not needed.
 *
 *   pager_snapshot()          segments that hold little are given up; if many messages are in no
 *                             segment, they are copied into one
 *   pager_sync_segment()      for each segment; on_synced() counts the answers; if many messages
 *                             have come meanwhile, these are copied, too, and synced
 *   snapshot_stage()          the record: segments with their live ranges, the messages that no
 *                             segment has, counts of returns
 *   pager_snapshot_is_safe()  files that nothing needs are removed
 *
 * While a snapshot is under way no segment is removed and nothing is paged out, so that what it
 * says stays true. */
#include "paging/pager_private.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/vec.h"

enum {
    CARRY_DIVISOR = 4,  /* one snapshot may carry this part (1/n) of the log's room */
    LATE_DIVISOR = 8,   /* and this part of a log file, of messages that came during the syncs */
    ROUNDS_MAX = 8,     /* how often these are copied and synced, while the disk has room */
    SPARSE_DIVISOR = 4, /* a segment is given up if at most this part (1/n) of it is live */
};

struct range_list {
    struct log_range *items;
    size_t count, capacity;
};

static void range_add(struct range_list *list, uint64_t from, uint64_t count)
{
    struct log_range *last = list->count ? &list->items[list->count - 1] : NULL;
    if (last && last->from + last->count == from) {
        last->count += count;
        return;
    }
    lv_assert(count > 0);
    lv_vec_room(list->items, list->count, list->capacity);
    lv_assert(list->items); /* for the static analyzer */
    list->items[list->count++] = (struct log_range){from, count};
}

/* Adds [from, to) without the log-only messages in it, which the snapshot carries itself. If the
 * segment had them too, they would be taken off twice when they are settled, and the segment would
 * seem empty too soon. */
static void add_stored(struct range_list *list, const struct pager *p, uint64_t from, uint64_t to)
{
    for (size_t i = pager_log_only_from(p, from);
         i < p->log_only_count && p->log_only[i].sequence < to; i++) {
        const struct log_only *s = &p->log_only[i];
        if (!s->message)
            continue;
        if (from < s->sequence)
            range_add(list, from, s->sequence - from);
        from = s->sequence + 1;
    }
    if (from < to)
        range_add(list, from, to - from);
}

/* Adds the messages of [from, to) that are live in the segment and only on disk. */
static void add_unloaded(struct range_list *list, const struct pager *p, const struct segment *s,
                         uint64_t from, uint64_t to)
{
    from = from > s->first_sequence ? from : s->first_sequence;
    to = to < s->end_sequence ? to : s->end_sequence;
    if (!s->is_recovered) {
        add_stored(list, p, from, to);
        return;
    }
    for (size_t i = pager_range_from(s, from); i < s->range_count && s->ranges[i].from < to; i++) {
        uint64_t a = s->ranges[i].from > from ? s->ranges[i].from : from;
        uint64_t b = s->ranges[i].to < to ? s->ranges[i].to : to;
        add_stored(list, p, a, b);
    }
}

/* Adds the messages of a chunk in memory, or partly in memory, of which the segment has a copy. */
static void add_copies(struct range_list *list, const struct backlog *b, const struct segment *s,
                       uint64_t c)
{
    const struct backlog_chunk *chunk = backlog_chunk(b, c);
    for (uint64_t stored = chunk ? chunk->stored : 0; stored; stored &= stored - 1) {
        uint64_t sequence = c * SEQMAP_ENTRIES + (unsigned)__builtin_ctzll(stored);
        if (sequence >= s->first_sequence && sequence < s->end_sequence)
            range_add(list, sequence, 1);
    }
}

/* Returns the first sequence number of a chunk on disk that has not been loaded. */
static uint64_t unloaded_from(const struct lane *l, uint64_t c)
{
    uint64_t base = c * SEQMAP_ENTRIES;
    bool is_partly_loaded = c == l->backlog.disk_begin && l->pager->loaded_below > base;
    return is_partly_loaded ? l->pager->loaded_below : base;
}

/* Adds the live messages of a chunk on disk that has a meta, which says which messages are live. */
static void add_by_meta(struct range_list *list, const struct lane *l, const struct segment *s,
                        uint64_t c, const struct backlog_meta *meta)
{
    const uint64_t from = unloaded_from(l, c);
    for (uint64_t live = meta->live; live; live &= live - 1) {
        uint64_t sequence = c * SEQMAP_ENTRIES + (unsigned)__builtin_ctzll(live);
        if (sequence >= from)
            add_unloaded(list, l->pager, s, sequence, sequence + 1);
    }
}

/* Adds chunks on disk without a meta, from c on and at most up to `end`, as one range. Returns the
 * chunk after them. */
static uint64_t add_whole(struct range_list *list, const struct lane *l, const struct segment *s,
                          uint64_t c, uint64_t end)
{
    const struct backlog *b = &l->backlog;
    uint64_t next = c + 1;
    while (c != b->disk_begin && next < end && next < b->disk_end && !backlog_meta(b, next))
        next++;
    add_unloaded(list, l->pager, s, unloaded_from(l, c), next * SEQMAP_ENTRIES);
    return next;
}

/* Adds all that is live in a segment, in order. */
static void add_live(const struct lane *l, const struct segment *s, struct range_list *list)
{
    const struct backlog *b = &l->backlog;
    const uint64_t end = (s->end_sequence + SEQMAP_ENTRIES - 1) / SEQMAP_ENTRIES;
    for (uint64_t c = s->first_sequence / SEQMAP_ENTRIES; c < end;) {
        const struct backlog_meta *meta = backlog_meta(b, c);
        bool is_on_disk = backlog_has_disk(b) && c >= b->disk_begin && c < b->disk_end;
        add_copies(list, b, s, c);
        if (is_on_disk && !meta) {
            c = add_whole(list, l, s, c, end);
            continue;
        }
        if (is_on_disk)
            add_by_meta(list, l, s, c, meta);
        c++;
    }
}

/* Gives the segment up if little of it is live, all of it in memory: its messages no longer count
 * as stored there, and its file is removed after the snapshot. */
static void give_up_if_sparse(struct lane *l, struct segment *s)
{
    struct pager *p = l->pager;
    if (s->load_offset < s->bytes || s->live * SPARSE_DIVISOR > s->entries)
        return;
    if (s == p->writing) {
        p->writing = NULL;
        p->pending.n = 0;
    }
    for (uint64_t c = s->first_sequence / SEQMAP_ENTRIES;
         c <= (s->end_sequence - 1) / SEQMAP_ENTRIES; c++) {
        struct backlog_chunk *chunk = backlog_chunk(&l->backlog, c);
        for (uint64_t stored = chunk ? chunk->stored : 0; stored; stored &= stored - 1) {
            unsigned slot = (unsigned)__builtin_ctzll(stored);
            uint64_t sequence = c * SEQMAP_ENTRIES + slot;
            if (sequence >= s->first_sequence && sequence < s->end_sequence)
                chunk->stored &= ~(1ull << slot);
        }
    }
    lv_vec_room(p->needless, p->needless_count, p->needless_capacity);
    p->needless[p->needless_count++] = s->number;
    pager_segment_unlist(p, s);
    pager_segment_free(s);
}

/* Returns the slots of a chunk whose messages must be kept and are in no segment. */
static uint64_t unstored(const struct backlog *b, const struct backlog_chunk *chunk)
{
    uint64_t slots = 0;
    for (uint64_t live = chunk->live & ~chunk->stored; live; live &= live - 1) {
        unsigned slot = (unsigned)__builtin_ctzll(live);
        slots |= backlog_stores(b, chunk->messages[slot]) ? 1ull << slot : 0;
    }
    return slots;
}

static uint64_t unstored_bytes(struct lane *l)
{
    uint64_t bytes = 0;
    for (uint64_t c = l->backlog.chunks.first; c < l->backlog.chunks.end; c++) {
        const struct backlog_chunk *chunk = backlog_chunk(&l->backlog, c);
        for (uint64_t slots = chunk ? unstored(&l->backlog, chunk) & pager_storable(l, c, chunk)
                                    : 0;
             slots; slots &= slots - 1)
            bytes += message_memory(chunk->messages[__builtin_ctzll(slots)]);
    }
    return bytes;
}

/* Copies all messages that no segment has into segments. Transient ones too: left out, they would
 * be inside the range of a segment, and could not be paged out any more. */
static void store_copies(struct lane *l)
{
    for (uint64_t c = l->backlog.chunks.first; c < l->backlog.chunks.end; c++) {
        struct backlog_chunk *chunk = backlog_chunk(&l->backlog, c);
        uint64_t slots = chunk ? pager_storable(l, c, chunk) : 0;
        if (slots)
            pager_store_slots(l, c, chunk, slots, true);
    }
}

struct carried_list {
    struct log_carried *items;
    size_t count, capacity;
};

static void message_carry(const struct lane *l, struct carried_list *list, uint64_t sequence,
                          const struct message *m, bool redelivered)
{
    lv_vec_room(list->items, list->count, list->capacity);
    list->items[list->count++] = (struct log_carried){
        .sequence = sequence,
        .flags = redelivered ? LOG_DELIVERED : 0,
        .deadline_ms = backlog_deadline(&l->backlog, sequence),
        .message = pager_message_parts(l, m),
    };
}

static int carried_compare(const void *a, const void *b)
{
    uint64_t x = ((const struct log_carried *)a)->sequence;
    uint64_t y = ((const struct log_carried *)b)->sequence;
    return (x > y) - (x < y);
}

/* Lists all messages that must be kept and are in no segment, in the order of their numbers. */
static void carry_all(struct lane *l, struct carried_list *list)
{
    const struct pager *p = l->pager;
    size_t next = p->log_only_first;
    for (uint64_t c = l->backlog.chunks.first; c < l->backlog.chunks.end; c++) {
        const struct backlog_chunk *chunk = backlog_chunk(&l->backlog, c);
        uint64_t slots = chunk ? unstored(&l->backlog, chunk) : 0;
        for (; slots; slots &= slots - 1) {
            unsigned slot = (unsigned)__builtin_ctzll(slots);
            /* An unacked message may have reached a consumer, and so has a returned one. */
            bool delivered = ((chunk->redelivered | ~chunk->ready) >> slot & 1) != 0;
            message_carry(l, list, c * SEQMAP_ENTRIES + slot, chunk->messages[slot], delivered);
        }
        for (; next < p->log_only_count && p->log_only[next].sequence / SEQMAP_ENTRIES == c;
             next++) {
            const struct log_only *s = &p->log_only[next];
            if (s->message)
                message_carry(l, list, s->sequence, s->message, s->redelivered);
        }
    }
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, carried_compare);
}

/* Lists how often messages were returned, if that is counted. The caller frees it. */
static struct log_count *counts_of(const struct lane *l, size_t *ret_count)
{
    const struct backlog *b = &l->backlog;
    struct log_count *counts = NULL;
    size_t count = 0, capacity = 0;
    for (uint64_t c = b->chunks.first; b->counts_deliveries && c < b->chunks.end; c++) {
        const struct backlog_meta *meta = backlog_meta(b, c);
        for (unsigned i = 0; meta && meta->times && i < SEQMAP_ENTRIES; i++) {
            if (meta->times->deliveries[i] == 0)
                continue;
            lv_vec_room(counts, count, capacity);
            counts[count++] =
                (struct log_count){c * SEQMAP_ENTRIES + i, meta->times->deliveries[i]};
        }
    }
    *ret_count = count;
    return counts;
}

/* Lists the segments for the snapshot. The caller frees the list, and the ranges of each. */
static struct log_segment *segments_of(const struct lane *l)
{
    const struct pager *p = l->pager;
    struct log_segment *segments = lv_calloc(p->count + 1, sizeof *segments);
    for (size_t i = 0; i < p->count; i++) {
        const struct segment *s = p->segments[i];
        struct range_list live = {0};
        add_live(l, s, &live);
        segments[i] = (struct log_segment){
            .number = s->number,
            .first_sequence = s->first_sequence,
            .end_sequence = s->end_sequence,
            .bytes = s->synced_bytes,
            .persistent_live = s->persistent_live,
            .persistent_bytes = s->persistent_bytes,
            .live = live.items,
            .live_count = live.count,
        };
    }
    return segments;
}

static void snapshot_stage(struct lane *l)
{
    struct pager *p = l->pager;
    lv_assert(p->snapshot == SNAPSHOT_SYNCING && p->syncs == 0);
    struct log_segment *segments = segments_of(l);
    struct carried_list carried = {0};
    size_t count_count;
    struct log_count *counts = counts_of(l, &count_count);
    carry_all(l, &carried);
    const struct log_snapshot snapshot = {
        .queue = l->id,
        .next_sequence = l->backlog.next_sequence,
        .delivered_below = l->delivered_staged,
        .segments = segments,
        .segment_count = p->count,
        .carried = carried.items,
        .carried_count = carried.count,
        .counts = counts,
        .count_count = count_count,
        .has_deadlines = l->backlog.timed > 0 || pager_must_scan(l),
    };
    l->owner->journal->snapshot(l, &snapshot);
    p->snapshot = SNAPSHOT_STAGED;
    for (size_t i = 0; i < p->count; i++)
        free((void *)segments[i].live);
    free(segments);
    free(carried.items);
    free(counts);
}

/* Returns how many bytes of messages the snapshot itself may carry; if more are in no segment, they
 * are put into one first. On a full disk segments cannot grow, so the snapshot may carry up to a
 * part of the log's room: old log files can only be given back after snapshots. */
static uint64_t carry_bytes(const struct lane *l)
{
    const struct journal *journal = journal_of(l->owner->home)->journal;
    uint64_t most = pager_limits_of(l)->carry_bytes;
    uint64_t room = atomic_load(&journal->shortage) ? log_room(journal->log) / CARRY_DIVISOR : 0;
    return room > most ? room : most;
}

/* Returns the same for a snapshot whose segments are synced, since more messages have come during
 * the syncs. It still has to fit into a small log file: if the disk fills up at this moment, there
 * is no other. Publishers that come faster than the disk syncs would put the snapshot off for ever,
 * so after some rounds it carries what it must; while the disk is short of room there are none. */
static uint64_t late_carry_bytes(const struct lane *l)
{
    const struct journal *journal = journal_of(l->owner->home)->journal;
    uint64_t most = pager_limits_of(l)->carry_bytes;
    uint64_t late = journal->file_bytes / LATE_DIVISOR;
    if (atomic_load(&journal->shortage))
        return carry_bytes(l);
    if (l->pager->rounds >= ROUNDS_MAX)
        return UINT64_MAX;
    return late > most ? late : most;
}

static void copy_and_sync(struct lane *l);

static void segments_are_synced(struct lane *l)
{
    struct pager *p = l->pager;
    if (p->snapshot_error == 0) {
        if (unstored_bytes(l) > late_carry_bytes(l))
            copy_and_sync(l);
        else
            snapshot_stage(l);
        return;
    }
    /* Without a snapshot the log keeps all records of the lane: until the next snapshot, or for
     * ever. */
    p->snapshot = SNAPSHOT_NONE;
    p->wants_snapshot = true;
    if (pager_may_pass(p->snapshot_error))
        journal_try_again(l);
    else
        pager_fail_writing(l, p->snapshot_error);
}

static void on_synced(struct lane *l, struct segment *s, struct pager_ask *ask)
{
    struct pager *p = l->pager;
    if (!p || !pager_files(l) || p->snapshot != SNAPSHOT_SYNCING)
        return;
    if (s && ask->error == 0)
        s->synced_bytes = ask->offset;
    if (ask->error && (p->snapshot_error == 0 || pager_may_pass(p->snapshot_error)))
        p->snapshot_error = ask->error;
    lv_assert(p->syncs > 0);
    if (--p->syncs == 0)
        segments_are_synced(l);
}

/* Puts messages that no segment has into one, if they are more than the snapshot may carry, and has
 * all segments synced. */
static void copy_and_sync(struct lane *l)
{
    struct pager *p = l->pager;
    p->rounds++;
    if (!p->is_failed && unstored_bytes(l) > carry_bytes(l))
        store_copies(l);
    pager_flush(l);
    p->snapshot = SNAPSHOT_SYNCING;
    p->syncs = 1; /* this function's own, until all have been asked for */
    for (size_t i = 0; i < p->count; i++) {
        if (p->segments[i]->synced_bytes >= p->segments[i]->bytes)
            continue;
        p->syncs++;
        pager_sync_segment(l, p->segments[i], on_synced);
    }
    if (--p->syncs == 0)
        snapshot_stage(l);
}

void pager_snapshot(struct lane *l)
{
    lane_assert_home(l);
    lv_assert(l->owner->journal);
    struct pager *p = pager_of(l);
    if (p->snapshot != SNAPSHOT_NONE || p->kept_count > 0 || p->is_failed) {
        p->wants_snapshot = true;
        return;
    }
    p->wants_snapshot = false;
    p->snapshot_error = 0;
    p->rounds = 0;
    for (size_t i = p->count; i-- > 0;)
        give_up_if_sparse(l, p->segments[i]);
    copy_and_sync(l);
}

void pager_snapshot_is_safe(struct lane *l, int error)
{
    lane_assert_home(l);
    lv_assert(error <= 0);
    struct pager *p = l->pager;
    if (!p || !pager_files(l))
        return;
    lv_assert(p->snapshot == SNAPSHOT_STAGED);
    p->snapshot = SNAPSHOT_NONE;
    for (size_t i = 0; error == 0 && i < p->needless_count; i++)
        pager_remove_file(l, p->needless[i]);
    p->needless_count = error ? p->needless_count : 0;
    if (error)
        return;
    pager_end_empty_segments(l);
    if (p->wants_snapshot)
        pager_snapshot(l);
    else
        pager_relieve(l);
}
