/* Single messages from the disk, out of their order: those whose deadline has come.
 *
 * A message is found by its chunk: the segment's list of blocks says where in the file the chunk's
 * blocks are. The chunk's other messages that are due within a short time are read along with it,
 * and kept (pager_fetched.c). A message that is not found where it should be is lost. */
#include "paging/pager_fetch_private.h"

#include "base/search.h"

enum { READS_MAX = 64 }; /* under way for pager_fetch(), of one lane */

/* --- from blocks to messages ------------------------------------------------------------------ */

bool pager_find_blocks(const struct segment *s, uint64_t chunk, uint64_t *ret_from,
                       uint64_t *ret_to)
{
    size_t first;
    LV_LOWER_BOUND(first, s->block_count, i, s->blocks[i].chunk < chunk);
    if (first == s->block_count || s->blocks[first].chunk != chunk)
        return false;
    size_t end = first;
    while (end < s->block_count && s->blocks[end].chunk == chunk)
        end++;
    *ret_from = s->blocks[first].offset;
    *ret_to = end < s->block_count ? s->blocks[end].offset : s->indexed_bytes;
    return true;
}

static void report_damage(const struct lane *l, struct segment *s, uint64_t offset)
{
    if (s->is_damage_told)
        return;
    s->is_damage_told = true;
    pager_damage(l, s, offset,
                 "cannot be read; the messages due from it are lost and counted in the queue's "
                 "messages_lost; this will not be reported again for this segment");
}

/* Keeps what is wanted from the blocks in `bytes`, which were read at `offset`. Only chunks that
 * are being read count; a broken block is skipped, and its messages are lost. */
static void take_blocks(struct lane *l, struct segment *s, uint64_t offset, struct slice bytes)
{
    struct segment_block block;
    uint64_t size;
    if (bytes.n == 0)
        report_damage(l, s, offset);
    size_t i;
    LV_LOWER_BOUND(i, s->block_count, k, s->blocks[k].offset < offset);
    for (; i < s->block_count; i++) {
        const struct block_start *at = &s->blocks[i];
        if (at->offset >= offset + bytes.n)
            return;
        struct fetched_chunk *f = pager_fetched_chunk(l->pager->fetches, at->chunk);
        size_t skip = (size_t)(at->offset - offset);
        struct slice from = slice_of(bytes.p + skip, bytes.n - skip);
        if (!f || !f->is_reading)
            continue;
        if (segment_read_block(from, l->id, s->number, at->offset, &block, &size) == SEGMENT_BLOCK)
            pager_fetched_keep(l, f, &block);
        else
            report_damage(l, s, at->offset);
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

void pager_read_run(struct lane *l, const struct fetch_run *run, pager_ask_done *done)
{
    lv_assert(run->from < run->to && run->first <= run->last);
    pager_read_segment(l, run->segment,
                       &(struct pager_ask){.first_chunk = run->first,
                                           .last_chunk = run->last,
                                           .offset = run->from,
                                           .bytes_asked = run->to - run->from,
                                           .done = done});
}

void pager_run_arrived(struct lane *l, struct segment *s, struct pager_ask *ask)
{
    bool may_come_later = !s || pager_may_pass(ask->error);
    if (!may_come_later)
        take_blocks(l, s, ask->offset, lv_buffer_slice(&ask->bytes));
    for (uint64_t c = ask->first_chunk; c <= ask->last_chunk; c++) {
        const struct fetched_chunk *f = pager_fetched_chunk(l->pager->fetches, c);
        if (!f || !f->is_reading)
            continue;
        if (may_come_later)
            pager_fetched_remove(l->pager->fetches, c); /* asked for again if it is still wanted */
        else
            pager_fetched_end(l, c);
    }
    if (s && may_come_later)
        journal_try_again(l);
}

bool pager_take_kept(struct lane *l, const struct fetch_run *run)
{
    lv_assert(run->first == run->last);
    const struct piece *kept = pager_kept_piece(l->pager, run->segment->number, run->from);
    if (!kept || kept->offset > run->from || run->to > kept->offset + kept->n)
        return false;
    size_t skip = (size_t)(run->from - kept->offset);
    take_blocks(l, run->segment, run->from,
                slice_of(kept->bytes.p + skip, (size_t)(run->to - run->from)));
    pager_fetched_end(l, run->first);
    return true;
}

/* --- single messages -------------------------------------------------------------------------- */

static void on_single(struct lane *l, struct segment *s, struct pager_ask *ask)
{
    if (!l->pager || !pager_files(l))
        return;
    lv_assert(l->pager->fetches->reads > 0);
    l->pager->fetches->reads--;
    pager_run_arrived(l, s, ask);
    l->owner->calls->fetched(l->owner, false);
}

/* Begins to read the chunk, or takes it out of a piece that is not written yet. Returns false if
 * the segment does not have the chunk. */
static bool fetch_begin(struct lane *l, struct segment *s, uint64_t chunk, uint64_t until_ms)
{
    struct fetches *all = l->pager->fetches;
    struct fetch_run run = {.segment = s, .first = chunk, .last = chunk};
    if (!pager_find_blocks(s, chunk, &run.from, &run.to))
        return false;
    pager_fetched_begin(all, chunk,
                        until_ms > all->ahead.until_ms ? until_ms : all->ahead.until_ms);
    if (pager_take_kept(l, &run))
        return true;
    all->reads++;
    pager_read_run(l, &run, on_single);
    return true;
}

static bool fetches_can_begin(struct fetches *all, bool is_new_chunk)
{
    if (all->reads >= READS_MAX)
        return false;
    return !is_new_chunk || pager_fetched_has_room(all, 0, 0) || pager_fetched_evict(all);
}

bool pager_fetch(struct lane *l, uint64_t sequence, uint64_t until_ms, struct message **ret)
{
    lane_assert_home(l);
    struct pager *p = l->pager;
    uint64_t chunk = sequence / SEQMAP_ENTRIES;
    struct log_only *found = p ? pager_log_only(p, sequence) : NULL;
    *ret = found ? message_ref(found->message) : NULL;
    if (*ret)
        return true;
    struct segment *s = p && pager_files(l) ? pager_segment_of(p, sequence) : NULL;
    if (!s)
        return false;
    struct fetches *all = pager_fetches_of(p);
    *ret = pager_fetched_message(all, sequence);
    if (*ret)
        return true;
    const struct fetched_chunk *f = pager_fetched_chunk(all, chunk);
    if (f && f->is_reading)
        return true;
    if (f && backlog_deadline(&l->backlog, sequence) <= f->until_ms)
        return false; /* its chunk was read, and the message was not there */
    if (s->indexed_bytes < s->bytes) {
        pager_scan(l);
        return true;
    }
    if (!fetches_can_begin(all, !f))
        return true; /* the owner asks again when another read has arrived */
    if (!fetch_begin(l, s, chunk, until_ms))
        return false;
    *ret = pager_fetched_message(all, sequence);
    f = pager_fetched_chunk(all, chunk);
    return *ret || (f && f->is_reading);
}
