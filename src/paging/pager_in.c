/* From disk to memory: segments are read front to back, ahead of the consumers.
 *
 * One read at a time is under way (pager_want). Each valid block in it is parsed (block_load), and
 * each message that is still live becomes a ready message of chunk disk_begin (entry_load). The
 * first block of a later chunk shows that the chunk is complete: disk_begin moves on (chunk_next).
 *
 * With a broken block only its own messages are lost: the next valid block is searched for. When
 * the last segment has been read, messages still counted as being on disk are lost (disk_ended). */
#define LOG_CATEGORY LOG_ABOUT_QUEUE

#include "paging/pager_private.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/search.h"

void pager_damage(const struct lane *l, const struct segment *s, uint64_t offset, const char *what)
{
    const struct lane_label label = lane_label(l);
    log_error("queue '%.*s' in vhost '%.*s': segments/%llx-%llx.seg, offset %llu: %s",
              SLICE_ARG(label.name), SLICE_ARG(label.vhost), (unsigned long long)l->id,
              (unsigned long long)s->number, (unsigned long long)offset, what);
}

size_t pager_range_from(const struct segment *s, uint64_t sequence)
{
    size_t found;
    LV_LOWER_BOUND(found, s->range_count, i, s->ranges[i].to <= sequence);
    return found;
}

bool pager_is_live(const struct segment *s, uint64_t sequence)
{
    size_t at = pager_range_from(s, sequence);
    return at < s->range_count && s->ranges[at].from <= sequence;
}

/* Moves log-only messages below this number into the chunk that is being loaded. */
static void log_only_page_in(struct lane *l, uint64_t below)
{
    struct pager *p = l->pager;
    while (p->log_only_first < p->log_only_count) {
        struct log_only *s = &p->log_only[p->log_only_first];
        if (s->sequence >= below)
            return;
        p->log_only_first++;
        if (!s->message)
            continue; /* settled meanwhile */
        uint64_t chunk = s->sequence / SEQMAP_ENTRIES;
        backlog_page_in(&l->backlog, s->sequence, &s->message, s->redelivered);
        backlog_chunk(&l->backlog, chunk)->stored &= ~(1ull << (s->sequence % SEQMAP_ENTRIES));
    }
}

/* Ends chunk disk_begin, all of which has been loaded, and moves on to the next one. */
static void chunk_next(struct lane *l)
{
    struct pager *p = l->pager;
    uint64_t chunk = l->backlog.disk_begin;
    log_only_page_in(l, (chunk + 1) * SEQMAP_ENTRIES);
    pager_fetch_forget(p, chunk);
    /* Unacked messages of the chunk that were not loaded could not be read. */
    const size_t unacked = l->backlog.unacked;
    backlog_page_next(&l->backlog);
    if (l->backlog.unacked == unacked)
        return;
    lane_count_lost(l, unacked - l->backlog.unacked);
    p->has_lost = true;
}

static void entry_load(struct lane *l, struct segment *s, uint64_t chunk,
                       const struct segment_entry *entry)
{
    uint64_t sequence = chunk * SEQMAP_ENTRIES + entry->slot;
    if (backlog_is_gone_on_disk(&l->backlog, sequence))
        return;
    if (s->is_recovered && (!entry->message.is_persistent || !pager_is_live(s, sequence)))
        return;
    struct message *m = message_from_store(&entry->message);
    if (!m) {
        pager_damage(l, s, s->load_offset, "no memory for a message");
        return;
    }
    lane_count_read(l);
    log_only_page_in(l, sequence); /* first those before this one, which may be delivered at once */
    if (!pager_is_unacked_on_disk(l, sequence)) /* else it was counted when it became unacked */
        pager_count_read(l, s, m->body_bytes);
    /* The message may have been delivered after this copy was written. */
    backlog_page_in(&l->backlog, sequence, &m,
                    entry->redelivered || sequence < l->pager->recovered_below ||
                        sequence < l->backlog.delivered_below);
    if (entry->deadline_ms)
        backlog_set_deadline(&l->backlog, sequence, entry->deadline_ms);
    if (l->owner->wants_found && l->pager->has_unknown_deadlines) /* the scan will skip it now */
        l->owner->calls->found(l->owner, lane_position(l, sequence), entry->message.header,
                               entry->message.body.n, entry->message.is_persistent);
}

static void block_load(struct lane *l, struct segment *s, const struct segment_block *block)
{
    struct backlog *b = &l->backlog;
    if (block->chunk < b->disk_begin || block->chunk >= b->disk_end)
        return; /* the block is a copy: its messages are in memory, or have left */
    while (b->disk_begin < block->chunk)
        chunk_next(l);
    for (size_t i = 0; i < block->count; i++) {
        /* When a file is read a second time, what was loaded before is skipped. */
        if (block->chunk * SEQMAP_ENTRIES + block->entries[i].slot >= l->pager->loaded_below)
            entry_load(l, s, block->chunk, &block->entries[i]);
    }
    uint64_t end = block->chunk * SEQMAP_ENTRIES + block->entries[block->count - 1].slot + 1;
    if (l->pager->loaded_below < end)
        l->pager->loaded_below = end;
}

/* Handles a block at the load offset that is longer than the n bytes that were read: the next read
 * gets all of it; or, at the end of the file, it is given up. */
static void block_is_short(struct lane *l, struct segment *s, size_t n, uint64_t block_bytes)
{
    if (s->load_offset + n < s->bytes) {
        l->pager->read_bytes = (size_t)block_bytes;
        return;
    }
    pager_damage(l, s, s->load_offset, "cut short; the rest of it is lost");
    s->load_offset = s->bytes;
}

/* Returns how many of these bytes can be skipped: they begin with a broken block, and no other
 * block begins in the bytes skipped. 0: there are too few to tell; they are read again with the
 * bytes after them. */
static uint64_t broken_bytes(struct lane *l, struct segment *s, struct slice bytes)
{
    uint64_t found;
    bool is_more = s->load_offset + bytes.n < s->bytes;
    if (is_more && bytes.n <= SEGMENT_BLOCK_HEADER_BYTES)
        return 0;
    pager_damage(l, s, s->load_offset, "broken block; its messages are lost");
    if (segment_find_block(bytes, l->id, s->number, s->load_offset, &found))
        return found - s->load_offset;
    return is_more ? bytes.n - SEGMENT_BLOCK_HEADER_BYTES /* a block may begin in the last bytes */
                   : bytes.n;
}

/* Loads the blocks in these bytes, which were read at the load offset. */
static void bytes_load(struct lane *l, struct segment *s, struct slice bytes)
{
    struct segment_block block;
    uint64_t size = 0;
    while (bytes.n > 0) {
        switch (segment_read_block(bytes, l->id, s->number, s->load_offset, &block, &size)) {
        case SEGMENT_BLOCK: block_load(l, s, &block); break;
        case SEGMENT_SHORT: block_is_short(l, s, bytes.n, size); return;
        case SEGMENT_BROKEN:
            size = broken_bytes(l, s, bytes);
            if (size == 0)
                return;
            break;
        }
        s->load_offset += size;
        bytes = slice_of(bytes.p + size, bytes.n - (size_t)size);
    }
}

void pager_recount(struct lane *l, struct segment *s)
{
    lane_assert_home(l);
    uint64_t live = 0, persistent = 0, bytes = 0;
    for (uint64_t c = s->first_sequence / SEQMAP_ENTRIES;
         c <= (s->end_sequence - 1) / SEQMAP_ENTRIES; c++) {
        const struct backlog_chunk *chunk = backlog_chunk(&l->backlog, c);
        for (uint64_t stored = chunk ? chunk->stored : 0; stored; stored &= stored - 1) {
            unsigned slot = (unsigned)__builtin_ctzll(stored);
            uint64_t sequence = c * SEQMAP_ENTRIES + slot;
            const struct message *m = chunk->messages[slot];
            if (sequence < s->first_sequence || sequence >= s->end_sequence)
                continue;
            live++;
            persistent += backlog_stores(&l->backlog, m);
            bytes += backlog_stores(&l->backlog, m) ? m->body_bytes : 0;
        }
    }
    l->backlog.persistent -= s->persistent_live - persistent;
    l->backlog.persistent_bytes -= s->persistent_bytes - bytes;
    s->live = live;
    s->persistent_live = persistent;
    s->persistent_bytes = bytes;
}

/* Called when nothing is left to read: messages still counted as being on disk are lost. */
static void disk_ended(struct lane *l)
{
    struct backlog *b = &l->backlog;
    const struct lane_label label = lane_label(l);
    uint64_t lost = l->counters->lost;
    while (backlog_has_disk(b))
        chunk_next(l);
    lane_count_lost(l, b->disk_ready);
    lost = l->counters->lost - lost;
    if (lost > 0)
        log_error("queue '%.*s' in vhost '%.*s': %llu messages could not be read back",
                  SLICE_ARG(label.name), SLICE_ARG(label.vhost), (unsigned long long)lost);
    l->pager->has_lost |= lost > 0;
    if (!l->pager->has_lost)
        return;
    backlog_drop_disk(b);
    for (size_t i = 0; i < l->pager->count; i++)
        pager_recount(l, l->pager->segments[i]);
    pager_end_empty_segments(l);
}

/* Returns the first segment that has not been read to its end, or NULL. */
static struct segment *segment_to_read(const struct pager *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->segments[i]->load_offset < p->segments[i]->bytes)
            return p->segments[i];
    }
    return NULL;
}

/* Loads what was read of a segment. Segments are held meanwhile, or this one might be removed. */
static void read_load(struct lane *l, struct segment *s, struct slice bytes)
{
    l->pager->read_bytes = 0;
    pager_hold_segments(l);
    bytes_load(l, s, bytes);
    if (s->load_offset >= s->bytes)
        pager_count_read_all(l, s);
    pager_count_if_none_left(l);
    pager_release_segments(l);
    if (!segment_to_read(l->pager))
        disk_ended(l);
}

static void read_take(struct lane *l, struct segment *s, const struct pager_ask *ask)
{
    if (ask->failures != l->pager->failures) {
        lane_ready(
            l); /* what was read is void, since an earlier write has failed; the owner asks again */
        return;
    }
    if (pager_may_pass(ask->error)) {
        journal_try_again(l);
        return;
    }
    if (ask->error || ask->bytes.n == 0) {
        pager_damage(l, s, s->load_offset, "cannot be read; the rest of it is lost");
        s->load_offset = s->bytes;
    }
    read_load(l, s, lv_buffer_slice(&ask->bytes));
    pager_read_ahead(l);
    lane_ready(l);
}

static void on_read(struct lane *l, struct segment *s, struct pager_ask *ask)
{
    struct pager *p = l->pager;
    bool is_wanted = s && p->is_reading && s == segment_to_read(p) && s->load_offset == ask->offset;
    if (p)
        p->is_reading = false;
    if (is_wanted)
        read_take(l, s, ask);
    else
        lane_ready(l); /* the owner asks again */
}

bool pager_want(struct lane *l)
{
    lane_assert_home(l);
    struct pager *p = l->pager;
    if (!p || p->is_reading || !backlog_has_disk(&l->backlog) || !pager_files(l))
        return false;
    struct segment *s = segment_to_read(p);
    if (!s) {
        disk_ended(l);
        return true;
    }
    if (s == p->writing)
        pager_flush(l);
    const struct piece *kept = pager_kept_piece(p, s->number, s->load_offset);
    if (kept && kept->offset <= s->load_offset) {
        size_t from = (size_t)(s->load_offset - kept->offset);
        read_load(l, s, slice_of(kept->bytes.p + from, kept->n - from));
        return true;
    }
    p->is_reading = true;
    uint64_t left = (kept ? kept->offset : s->bytes) - s->load_offset;
    size_t bytes = pager_limits_of(l)->read_bytes;
    bytes = bytes > p->read_bytes ? bytes : p->read_bytes;
    pager_read_segment(l, s,
                       &(struct pager_ask){.offset = s->load_offset,
                                           .bytes_asked = left < bytes ? left : bytes,
                                           .done = on_read});
    return false;
}

void pager_read_on(struct lane *l)
{
    lv_assert(backlog_has_disk(&l->backlog));
    const struct backlog *b = &l->backlog;
    if (!pager_files(l))
        return;
    const struct pager_limits *limits = pager_limits_of(l);
    if (b->disk_begin < b->cursor + limits->ahead_chunks && b->memory_bytes < limits->ahead_bytes)
        pager_want(l);
}
