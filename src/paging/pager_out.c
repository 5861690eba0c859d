/* From memory to disk: whole chunks are appended to segments.
 *
 * Bytes are collected in `pending` and handed to the store's thread in pieces. A piece that cannot
 * be written for want of room or descriptors is kept, with all pieces after it, and written again
 * later. After any other failure the lane pages out nothing more: its messages stay in memory. */
#define LOG_CATEGORY LOG_ABOUT_QUEUE

#include "paging/pager_private.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

enum { SHORT_DIVISOR = 16, LANES_DIVISOR = 4, DIVISOR_MAX = 32 };

bool pager_may_pass(int error)
{
    return error == ERR_NO_SPACE || error == ERR_NO_DESCRIPTORS || error == ERR_NO_MEMORY;
}

struct segment *pager_segment_numbered(const struct pager *p, uint64_t number)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->segments[i]->number == number)
            return p->segments[i];
    }
    return NULL;
}

void pager_fail_writing(struct lane *l, int error)
{
    lane_assert_home(l);
    lv_assert(error < 0);
    if (l->pager->is_failed)
        return;
    l->pager->is_failed = true;
    l->pager->wants_snapshot = true; /* for ever: no snapshot can be taken */
    const struct lane_label label = lane_label(l);
    log_error("queue '%.*s' in vhost '%.*s': cannot write to its segment: %s; from now on its "
              "messages stay in memory, and persistent messages are refused",
              SLICE_ARG(label.name), SLICE_ARG(label.vhost), lv_error_text(error));
    journal_segments_failed(journal_of(l->owner->home));
}

static void written_mail(struct loop *at, struct mail *mail)
{
    struct piece *piece = mail->a;
    struct lane *l = piece->lane;
    struct pager *p = l->pager;
    if (!p) {
        pager_piece_free(piece);
    } else if (piece->error == 0 || !pager_segment_numbered(p, piece->number)) {
        pager_piece_end(p, piece);
    } else {
        /* ERR_NOT_FOUND: the piece that would have created the file could not be written, and is
         * kept. */
        bool is_late = piece->error == ERR_NOT_FOUND && piece->offset > 0;
        piece->lane = NULL;
        pager_piece_keep(p, piece);
        p->failures++;
        if (journal_of(at) && (pager_may_pass(piece->error) || is_late))
            journal_try_again(l);
        else if (journal_of(at))
            pager_fail_writing(l, piece->error);
    }
    lane_unref(&l);
}

/* On the store's thread. */
static void piece_is_written(void *arg, int error, struct lv_buffer *read)
{
    struct piece *piece = arg;
    piece->error = error;
    if (read) {
        piece->bytes = *read;
        *read = (struct lv_buffer){0};
    }
    struct mail mail = {.deliver = written_mail, .a = piece};
    loop_mail_from_outside(piece->home, &mail);
}

static void piece_send(struct lane *l, struct piece *piece)
{
    lv_assert(!piece->lane);
    piece->lane = lane_ref(l);
    segments_write(pager_files(l), l->id, piece->number, piece->offset, &piece->bytes,
                   piece_is_written, piece);
}

void pager_flush(struct lane *l)
{
    lane_assert_home(l);
    struct pager *p = l->pager;
    if (!p->writing || p->pending.n == 0)
        return;
    struct piece *piece = lv_calloc(1, sizeof *piece);
    *piece = (struct piece){.home = l->owner->home,
                            .number = p->writing->number,
                            .offset = p->writing->bytes - p->pending.n,
                            .n = p->pending.n,
                            .bytes = p->pending};
    p->pending = (struct lv_buffer){0};
    p->flight_bytes += piece->n;
    if (p->kept_count == 0)
        piece_send(l, piece);
    else
        pager_piece_keep(p, piece); /* after those that could not be written */
}

void pager_try_again(struct lane *l)
{
    lane_assert_home(l);
    struct pager *p = l->pager;
    if (!p || p->is_failed || !pager_files(l))
        return;
    size_t count = p->kept_count;
    p->kept_count = 0;
    for (size_t i = 0; i < count; i++)
        piece_send(l, p->kept[i]);
    if (p->wants_snapshot)
        pager_snapshot(l);
    if (p->is_scan_waiting) {
        p->is_scan_waiting = false;
        pager_scan(l);
    }
    lane_ready(l);
}

/* Returns the segment to which a message with this number can be appended; makes one if need be. */
static struct segment *segment_for(struct lane *l, uint64_t sequence)
{
    struct pager *p = l->pager;
    if (p->writing && sequence >= p->writing->end_sequence &&
        p->writing->bytes < pager_limits_of(l)->segment_bytes) {
        /* Segments do not overlap: no other one may begin before this number. */
        size_t next = pager_segment_index(p, p->writing->end_sequence);
        if (next == p->count || p->segments[next]->first_sequence > sequence)
            return p->writing;
    }
    pager_flush(l);
    p->writing = pager_segment_add(p, sequence, p->next_number);
    return p->writing;
}

static void append_block(struct lane *l, struct segment *s, const struct segment_block *block,
                         bool is_copy)
{
    struct pager *p = l->pager;
    if (p->pending.capacity == 0)
        lv_buffer_reserve(&p->pending, pager_limits_of(l)->write_bytes * 5 / 4);
    size_t before = p->pending.n;
    bool is_loaded = s->load_offset == s->bytes;
    segment_put_block(&p->pending, l->id, s->number, s->bytes, block);
    if (l->backlog.timed > 0)
        pager_index_block(s, block->chunk, s->bytes, p->pending.n - before);
    s->bytes += p->pending.n - before;
    if (is_copy && is_loaded)
        s->load_offset = s->bytes; /* its messages stay in memory: nothing to read */
    s->end_sequence = block->chunk * SEQMAP_ENTRIES + block->entries[block->count - 1].slot + 1;
    if (p->pending.n >= pager_limits_of(l)->write_bytes)
        pager_flush(l);
}

struct log_message pager_message_parts(const struct lane *l, const struct message *m)
{
    return (struct log_message){
        .exchange = message_exchange(m),
        .routing_key = message_routing_key(m),
        .header = message_header(m),
        .body = message_body(m),
        .is_persistent = backlog_stores(&l->backlog, m),
        .format = m->format,
    };
}

static void count_stored(struct lane *l, struct segment *s, const struct message *m)
{
    bool is_persistent = backlog_stores(&l->backlog, m);
    lane_count_written(l);
    s->entries++;
    s->live++;
    s->persistent_live += is_persistent;
    s->persistent_bytes += is_persistent ? m->body_bytes : 0;
}

/* Returns the first sequence number of the next segment; UINT64_MAX if this is the last one. */
static uint64_t segment_room_end(const struct pager *p, const struct segment *s)
{
    size_t next = pager_segment_index(p, s->end_sequence);
    return next < p->count ? p->segments[next]->first_sequence : UINT64_MAX;
}

uint64_t pager_storable(struct lane *l, uint64_t c, const struct backlog_chunk *chunk)
{
    uint64_t slots = 0;
    for (uint64_t live = chunk->live & ~chunk->stored; live; live &= live - 1) {
        unsigned slot = (unsigned)__builtin_ctzll(live);
        if (!pager_segment_of(l->pager, c * SEQMAP_ENTRIES + slot))
            slots |= 1ull << slot;
    }
    return slots;
}

void pager_store_slots(struct lane *l, uint64_t c, struct backlog_chunk *chunk, uint64_t slots,
                       bool is_copy)
{
    lane_assert_home(l);
    lv_assert((slots & ~chunk->live) == 0);
    const size_t bytes_max = pager_limits_of(l)->block_bytes;
    while (slots) {
        uint64_t first = c * SEQMAP_ENTRIES + (unsigned)__builtin_ctzll(slots);
        struct segment *s = segment_for(l, first);
        struct segment_block block = {.chunk = c};
        uint64_t bytes = 0;
        const uint64_t room_end = segment_room_end(l->pager, s);
        for (; slots && (block.count == 0 || bytes < bytes_max); slots &= slots - 1) {
            unsigned slot = (unsigned)__builtin_ctzll(slots);
            if (c * SEQMAP_ENTRIES + slot >= room_end)
                break;
            const struct message *m = chunk->messages[slot];
            block.entries[block.count++] = (struct segment_entry){
                .slot = slot,
                /* An unacked message may have reached a consumer. */
                .redelivered = ((chunk->redelivered | ~chunk->ready) >> slot & 1) != 0,
                .deadline_ms = backlog_deadline(&l->backlog, c * SEQMAP_ENTRIES + slot),
                .message = pager_message_parts(l, m),
            };
            bytes += message_memory(m);
            chunk->stored |= 1ull << slot;
            count_stored(l, s, m);
        }
        append_block(l, s, &block, is_copy);
    }
}

/* Returns whether the process is short of memory: each lane then keeps little. */
static bool memory_is_short(const struct lane *l)
{
    const _Atomic bool *is_short = journal_of(l->owner->home)->journal->is_short_of_memory;
    return atomic_load_explicit(is_short, memory_order_relaxed);
}

/* Returns by how much the limits are divided for each lane of an owner. The lanes of a queue with
 * priorities share a quarter of the limits, so that their messages, which are touched in random
 * order, fit into L2; of more than eight lanes, each gets what one of eight would get. */
static unsigned memory_divisor(const struct lane *l)
{
    unsigned count = l->owner->lane_count;
    if (count == 1)
        return 1;
    return count < DIVISOR_MAX / LANES_DIVISOR ? count * LANES_DIVISOR : DIVISOR_MAX;
}

static size_t memory_high(const struct lane *l)
{
    const struct pager_limits *limits = pager_limits_of(l);
    size_t bytes = limits->memory_high / memory_divisor(l);
    return memory_is_short(l) ? bytes / SHORT_DIVISOR : bytes;
}

static size_t memory_low(const struct lane *l)
{
    const struct pager_limits *limits = pager_limits_of(l);
    size_t bytes = limits->memory_low / memory_divisor(l);
    return memory_is_short(l) ? bytes / SHORT_DIVISOR : bytes;
}

/* Returns the first chunk to page out: if something is on disk, the one after that; otherwise the
 * first one after those that stay in memory for the consumers. */
static uint64_t first_to_page(const struct lane *l)
{
    const struct backlog *b = &l->backlog;
    const size_t stay = memory_low(l) / 2;
    if (backlog_has_disk(b))
        return b->disk_end;
    uint64_t bytes = 0;
    uint64_t c = b->cursor > b->chunks.first ? b->cursor : b->chunks.first;
    for (; c < b->chunks.end && bytes < stay; c++) {
        const struct backlog_chunk *chunk = backlog_chunk(b, c);
        for (uint64_t live = chunk ? chunk->live : 0; live; live &= live - 1)
            bytes += message_memory(chunk->messages[__builtin_ctzll(live)]);
    }
    return c;
}

/* Returns whether a segment may have copies of the chunk's messages, settled ones included. */
static bool may_have_copies(const struct pager *p, uint64_t chunk)
{
    size_t at = pager_segment_index(p, chunk * SEQMAP_ENTRIES);
    return at < p->count && p->segments[at]->first_sequence < (chunk + 1) * SEQMAP_ENTRIES;
}

/* Makes the segments that have copies of the chunk's messages, from an earlier snapshot, be read
 * again from their beginning: the copies become the only ones. Readers (pager_browse.c) go back,
 * too. */
static void copies_read_again(struct lane *l, uint64_t c, const struct backlog_chunk *chunk)
{
    for (uint64_t stored = chunk->stored; stored; stored &= stored - 1) {
        struct segment *s =
            pager_segment_of(l->pager, c * SEQMAP_ENTRIES + (unsigned)__builtin_ctzll(stored));
        if (s)
            s->load_offset = 0;
    }
    l->pager->copies_paged += chunk->stored != 0;
}

static bool can_page_out(const struct lane *l)
{
    const struct pager *p = l->pager;
    return !p->is_failed && p->snapshot == SNAPSHOT_NONE &&
           p->flight_bytes < pager_limits_of(l)->flight_bytes;
}

/* Pages a chunk out. Returns false if the chunk, and so all chunks after it, must stay in
 * memory. */
static bool chunk_page_out(struct lane *l, uint64_t c, struct backlog_chunk *chunk)
{
    struct backlog *b = &l->backlog;
    uint64_t slots = pager_storable(l, c, chunk);
    if (chunk->live != chunk->ready)
        return false; /* part of it is unacked */
    if (slots != (chunk->live & ~chunk->stored))
        return false; /* part of it is inside the range of a segment, but not stored in it */
    if (may_have_copies(l->pager, c)) {
        copies_read_again(l, c, chunk);
        backlog_meta_make(b, c); /* the meta says which of the copies are live */
    }
    pager_store_slots(l, c, chunk, slots, false);
    if (!backlog_has_disk(b))
        l->pager->loaded_below = 0;
    backlog_page_out(b, c);
    journal_paged_out(l);
    return true;
}

/* Counts a chunk in which nothing is live as on disk, if any chunk is on disk: those before this
 * one are then. */
static void gap_page_out(struct lane *l, uint64_t c)
{
    struct backlog *b = &l->backlog;
    if (!backlog_has_disk(b))
        return;
    if (may_have_copies(l->pager, c))
        backlog_page_gap(b, c);
    else
        b->disk_end = c + 1;
}

void pager_relieve(struct lane *l)
{
    struct backlog *b = &l->backlog;
    if (!journal_of(l->owner->home) || b->memory_bytes < memory_high(l))
        return;
    lane_assert_home(l);
    const size_t low = memory_low(l);
    pager_of(l);
    uint64_t growing = b->next_sequence / SEQMAP_ENTRIES;
    for (uint64_t c = first_to_page(l); c < growing && b->memory_bytes > low && can_page_out(l);
         c++) {
        struct backlog_chunk *chunk = backlog_chunk(b, c);
        if (!chunk)
            gap_page_out(l, c);
        else if (!chunk_page_out(l, c, chunk))
            return;
    }
}
