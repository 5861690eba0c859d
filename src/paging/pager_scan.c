/* Deadlines, and the values that a queue's conflation compares, are only on disk after a start.
 * Recovered segments are read once, front to back, to find them; where their blocks begin is noted
 * on the way. Other segments are read only if blocks are missing in their list. */
#include "paging/pager_private.h"

#include "base/vec.h"

enum {
    SCAN_BYTES = 512 * 1024,
    SCAN_FAILURES_MAX = 3,
};

void pager_index_block(struct segment *s, uint64_t chunk, uint64_t offset, uint64_t bytes)
{
    if (offset != s->indexed_bytes)
        return; /* the list lacks a block before this one: a scan will find both */
    lv_vec_room(s->blocks, s->block_count, s->block_capacity);
    s->blocks[s->block_count++] = (struct block_start){chunk, offset};
    s->indexed_bytes = offset + bytes;
}

static void scan_block(struct lane *l, struct segment *s, const struct segment_block *block)
{
    for (size_t i = 0; s->is_recovered && i < block->count; i++) {
        const struct segment_entry *e = &block->entries[i];
        uint64_t sequence = block->chunk * SEQMAP_ENTRIES + e->slot;
        if (!e->message.is_persistent || !pager_is_live(s, sequence) ||
            !pager_may_have(l, sequence))
            continue;
        if (e->deadline_ms)
            backlog_restore_on_disk(&l->backlog, sequence, e->deadline_ms, e->message.body.n,
                                    false);
        if (l->owner->wants_found)
            l->owner->calls->found(l->owner, lane_position(l, sequence), e->message.header,
                                   e->message.body.n, true);
    }
}

/* Returns how many of these bytes can be skipped: they begin with a broken block, and no valid
 * block begins in the bytes skipped. */
static uint64_t broken_bytes(const struct lane *l, const struct segment *s, struct slice bytes)
{
    uint64_t at = s->indexed_bytes, found;
    if (segment_find_block(bytes, l->id, s->number, at, &found))
        return found - at;
    bool is_more = bytes.n > SEGMENT_BLOCK_HEADER_BYTES && at + bytes.n < s->bytes;
    /* A block may begin in the last bytes. */
    return is_more ? bytes.n - SEGMENT_BLOCK_HEADER_BYTES : s->bytes - at;
}

/* Goes through the blocks in these bytes. Broken ones are skipped; they are logged when the lane
 * itself reads them. */
static void scan_blocks(struct lane *l, struct segment *s, struct slice bytes)
{
    struct segment_block block;
    while (bytes.n > 0 && s->indexed_bytes < s->bytes) {
        uint64_t at = s->indexed_bytes, size = 0;
        enum segment_result result = segment_read_block(bytes, l->id, s->number, at, &block, &size);
        if (result == SEGMENT_SHORT && at + bytes.n < s->bytes) {
            l->pager->scan_bytes = size;
            return;
        }
        if (result == SEGMENT_BLOCK) {
            scan_block(l, s, &block);
            pager_index_block(s, block.chunk, at, size);
        } else if (result == SEGMENT_BROKEN) {
            size = broken_bytes(l, s, bytes);
            s->indexed_bytes += size;
        } else {
            s->indexed_bytes = s->bytes;
        }
        size = size < bytes.n ? size : bytes.n;
        bytes = slice_of(bytes.p + size, bytes.n - (size_t)size);
        if (result == SEGMENT_BROKEN && bytes.n <= SEGMENT_BLOCK_HEADER_BYTES)
            break; /* these few are read again, with the bytes after them */
    }
    l->pager->scan_bytes = 0;
}

/* Takes what a scan has read. A read that failed is tried again later: without end if it may
 * succeed, otherwise a few times. */
static void scan_take(struct lane *l, struct segment *s, struct pager_ask *r)
{
    struct pager *p = l->pager;
    bool has_failed = r->error || r->bytes.n == 0;
    if (has_failed && (pager_may_pass(r->error) || ++p->scan_failures < SCAN_FAILURES_MAX)) {
        p->is_scan_waiting = true;
        journal_try_again(l);
    } else if (has_failed) {
        s->indexed_bytes = s->bytes;
    } else {
        scan_blocks(l, s, lv_buffer_slice(&r->bytes));
    }
}

static void on_scan(struct lane *l, struct segment *s, struct pager_ask *r)
{
    if (!l->pager || !pager_files(l))
        return;
    l->pager->is_scanning = false;
    pager_hold_segments(l);
    if (s)
        scan_take(l, s, r);
    pager_release_segments(l);
    pager_scan(l);
    l->owner->calls->fetched(l->owner, true);
}

bool pager_must_scan(const struct lane *l)
{
    return l->pager && l->pager->has_unknown_deadlines;
}

/* Scans kept pieces, which are not in the file yet, as long as one continues what has been scanned.
 * Returns the first kept piece that is further on in the file, or NULL. */
static const struct piece *scan_kept_pieces(struct lane *l, struct segment *s)
{
    for (;;) {
        uint64_t at = s->indexed_bytes;
        const struct piece *kept = pager_kept_piece(l->pager, s->number, at);
        if (!kept || kept->offset > at)
            return kept;
        size_t from = (size_t)(at - kept->offset);
        scan_blocks(l, s, slice_of(kept->bytes.p + from, kept->n - from));
        lv_assert(s->indexed_bytes > at); /* whole blocks */
    }
}

static void scan_next(struct lane *l)
{
    struct pager *p = l->pager;
    for (size_t i = 0; i < p->count; i++) {
        struct segment *s = p->segments[i];
        const struct piece *kept = scan_kept_pieces(l, s);
        if (s->indexed_bytes >= s->bytes)
            continue;
        uint64_t left = (kept ? kept->offset : s->bytes) - s->indexed_bytes;
        uint64_t bytes = p->scan_bytes > SCAN_BYTES ? p->scan_bytes : SCAN_BYTES;
        p->is_scanning = true;
        pager_read_segment(l, s,
                           &(struct pager_ask){.offset = s->indexed_bytes,
                                               .bytes_asked = left < bytes ? left : bytes,
                                               .done = on_scan});
        return;
    }
    p->has_unknown_deadlines = false;
}

void pager_scan(struct lane *l)
{
    lane_assert_home(l);
    struct pager *p = l->pager;
    if (!p || p->is_scanning || p->is_scan_waiting || !pager_files(l))
        return;
    pager_hold_segments(l);
    scan_next(l);
    pager_release_segments(l);
}

void pager_find_log_only(struct lane *l)
{
    lane_assert_home(l);
    const struct pager *p = l->pager;
    for (size_t i = p ? p->log_only_first : 0; p && i < p->log_only_count; i++) {
        const struct log_only *s = &p->log_only[i];
        if (s->message)
            l->owner->calls->found(l->owner, lane_position(l, s->sequence),
                                   message_header(s->message), s->message->body_bytes,
                                   s->message->is_persistent);
    }
}
