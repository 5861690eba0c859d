/* Recovery of a lane from the log and the segment files, on the thread that reads the log.
 *
 * A snapshot replaces all that is known of the lane; each later record changes it. A message that
 * belongs to a chunk on disk stays in the pager's memory (log_only) until that chunk is read. What
 * the log settles is taken out of the segments' live ranges; the log does not say how many bytes
 * that were, so bytes are an estimate until a segment has been read. pager_restore_end() then drops
 * segments whose files are missing. */
#define LOG_CATEGORY LOG_ABOUT_QUEUE

#include "paging/pager_private.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/vec.h"

/* Adds what is live in a recovered segment to the lane's counts (sign 1), or takes it off (-1). */
static void count_recovered(struct lane *l, const struct segment *s, int64_t sign)
{
    struct backlog *b = &l->backlog;
    int64_t n = sign * (int64_t)s->persistent_live;
    int64_t bytes = sign * (int64_t)s->persistent_bytes;
    b->ready += (size_t)n;
    b->disk_ready += (size_t)n;
    b->persistent += (size_t)n;
    b->persistent_bytes += (uint64_t)bytes;
    b->ready_bytes += (uint64_t)bytes;
    b->disk_bytes += (uint64_t)bytes;
}

/* Counts a chunk, and all between it and disk_end, as on disk. */
static void put_on_disk(struct backlog *b, uint64_t chunk)
{
    if (!backlog_has_disk(b))
        b->disk_begin = b->disk_end = chunk;
    if (chunk < b->disk_end)
        return;
    lv_seqmap_extend_elsewhere(&b->chunks, chunk * SEQMAP_ENTRIES);
    b->disk_end = chunk + 1;
}

static void restore_segment(struct lane *l, const struct log_segment *from)
{
    struct pager *p = pager_of(l);
    struct segment *s = pager_segment_add(p, from->first_sequence, from->number);
    s->end_sequence = from->end_sequence;
    s->bytes = s->synced_bytes = from->bytes;
    s->entries = s->live = s->persistent_live = from->persistent_live;
    s->persistent_bytes = from->persistent_bytes;
    s->is_recovered = true;
    s->ranges = lv_calloc(from->live_count + 1, sizeof *s->ranges);
    s->range_capacity = from->live_count + 1;
    for (size_t i = 0; i < from->live_count; i++) {
        struct range r = {from->live[i].from, from->live[i].from + from->live[i].count};
        s->ranges[s->range_count++] = r;
        for (uint64_t c = r.from / SEQMAP_ENTRIES; c <= (r.to - 1) / SEQMAP_ENTRIES; c++)
            put_on_disk(&l->backlog, c);
    }
    count_recovered(l, s, 1);
}

static void log_only_add(struct pager *p, uint64_t sequence, struct message **message,
                         bool redelivered)
{
    lv_vec_room(p->log_only, p->log_only_count, p->log_only_capacity);
    lv_assert(p->log_only_count == 0 || p->log_only[p->log_only_count - 1].sequence < sequence);
    p->log_only[p->log_only_count++] = (struct log_only){sequence, redelivered, *message};
    *message = NULL;
}

static struct message *message_of_parts(const struct lane *l, const struct log_message *parts)
{
    struct message *m = message_from_store(parts);
    if (!m)
        log_error("recovery: no memory for a message of %zu bytes in queue '%.*s'", parts->body.n,
                  SLICE_ARG(lane_label(l).name));
    return m;
}

void pager_restore_message(struct lane *l, const struct log_carried *from)
{
    struct message *made = message_of_parts(l, &from->message), **message = &made;
    if (!made)
        return;
    struct backlog *b = &l->backlog;
    uint64_t sequence = from->sequence;
    uint64_t c = sequence / SEQMAP_ENTRIES;
    bool redelivered = (from->flags & LOG_DELIVERED) != 0;
    if (!backlog_has_disk(b) || c < b->disk_begin || c >= b->disk_end) {
        backlog_restore(b, sequence, message, redelivered, false);
        if (from->deadline_ms)
            backlog_set_deadline(b, sequence, from->deadline_ms);
        return;
    }
    b->ready++;
    b->disk_ready++;
    b->ready_bytes += (*message)->body_bytes;
    b->disk_bytes += (*message)->body_bytes;
    b->persistent++;
    b->persistent_bytes += (*message)->body_bytes;
    if (b->next_sequence <= sequence)
        b->next_sequence = sequence + 1;
    if (!lv_seqmap_is_elsewhere(&b->chunks, sequence))
        lv_seqmap_extend_elsewhere(&b->chunks, sequence); /* a gap between chunks on disk */
    if (from->deadline_ms)
        backlog_restore_on_disk(b, sequence, from->deadline_ms, (*message)->body_bytes, true);
    log_only_add(pager_of(l), sequence, message, redelivered);
}

void pager_restore_snapshot(struct lane *l, const struct log_snapshot *snapshot)
{
    struct backlog *b = &l->backlog;
    uint64_t next_number = l->pager ? l->pager->next_number : 1;
    backlog_free(b);
    pager_free(&l->pager);
    pager_of(l)->next_number = next_number;
    size_t carried = 0;
    /* Chunks must be made in order: first the carried messages before the first chunk on disk, then
     * the segments, then the other carried messages. */
    uint64_t disk = UINT64_MAX;
    for (size_t i = 0; i < snapshot->segment_count; i++) {
        if (snapshot->segments[i].live_count > 0 && disk == UINT64_MAX)
            disk = snapshot->segments[i].live[0].from / SEQMAP_ENTRIES;
    }
    for (; carried < snapshot->carried_count &&
           snapshot->carried[carried].sequence / SEQMAP_ENTRIES < disk;
         carried++)
        pager_restore_message(l, &snapshot->carried[carried]);
    for (size_t i = 0; i < snapshot->segment_count; i++)
        restore_segment(l, &snapshot->segments[i]);
    for (; carried < snapshot->carried_count; carried++)
        pager_restore_message(l, &snapshot->carried[carried]);
    if (b->next_sequence < snapshot->next_sequence)
        b->next_sequence = snapshot->next_sequence;
    l->pager->has_unknown_deadlines = snapshot->has_deadlines;
    for (size_t i = 0; i < snapshot->count_count; i++)
        pager_restore_count(l, snapshot->counts[i]);
}

void pager_restore_count(struct lane *l, struct log_count count)
{
    bool is_there = lv_seqmap_find(&l->backlog.chunks, count.sequence) ||
                    lv_seqmap_is_elsewhere(&l->backlog.chunks, count.sequence);
    if (is_there)
        backlog_set_deliveries(&l->backlog, count.sequence, count.count);
}

static int range_by_begin(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

static void range_add(struct segment *s, uint64_t from, uint64_t to)
{
    lv_assert(from < to);
    lv_vec_room(s->ranges, s->range_count, s->range_capacity);
    s->ranges[s->range_count++] = (struct range){from, to};
}

/* Takes the settled ranges out of a recovered segment's live ranges. Returns how many live messages
 * were in them. */
static uint64_t ranges_subtract_settled(struct segment *s)
{
    struct range *old = s->ranges;
    size_t count = s->range_count, next = 0;
    uint64_t gone = 0;
    qsort(s->settled, s->settled_count, sizeof *s->settled, range_by_begin);
    s->ranges = NULL;
    s->range_count = s->range_capacity = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t at = old[i].from;
        while (next < s->settled_count && s->settled[next].to <= at)
            next++;
        for (size_t n = next; n < s->settled_count && s->settled[n].from < old[i].to; n++) {
            const struct range *r = &s->settled[n];
            uint64_t end = r->to < old[i].to ? r->to : old[i].to;
            if (r->from > at)
                range_add(s, at, r->from);
            if (end <= at)
                continue;
            gone += end - (r->from > at ? r->from : at);
            at = end;
        }
        if (at < old[i].to)
            range_add(s, at, old[i].to);
    }
    free(old);
    s->settled_count = 0;
    return gone;
}

/* Takes `gone` messages off the counts of a segment and its lane. Their bytes are an estimate: as
 * many times the mean size of the segment's messages. */
static void restore_gone(struct lane *l, struct segment *s, uint64_t gone)
{
    struct backlog *b = &l->backlog;
    gone = gone < s->persistent_live ? gone : s->persistent_live;
    uint64_t bytes = s->persistent_bytes;
    if (gone < s->persistent_live)
        bytes = bytes / s->persistent_live * gone;
    s->live -= gone;
    s->persistent_live -= gone;
    s->persistent_bytes -= bytes;
    b->ready -= gone;
    b->disk_ready -= gone;
    b->persistent -= gone;
    b->persistent_bytes -= bytes;
    b->ready_bytes -= bytes;
    b->disk_bytes -= bytes;
}

static void restore_settled(struct lane *l, struct segment *s)
{
    if (s->settled_count > 0)
        restore_gone(l, s, ranges_subtract_settled(s));
}

enum { SETTLED_MIN = 1024 };

/* Settles the messages [from, to) of a segment. A run at the beginning of what is live, the usual
 * case, only shortens the first range; others are collected. */
static void segment_settle(struct lane *l, struct segment *s, uint64_t from, uint64_t to)
{
    struct range *first = s->range_count ? &s->ranges[0] : NULL;
    if (first && s->settled_count == 0 && from <= first->from && to > first->from &&
        to < first->to) {
        uint64_t gone = to - first->from;
        first->from = to;
        restore_gone(l, s, gone);
        return;
    }
    lv_vec_room(s->settled, s->settled_count, s->settled_capacity);
    s->settled[s->settled_count++] = (struct range){from, to};
    if (s->settled_count >= SETTLED_MIN && s->settled_count > s->range_count)
        restore_settled(l, s);
}

static void restore_settle_segments(struct lane *l, uint64_t from, uint64_t to)
{
    struct pager *p = l->pager;
    for (size_t i = pager_segment_index(p, from);
         i < p->count && p->segments[i]->first_sequence < to; i++)
        segment_settle(l, p->segments[i], from, to);
}

static void restore_settle_log_only(struct lane *l, uint64_t from, uint64_t to)
{
    struct pager *p = l->pager;
    struct backlog *b = &l->backlog;
    for (size_t i = pager_log_only_from(p, from); i < p->log_only_count; i++) {
        struct log_only *s = &p->log_only[i];
        if (s->sequence >= to)
            return;
        if (!s->message)
            continue;
        b->ready--;
        b->disk_ready--;
        b->persistent--;
        b->persistent_bytes -= s->message->body_bytes;
        b->ready_bytes -= s->message->body_bytes;
        b->disk_bytes -= s->message->body_bytes;
        backlog_forget_on_disk(b, s->sequence);
        message_unref(&s->message);
    }
}

void pager_restore_settle(struct lane *l, uint64_t from, uint64_t count)
{
    struct backlog *b = &l->backlog;
    uint64_t to = from + count;
    if (l->pager) {
        restore_settle_segments(l, from, to);
        restore_settle_log_only(l, from, to);
    }
    uint64_t end = b->chunks.end * SEQMAP_ENTRIES;
    uint64_t first = b->chunks.first * SEQMAP_ENTRIES;
    struct backlog_left left;
    for (uint64_t s = from > first ? from : first; s < to && s < end; s++)
        backlog_remove(b, s, &left);
    if (b->next_sequence < to)
        b->next_sequence = to;
}

/* Removes a segment, with the messages that are still live in it. */
static void segment_drop(struct lane *l, struct segment *s)
{
    restore_settled(l, s);
    count_recovered(l, s, -1);
    pager_segment_unlist(l->pager, s);
    pager_segment_free(s);
}

void pager_restore_gone(struct lane *l, uint64_t number)
{
    struct pager *p = pager_of(l);
    for (size_t i = p->count; i-- > 0;) {
        if (p->segments[i]->number == number)
            segment_drop(l, p->segments[i]);
    }
    if (p->next_number <= number)
        p->next_number = number + 1;
}

bool pager_restore_file(struct lane *l, uint64_t number, uint64_t bytes)
{
    struct pager *p = pager_of(l);
    if (p->next_number <= number)
        p->next_number = number + 1;
    for (size_t i = 0; i < p->count; i++) {
        if (p->segments[i]->number == number) {
            p->segments[i]->is_there = bytes >= p->segments[i]->bytes;
            return true;
        }
    }
    return false;
}

/* Marks messages in memory that may have been delivered before the stop. */
static void mark_delivered(struct lane *l)
{
    struct backlog *b = &l->backlog;
    for (uint64_t c = b->chunks.first; c < b->chunks.end; c++) {
        struct backlog_chunk *chunk = backlog_chunk(b, c);
        uint64_t base = c * SEQMAP_ENTRIES;
        if (!chunk || base >= l->delivered_staged)
            continue;
        uint64_t slots = l->delivered_staged - base;
        uint64_t below = slots >= SEQMAP_ENTRIES ? ~0ull : (1ull << slots) - 1;
        chunk->redelivered |= chunk->live & below;
    }
}

void pager_restore_end(struct lane *l)
{
    struct pager *p = l->pager;
    mark_delivered(l);
    if (!p)
        return;
    if (l->owner->wants_found && p->count > 0)
        p->has_unknown_deadlines =
            true; /* the values of messages in segments are not known either */
    for (size_t i = 0; i < p->count; i++)
        restore_settled(l, p->segments[i]);
    for (size_t i = p->log_only_first; i < p->log_only_count; i++)
        p->log_only[i].redelivered |= p->log_only[i].sequence < l->delivered_staged;
    p->recovered_below = l->delivered_staged;
    /* A new message is never added to a chunk on disk: the next sequence number is in a chunk after
     * them. */
    if (backlog_has_disk(&l->backlog) &&
        l->backlog.next_sequence < l->backlog.disk_end * SEQMAP_ENTRIES)
        l->backlog.next_sequence = l->backlog.disk_end * SEQMAP_ENTRIES;
    for (size_t i = p->count; i-- > 0;) {
        struct segment *s = p->segments[i];
        if (!s->is_there) {
            pager_damage(l, s, 0, "the file is missing or cut short; its messages are lost");
            segment_drop(l, s);
            continue;
        }
        if (s->persistent_live == 0)
            s->live = 0; /* the first snapshot removes it */
        s->unread_bytes = s->persistent_bytes;
        s->is_estimated = true;
    }
}
