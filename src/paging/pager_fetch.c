/* Single messages from the disk, out of their order: those whose time has come.
 *
 * Messages due soon are prefetched: from time to time everything due within a horizon is read,
 * adjacent blocks in one read. The horizon shrinks until what it covers fits into
 * FETCHED_BYTES_MAX. */
#include "paging/pager_private.h"

#include <stdlib.h>

#include "base/memory.h"

enum {
    BUCKETS = 4096,      /* a power of two */
    FETCHES_MAX = 32768, /* chunks */
    FETCHED_BYTES_MAX = 16 * 1024 * 1024,
    READS_MAX = 64, /* under way, for single messages */
    RUNS_MAX = 4,   /* under way, ahead */
    RUN_BYTES = 256 * 1024,
    RUN_GAP_BYTES = 16 * 1024, /* read for nothing rather than with a second read */
    RUN_CHUNKS = 1024,
    HORIZON_MS_MIN = 200,
    HORIZON_MS_MAX = 8000,
    MESSAGE_BYTES = 256, /* what one costs besides its body, about */
};

/* Messages of one chunk, read before or when their time has come. */
struct fetching {
    struct fetching *next;
    uint64_t chunk;
    uint64_t until_ms; /* what is due up to then is here, or on its way */
    bool is_reading;
    uint64_t slots;
    struct message *messages[SEQMAP_ENTRIES]; /* owned, those of `slots` */
};

/* What is being read ahead: chunks, in order, up to `next` asked for. */
struct ahead {
    uint64_t horizon_ms;
    uint64_t until_ms; /* all that is on disk and due up to then has been asked for, or will be */
    uint64_t *chunks;
    size_t count, capacity, next;
    size_t runs;
};

struct fetches {
    struct fetching *buckets[BUCKETS]; /* lists, by chunk */
    size_t count;
    size_t bytes; /* of the messages that are here */
    size_t reads;
    unsigned next_victim;
    struct ahead ahead;
};

/* --- what has been fetched -------------------------------------------------------------------- */

static struct fetches *fetches_of(struct pager *p)
{
    if (!p->fetches) {
        p->fetches = lv_calloc(1, sizeof *p->fetches);
        p->fetches->ahead.horizon_ms = HORIZON_MS_MIN;
    }
    return p->fetches;
}

/* Where it stands, or would. */
static struct fetching **fetching_find(struct fetches *all, uint64_t chunk)
{
    struct fetching **at = &all->buckets[chunk & (BUCKETS - 1)];
    while (*at && (*at)->chunk != chunk)
        at = &(*at)->next;
    return at;
}

static struct fetching *fetching_of(struct fetches *all, uint64_t chunk)
{
    struct fetching **at = fetching_find(all, chunk);
    if (!*at) {
        *at = lv_calloc(1, sizeof **at);
        (*at)->chunk = chunk;
        all->count++;
    }
    return *at;
}

static void drop_message(struct fetches *all, struct fetching *f, unsigned slot)
{
    all->bytes -= message_memory(f->messages[slot]);
    f->slots &= ~(1ull << slot);
    message_unref(&f->messages[slot]);
}

static void fetching_free(struct fetches *all, struct fetching **at)
{
    struct fetching *f = *at;
    *at = f->next;
    while (f->slots)
        drop_message(all, f, (unsigned)__builtin_ctzll(f->slots));
    all->count--;
    free(f);
}

void pager_fetch_drop(struct pager *p)
{
    for (unsigned i = 0; p->fetches && i < BUCKETS; i++) {
        while (p->fetches->buckets[i])
            fetching_free(p->fetches, &p->fetches->buckets[i]);
    }
}

void pager_fetch_free(struct pager *p)
{
    if (!p->fetches)
        return;
    pager_fetch_drop(p);
    free(p->fetches->ahead.chunks);
    free(p->fetches);
    p->fetches = NULL;
}

void pager_fetch_forget(struct pager *p, uint64_t chunk)
{
    struct fetching **at = p->fetches ? fetching_find(p->fetches, chunk) : NULL;
    if (at && *at)
        fetching_free(p->fetches, at);
}

void pager_fetch_delivered(struct pager *p, uint64_t sequence)
{
    struct fetching **at = p->fetches ? fetching_find(p->fetches, sequence / SEQMAP_ENTRIES) : NULL;
    unsigned slot = (unsigned)(sequence % SEQMAP_ENTRIES);
    if (!at || !*at)
        return;
    if ((*at)->slots >> slot & 1)
        drop_message(p->fetches, *at, slot);
    if ((*at)->slots == 0 && !(*at)->is_reading)
        fetching_free(p->fetches, at);
}

static bool fetches_have_room(const struct fetches *all)
{
    return all->count < FETCHES_MAX && all->bytes < FETCHED_BYTES_MAX;
}

/* Something that is here makes room for what is asked for now. False when nothing is here. */
static bool fetches_evict(struct fetches *all)
{
    for (unsigned i = 0; i < BUCKETS; i++) {
        struct fetching **at = &all->buckets[all->next_victim++ & (BUCKETS - 1)];
        while (*at && (*at)->is_reading)
            at = &(*at)->next;
        if (!*at)
            continue;
        fetching_free(all, at);
        return true;
    }
    return false;
}

/* --- from blocks to messages ------------------------------------------------------------------ */

/* The run of blocks of this chunk: [*ret_from, *ret_to) in the file. False when it has none. */
static bool find_blocks(const struct segment *s, uint64_t chunk, uint64_t *ret_from,
                        uint64_t *ret_to)
{
    size_t low = 0, high = s->block_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->blocks[middle].chunk < chunk)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->block_count || s->blocks[low].chunk != chunk)
        return false;
    size_t end = low;
    while (end < s->block_count && s->blocks[end].chunk == chunk)
        end++;
    *ret_from = s->blocks[low].offset;
    *ret_to = end < s->block_count ? s->blocks[end].offset : s->indexed_bytes;
    return true;
}

/* The first block that begins at this offset or behind it. */
static size_t block_from(const struct segment *s, uint64_t offset)
{
    size_t low = 0, high = s->block_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->blocks[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void keep_entries(struct lane *l, struct fetching *f, const struct segment_block *block)
{
    struct fetches *all = l->pager->fetches;
    uint64_t wanted = backlog_due_on_disk(&l->backlog, f->chunk, f->until_ms) & ~f->slots;
    for (size_t i = 0; block->chunk == f->chunk && i < block->count; i++) {
        const struct segment_entry *e = &block->entries[i];
        if (!(wanted >> e->slot & 1))
            continue;
        f->messages[e->slot] = message_from_store(&e->message);
        if (!f->messages[e->slot])
            continue;
        f->slots |= 1ull << e->slot;
        l->counters->reads++;
        all->bytes += message_memory(f->messages[e->slot]);
    }
}

static void tell_of_damage(const struct lane *l, struct segment *s, uint64_t offset)
{
    if (s->is_damage_told)
        return;
    s->is_damage_told = true;
    pager_damage(l, s, offset,
                 "cannot be read; what is due of it is lost, and messages_lost of the queue counts "
                 "it; this will not be reported again for this segment");
}

/* Blocks as they stand in `bytes`, of those chunks that are being read; what is broken is passed
 * over, and is lost. */
static void take_blocks(struct lane *l, struct segment *s, uint64_t offset, struct slice bytes)
{
    struct segment_block block;
    uint64_t size;
    if (bytes.n == 0)
        tell_of_damage(l, s, offset);
    for (size_t i = block_from(s, offset); i < s->block_count; i++) {
        const struct block_start *at = &s->blocks[i];
        if (at->offset >= offset + bytes.n)
            return;
        struct fetching *f = *fetching_find(l->pager->fetches, at->chunk);
        size_t skip = (size_t)(at->offset - offset);
        struct slice from = slice_of(bytes.p + skip, bytes.n - skip);
        if (!f || !f->is_reading)
            continue;
        if (segment_read_block(from, l->id, s->number, at->offset, &block, &size) == SEGMENT_BLOCK)
            keep_entries(l, f, &block);
        else
            tell_of_damage(l, s, at->offset);
    }
}

/* It has been read. If messages that were asked for were not found, whoever asks hears of it. */
static void has_come(struct lane *l, struct fetching **at)
{
    struct fetching *f = *at;
    f->is_reading = false;
    if (f->slots == 0 && backlog_due_on_disk(&l->backlog, f->chunk, f->until_ms) == 0)
        fetching_free(l->pager->fetches, at);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Chunks whose blocks stand in one stretch of a segment, [from, to). */
struct run {
    struct segment *segment;
    uint64_t first, last;
    uint64_t from, to;
};

static void go_on_ahead(struct lane *l);

static void run_has_come(struct lane *l, struct segment *s, struct pager_ask *r)
{
    bool may_come_later = !s || pager_may_pass(r->error);
    if (!may_come_later)
        take_blocks(l, s, r->offset, lv_buffer_slice(&r->bytes));
    for (uint64_t c = r->first_chunk; c <= r->last_chunk; c++) {
        struct fetching **at = fetching_find(l->pager->fetches, c);
        if (!*at || !(*at)->is_reading)
            continue;
        if (may_come_later)
            fetching_free(l->pager->fetches, at); /* or it was settled, or is in memory */
        else
            has_come(l, at);
    }
    if (s && may_come_later)
        journal_try_again(l);
}

static void on_single(struct lane *l, struct segment *s, struct pager_ask *r)
{
    if (!l->pager || !pager_files(l))
        return;
    l->pager->fetches->reads--;
    run_has_come(l, s, r);
    l->owner->calls->fetched(l->owner, false);
}

static void on_run(struct lane *l, struct segment *s, struct pager_ask *r)
{
    if (!l->pager || !pager_files(l))
        return;
    l->pager->fetches->ahead.runs--;
    run_has_come(l, s, r);
    go_on_ahead(l);
    l->owner->calls->fetched(l->owner, false);
}

static void read_run(struct lane *l, const struct run *run,
                     void (*done)(struct lane *, struct segment *, struct pager_ask *))
{
    pager_read_segment(l, run->segment,
                       &(struct pager_ask){.first_chunk = run->first,
                                           .last_chunk = run->last,
                                           .offset = run->from,
                                           .bytes_asked = run->to - run->from,
                                           .done = done});
}

/* What could not be written yet is not in the file. Whether it was this. */
static bool take_kept(struct lane *l, const struct run *run)
{
    const struct piece *kept = pager_kept_piece(l->pager, run->segment->number, run->from);
    if (!kept || kept->offset > run->from || run->to > kept->offset + kept->n)
        return false;
    size_t skip = (size_t)(run->from - kept->offset);
    take_blocks(l, run->segment, run->from,
                slice_of(kept->bytes.p + skip, (size_t)(run->to - run->from)));
    has_come(l, fetching_find(l->pager->fetches, run->first));
    return true;
}

/* --- single messages -------------------------------------------------------------------------- */

/* Asks for the chunk. False: the segment does not have it. */
static bool start_fetch(struct lane *l, struct segment *s, uint64_t chunk, uint64_t until_ms)
{
    struct fetches *all = l->pager->fetches;
    struct run run = {.segment = s, .first = chunk, .last = chunk};
    if (!find_blocks(s, chunk, &run.from, &run.to))
        return false;
    struct fetching *f = fetching_of(all, chunk);
    f->until_ms = until_ms > all->ahead.until_ms ? until_ms : all->ahead.until_ms;
    f->is_reading = true;
    if (take_kept(l, &run))
        return true;
    all->reads++;
    read_run(l, &run, on_single);
    return true;
}

/* What has been fetched: a message, or NULL. */
static struct message *fetches_find(struct fetches *all, uint64_t sequence)
{
    const struct fetching *f = *fetching_find(all, sequence / SEQMAP_ENTRIES);
    unsigned slot = (unsigned)(sequence % SEQMAP_ENTRIES);
    return f && (f->slots >> slot & 1) ? message_ref(f->messages[slot]) : NULL;
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
    struct fetches *all = fetches_of(p);
    *ret = fetches_find(all, sequence);
    if (*ret)
        return true;
    const struct fetching *f = *fetching_find(all, chunk);
    if (f && f->is_reading)
        return true;
    if (f && backlog_deadline(&l->backlog, sequence) <= f->until_ms)
        return false; /* it was not there */
    if (s->indexed_bytes < s->bytes) {
        pager_scan(l);
        return true;
    }
    if (all->reads >= READS_MAX || (!f && !fetches_have_room(all) && !fetches_evict(all)))
        return true; /* it is asked for again when one of them has come */
    if (!start_fetch(l, s, chunk, until_ms))
        return false;
    *ret = fetches_find(all, sequence);
    f = *fetching_find(all, chunk);
    return *ret || (f && f->is_reading);
}

/* --- ahead ------------------------------------------------------------------------------------ */

/* Whether messages of the chunk are to be read for what is due up to then. */
static bool is_missing(const struct lane *l, uint64_t chunk, uint64_t until_ms)
{
    const struct fetching *f = *fetching_find(l->pager->fetches, chunk);
    if (f && (f->is_reading || f->until_ms >= until_ms))
        return false;
    return (backlog_due_on_disk(&l->backlog, chunk, until_ms) & ~(f ? f->slots : 0)) != 0;
}

static bool find_run(struct lane *l, uint64_t chunk, struct run *ret)
{
    ret->segment = pager_segment_of(l->pager, chunk * SEQMAP_ENTRIES);
    ret->first = ret->last = chunk;
    return ret->segment && ret->segment->indexed_bytes == ret->segment->bytes &&
           find_blocks(ret->segment, chunk, &ret->from, &ret->to);
}

static bool can_join(const struct run *run, const struct run *next)
{
    return next->segment == run->segment && next->from >= run->to &&
           next->from - run->to <= RUN_GAP_BYTES && next->to - run->from <= RUN_BYTES &&
           next->last - run->first < RUN_CHUNKS;
}

/* Asks for the next chunks that stand close together, as far as they are wanted. */
static void start_run(struct lane *l)
{
    struct fetches *all = l->pager->fetches;
    struct ahead *a = &all->ahead;
    struct run run = {0}, next;
    for (; a->next < a->count && fetches_have_room(all); a->next++) {
        uint64_t chunk = a->chunks[a->next];
        if (!is_missing(l, chunk, a->until_ms) || !find_run(l, chunk, &next))
            continue;
        if (run.segment && !can_join(&run, &next))
            break;
        struct fetching *f = fetching_of(all, chunk);
        f->until_ms = a->until_ms;
        f->is_reading = true;
        if (take_kept(l, &next))
            continue;
        if (!run.segment)
            run = next;
        run.last = next.last;
        run.to = next.to;
    }
    if (!run.segment)
        return;
    a->runs++;
    read_run(l, &run, on_run);
}

static void go_on_ahead(struct lane *l)
{
    struct ahead *a = &l->pager->fetches->ahead;
    while (a->runs < RUNS_MAX && a->next < a->count && fetches_have_room(l->pager->fetches))
        start_run(l);
    if (!fetches_have_room(l->pager->fetches))
        a->next = a->count;
}

struct plan {
    struct lane *lane;
    uint64_t until_ms;
    uint64_t bytes;
};

/* False: that is enough. */
static bool plan_chunk(void *arg, uint64_t chunk)
{
    struct plan *plan = arg;
    struct fetches *all = plan->lane->pager->fetches;
    struct ahead *a = &all->ahead;
    if (!is_missing(plan->lane, chunk, plan->until_ms))
        return true;
    if (a->count == a->capacity) {
        a->capacity = a->capacity ? a->capacity * 2 : 64;
        a->chunks = lv_realloc(a->chunks, a->capacity * sizeof *a->chunks);
    }
    a->chunks[a->count++] = chunk;
    plan->bytes += backlog_due_bytes(&plan->lane->backlog, chunk, plan->until_ms, MESSAGE_BYTES);
    return a->count + all->count < FETCHES_MAX && plan->bytes + all->bytes < FETCHED_BYTES_MAX;
}

static int chunk_compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* What is due within the horizon, which comes nearer until that has room. */
static void plan_ahead(struct lane *l, uint64_t now_ms)
{
    struct fetches *all = l->pager->fetches;
    struct ahead *a = &all->ahead;
    for (bool has_room_for_all = false; !has_room_for_all;) {
        struct plan plan = {.lane = l, .until_ms = now_ms + a->horizon_ms};
        a->count = a->next = 0;
        backlog_each_due_on_disk(&l->backlog, plan.until_ms, plan_chunk, &plan);
        a->until_ms = plan.until_ms;
        has_room_for_all =
            plan.bytes + all->bytes < FETCHED_BYTES_MAX && a->count + all->count < FETCHES_MAX;
        if (!has_room_for_all && a->horizon_ms == HORIZON_MS_MIN)
            break;
        if (!has_room_for_all)
            a->horizon_ms = a->horizon_ms / 2 > HORIZON_MS_MIN ? a->horizon_ms / 2 : HORIZON_MS_MIN;
        else if (plan.bytes + all->bytes < FETCHED_BYTES_MAX / 4 && a->horizon_ms < HORIZON_MS_MAX)
            a->horizon_ms *= 2; /* the next time */
    }
    if (a->count > 1)
        qsort(a->chunks, a->count, sizeof *a->chunks, chunk_compare);
}

void pager_fetch_ahead(struct lane *l, uint64_t now_ms)
{
    lane_assert_home(l);
    struct pager *p = l->pager;
    if (!p || !pager_files(l) || !backlog_has_disk(&l->backlog))
        return;
    struct ahead *a = &fetches_of(p)->ahead;
    if (a->runs > 0 || a->next < a->count || a->until_ms > now_ms + a->horizon_ms / 4)
        return;
    plan_ahead(l, now_ms);
    go_on_ahead(l);
}
