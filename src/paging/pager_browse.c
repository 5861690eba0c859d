/* Reads segments front to back for a browse, and changes nothing.
 *
 *   (1) An entry of a block counts only while its message is only on disk. This is checked when the
 *       reader comes to the entry: since the block was read, the message may have been paged in,
 *       delivered or dropped.
 *   (2) A segment may be removed while it is read. Then what was read of it is discarded, and the
 *       cursor's position is found again by its sequence number.
 *   (3) Entries of messages that are in memory, too, are passed. When such messages are paged out,
 *       nothing is written, so the cursor goes back to the block of the message it found last.
 *   (4) The reader holds one piece, of PIECE_BYTES or of one block if that is larger. */
#include "paging/pager_private.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/search.h"

enum { PIECE_BYTES = 256 * 1024, RETRY_MS = 100 };

struct pager_reader {
    unsigned refs; /* one of the owner, and one of a read under way */
    struct loop *home;
    void (*wake)(void *arg); /* NULL: the owner has freed it */
    void *arg;
    struct loop_timer retry;
    /* The piece that is held: the bytes of a lane's file from `offset` on. */
    uint64_t lane_id;
    uint64_t number; /* 0: there is none */
    uint64_t offset;
    struct lv_buffer bytes;
    uint64_t asked_bytes;  /* the piece has fewer only at the end of the file */
    uint64_t block_offset; /* of the block in `block` */
    uint64_t block_bytes;  /* 0: there is none */
    size_t entry;          /* the next one of the block to look at */
    struct segment_block block;
    uint64_t want_bytes; /* size of the next piece, if a block is larger than PIECE_BYTES */
    bool is_reading;
};

/* --- its life --------------------------------------------------------------------------------- */

static void on_retry(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    struct pager_reader *r = lv_container_of(timer, struct pager_reader, retry);
    r->wake(r->arg);
}

struct pager_reader *pager_reader_create(struct loop *home, void (*wake)(void *arg), void *arg)
{
    lv_assert(!loop_current() || loop_current() == home);
    lv_assert(wake);
    struct pager_reader *r = lv_calloc(1, sizeof *r);
    r->refs = 1;
    r->home = home;
    r->wake = wake;
    r->arg = arg;
    loop_timer_init(&r->retry, on_retry);
    return r;
}

void pager_reader_rest(struct pager_reader *r)
{
    lv_buffer_free(&r->bytes);
    r->number = 0;
    r->block_bytes = 0;
    r->want_bytes = 0;
}

static void reader_unref(struct pager_reader *r)
{
    lv_assert(r->refs > 0);
    if (--r->refs == 0)
        free(r);
}

void pager_reader_free(struct pager_reader **reader)
{
    struct pager_reader *r = *reader;
    *reader = NULL;
    if (!r)
        return;
    pager_reader_rest(r);
    loop_timer_stop(r->home, &r->retry);
    r->wake = NULL;
    reader_unref(r);
}

/* --- pieces ----------------------------------------------------------------------------------- */

static void piece_set(struct pager_reader *r, const struct lane *l, uint64_t number,
                      uint64_t offset)
{
    r->lane_id = l->id;
    r->number = number;
    r->offset = offset;
    r->block_bytes = 0;
}

static void piece_take(struct pager_reader *r, const struct lane *l, struct pager_ask *ask)
{
    if (ask->failures != l->pager->failures)
        return; /* what was read is void, and is asked for again */
    if (pager_may_pass(ask->error)) {
        loop_timer_start(r->home, &r->retry, RETRY_MS);
        return;
    }
    piece_set(r, l, ask->number, ask->offset); /* empty if it cannot be read */
    r->asked_bytes = ask->bytes_asked;
    r->bytes = ask->bytes;
    ask->bytes = (struct lv_buffer){0};
}

static void on_piece(struct lane *l, struct segment *s, struct pager_ask *ask)
{
    struct pager_reader *r = ask->reader;
    r->is_reading = false;
    if (r->wake && s)
        piece_take(r, l, ask);
    if (r->wake && !loop_timer_is_running(&r->retry))
        r->wake(r->arg);
    reader_unref(r);
}

/* Asks for the piece that begins at this offset. Returns true if it is in memory, because it has
 * not been written to the file yet, and was taken at once. */
static bool piece_ask(struct pager_reader *r, struct lane *l, struct segment *s, uint64_t offset)
{
    struct pager *p = l->pager;
    lv_assert(!r->is_reading);
    uint64_t bytes = r->want_bytes > PIECE_BYTES ? r->want_bytes : PIECE_BYTES;
    pager_reader_rest(r);
    if (s == p->writing)
        pager_flush(l);
    const struct piece *kept = pager_kept_piece(p, s->number, offset);
    if (kept && kept->offset <= offset) {
        size_t from = (size_t)(offset - kept->offset);
        piece_set(r, l, s->number, offset);
        lv_buffer_add(&r->bytes, kept->bytes.p + from, kept->n - from);
        r->asked_bytes = r->bytes.n;
        return true;
    }
    uint64_t left = (kept ? kept->offset : s->bytes) - offset;
    bytes = left < bytes ? left : bytes;
    r->refs++;
    r->is_reading = true;
    pager_read_segment(
        l, s,
        &(struct pager_ask){.offset = offset, .bytes_asked = bytes, .reader = r, .done = on_piece});
    return false;
}

/* --- blocks ----------------------------------------------------------------------------------- */

static bool has_piece_at(const struct pager_reader *r, const struct lane *l,
                         const struct segment *s, uint64_t offset)
{
    return r->number == s->number && r->lane_id == l->id && offset >= r->offset &&
           offset - r->offset <= r->bytes.n;
}

/* Parses the block at cursor->offset, which is in the piece, into r->block: READER_FOUND.
 * READER_WAIT: another piece is needed. READER_END: no valid block is there, and the cursor has
 * moved on. */
static enum pager_reader_result block_next(struct pager_reader *r, const struct lane *l,
                                           const struct segment *s,
                                           struct pager_reader_cursor *cursor)
{
    size_t at = (size_t)(cursor->offset - r->offset);
    struct slice bytes = slice_of(r->bytes.p + at, r->bytes.n - at);
    bool is_last = cursor->offset + bytes.n >= s->bytes || r->bytes.n < r->asked_bytes;
    uint64_t size = 0, found;
    if (r->bytes.n == 0) { /* the piece could not be read */
        cursor->offset = s->bytes;
        return READER_END;
    }
    switch (segment_read_block(bytes, l->id, s->number, cursor->offset, &r->block, &size)) {
    case SEGMENT_BLOCK:
        r->block_offset = cursor->offset;
        r->block_bytes = size;
        r->entry = 0;
        return READER_FOUND;
    case SEGMENT_SHORT:
        if (!is_last) {
            r->want_bytes = size;
            return READER_WAIT;
        }
        cursor->offset = s->bytes;
        return READER_END;
    case SEGMENT_BROKEN:
        if (segment_find_block(bytes, l->id, s->number, cursor->offset, &found))
            cursor->offset = found;
        else if (!is_last && bytes.n > SEGMENT_BLOCK_HEADER_BYTES)
            cursor->offset += bytes.n - SEGMENT_BLOCK_HEADER_BYTES;
        else
            cursor->offset += bytes.n;
        return READER_END;
    }
    lv_unreachable();
}

static bool entry_counts(const struct lane *l, const struct segment *s,
                         const struct segment_entry *e, uint64_t sequence)
{
    if (s->is_recovered && (!e->message.is_persistent || !pager_is_live(s, sequence)))
        return false;
    return pager_is_on_disk_alone(l, sequence) && !backlog_is_gone_on_disk(&l->backlog, sequence);
}

/* Finds the first entry of r->block, from sequence number `from` on, that is wanted. */
static bool entry_find(struct pager_reader *r, const struct lane *l, const struct segment *s,
                       uint64_t from, bool with_unacked, struct pager_found *ret)
{
    const struct backlog *b = &l->backlog;
    for (; r->entry < r->block.count; r->entry++) {
        const struct segment_entry *e = &r->block.entries[r->entry];
        uint64_t sequence = r->block.chunk * SEQMAP_ENTRIES + e->slot;
        if (sequence < from || !entry_counts(l, s, e, sequence))
            continue;
        bool is_unacked = pager_is_unacked_on_disk(l, sequence);
        if (is_unacked && !with_unacked)
            continue;
        *ret = (struct pager_found){
            .sequence = sequence,
            .redelivered = e->redelivered || sequence < l->pager->recovered_below ||
                           sequence < b->delivered_below,
            .is_unacked = is_unacked,
            .deadline_ms = e->deadline_ms,
            .parts = e->message,
        };
        return true;
    }
    return false;
}

/* --- segments --------------------------------------------------------------------------------- */

/* Returns the offset at which to begin reading to find this sequence number: that of the last block
 * known to be before it. The list may lack blocks after that one, which a scan could not read. */
static uint64_t segment_begin(const struct segment *s, uint64_t from)
{
    size_t next;
    LV_LOWER_BOUND(next, s->block_count, i, s->blocks[i].chunk < from / SEQMAP_ENTRIES);
    uint64_t offset = next > 0 ? s->blocks[next - 1].offset : 0;
    return offset > s->load_offset ? offset : s->load_offset;
}

/* Returns the segment in which to look for messages from this sequence number on: the one that the
 * cursor is in, or the next one. NULL: none is left. */
static struct segment *segment_choose(const struct pager *p, struct pager_reader_cursor *cursor,
                                      uint64_t from)
{
    for (;;) {
        uint64_t behind = from > cursor->passed ? from : cursor->passed;
        size_t at = pager_segment_index(p, behind);
        struct segment *s = at < p->count ? p->segments[at] : NULL;
        if (!s)
            return NULL;
        if (s->number != cursor->number) {
            cursor->number = s->number;
            cursor->offset = segment_begin(s, from);
        }
        if (cursor->offset < s->load_offset)
            cursor->offset = s->load_offset;
        if (cursor->offset < s->bytes)
            return s;
        cursor->passed = s->end_sequence;
    }
}

/* Returns the first log-only message from sequence number `from` on that is wanted, or NULL. */
static const struct log_only *log_only_next(const struct lane *l, uint64_t from, bool with_unacked)
{
    const struct pager *p = l->pager;
    for (size_t i = pager_log_only_from(p, from); i < p->log_only_count; i++) {
        const struct log_only *s = &p->log_only[i];
        if (s->message && pager_is_on_disk_alone(l, s->sequence) &&
            (with_unacked || !pager_is_unacked_on_disk(l, s->sequence)))
            return s;
    }
    return NULL;
}

/* Moves the cursor back, if messages that it passed while they were in memory are only on disk
 * now. */
static void cursor_go_back(const struct pager *p, struct pager_reader_cursor *cursor)
{
    if (cursor->copies_paged == p->copies_paged)
        return;
    cursor->copies_paged = p->copies_paged;
    cursor->number = cursor->found_number;
    cursor->offset = cursor->found_offset;
    cursor->passed = 0;
}

/* Does what pager_reader_find() does, for messages that are in segments. */
static enum pager_reader_result find_stored(struct pager_reader *r, struct lane *l,
                                            struct pager_reader_cursor *cursor, uint64_t from,
                                            bool with_unacked, struct pager_found *ret)
{
    struct segment *s;
    if (r->is_reading || loop_timer_is_running(&r->retry))
        return READER_WAIT;
    cursor_go_back(l->pager, cursor);
    if (cursor->from != from) {
        cursor->from = from;
        cursor->passed = 0;
    }
    while ((s = segment_choose(l->pager, cursor, from)) != NULL) {
        bool has_block = r->block_bytes > 0 && r->number == s->number && r->lane_id == l->id &&
                         r->block_offset == cursor->offset;
        if (!has_block) {
            enum pager_reader_result result = READER_WAIT;
            if (has_piece_at(r, l, s, cursor->offset))
                result = block_next(r, l, s, cursor);
            if (result == READER_END)
                continue;
            if (result == READER_WAIT && !piece_ask(r, l, s, cursor->offset))
                return READER_WAIT;
            if (result == READER_WAIT)
                continue;
        }
        if (entry_find(r, l, s, from, with_unacked, ret))
            return READER_FOUND;
        cursor->offset += r->block_bytes;
        r->block_bytes = 0;
    }
    return READER_END;
}

uint64_t pager_disk_from(const struct lane *l)
{
    uint64_t begin = l->backlog.disk_begin * SEQMAP_ENTRIES;
    return l->pager && l->pager->loaded_below > begin ? l->pager->loaded_below : begin;
}

enum pager_reader_result pager_reader_find(struct pager_reader *r, struct lane *l,
                                           struct pager_reader_cursor *cursor, uint64_t from,
                                           bool with_unacked, struct pager_found *ret)
{
    lane_assert_home(l);
    if (!l->pager || !pager_files(l) || !backlog_has_disk(&l->backlog))
        return READER_END;
    enum pager_reader_result result = find_stored(r, l, cursor, from, with_unacked, ret);
    if (result == READER_WAIT)
        return result;
    const struct log_only *found = log_only_next(l, from, with_unacked);
    bool is_stored = result == READER_FOUND && (!found || ret->sequence < found->sequence);
    if (is_stored) {
        cursor->found_number = cursor->number;
        cursor->found_offset = cursor->offset;
    }
    if (is_stored || !found)
        return result;
    *ret = (struct pager_found){
        .sequence = found->sequence,
        .redelivered = found->redelivered,
        .is_unacked = pager_is_unacked_on_disk(l, found->sequence),
        .deadline_ms = backlog_deadline(&l->backlog, found->sequence),
        .log_only = found->message,
    };
    return READER_FOUND;
}
