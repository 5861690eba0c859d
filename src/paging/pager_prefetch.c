/* Prefetching: messages are read before they are due.
 *
 * From time to time everything on disk that is due within a horizon is read, neighbouring blocks in
 * one read. The horizon shrinks until what it covers fits into the room for fetched messages, and
 * grows again while little of that room is used. */
#include "paging/pager_fetch_private.h"

#include <stdlib.h>

#include "base/vec.h"

enum {
    RUNS_MAX = 4, /* reads under way, of one lane */
    RUN_BYTES = 256 * 1024,
    RUN_GAP_BYTES = 16 * 1024, /* at most this much is read in vain to save a second read */
    RUN_CHUNKS = 1024,
    HORIZON_MS_MIN = 200,
    HORIZON_MS_MAX = 8000,
    MESSAGE_BYTES = 256, /* what a message costs besides its body, about */
};

/* --- runs ------------------------------------------------------------------------------------- */

/* Returns whether a message of the chunk that is due up to until_ms is neither in memory nor being
 * read. */
static bool chunk_is_missing(const struct lane *l, uint64_t chunk, uint64_t until_ms)
{
    const struct fetched_chunk *f = pager_fetched_chunk(l->pager->fetches, chunk);
    if (f && (f->is_reading || f->until_ms >= until_ms))
        return false;
    return (backlog_due_on_disk(&l->backlog, chunk, until_ms) & ~(f ? f->slots : 0)) != 0;
}

static bool run_of_chunk(struct lane *l, uint64_t chunk, struct fetch_run *ret)
{
    ret->segment = pager_segment_of(l->pager, chunk * SEQMAP_ENTRIES);
    ret->first = ret->last = chunk;
    return ret->segment && ret->segment->indexed_bytes == ret->segment->bytes &&
           pager_find_blocks(ret->segment, chunk, &ret->from, &ret->to);
}

static bool run_can_join(const struct fetch_run *run, const struct fetch_run *next)
{
    return next->segment == run->segment && next->from >= run->to &&
           next->from - run->to <= RUN_GAP_BYTES && next->to - run->from <= RUN_BYTES &&
           next->last - run->first < RUN_CHUNKS;
}

static void prefetch_go_on(struct lane *l);

static void on_run(struct lane *l, struct segment *s, struct pager_ask *ask)
{
    if (!l->pager || !pager_files(l))
        return;
    lv_assert(l->pager->fetches->ahead.runs > 0);
    l->pager->fetches->ahead.runs--;
    pager_run_arrived(l, s, ask);
    prefetch_go_on(l);
    l->owner->calls->fetched(l->owner, false);
}

/* Begins one read: of the next chunks of the plan that are still wanted and stored close
 * together. */
static void run_begin(struct lane *l)
{
    struct fetches *all = l->pager->fetches;
    struct prefetch *a = &all->ahead;
    struct fetch_run run = {0}, next;
    for (; a->next < a->count && pager_fetched_has_room(all, 0, 0); a->next++) {
        uint64_t chunk = a->chunks[a->next];
        if (!chunk_is_missing(l, chunk, a->until_ms) || !run_of_chunk(l, chunk, &next))
            continue;
        if (run.segment && !run_can_join(&run, &next))
            break;
        pager_fetched_begin(all, chunk, a->until_ms);
        if (pager_take_kept(l, &next))
            continue;
        if (!run.segment)
            run = next;
        run.last = next.last;
        run.to = next.to;
    }
    if (!run.segment)
        return;
    a->runs++;
    pager_read_run(l, &run, on_run);
}

static void prefetch_go_on(struct lane *l)
{
    struct fetches *all = l->pager->fetches;
    struct prefetch *a = &all->ahead;
    while (a->runs < RUNS_MAX && a->next < a->count && pager_fetched_has_room(all, 0, 0))
        run_begin(l);
    if (!pager_fetched_has_room(all, 0, 0))
        a->next = a->count; /* gives up the rest of the plan */
}

/* --- the plan --------------------------------------------------------------------------------- */

struct plan {
    struct lane *lane;
    uint64_t until_ms;
    uint64_t bytes;
};

/* Adds a chunk to the plan if something of it is missing. Returns false once the plan fills the
 * room for fetched messages. */
static bool plan_add(void *arg, uint64_t chunk)
{
    struct plan *plan = arg;
    struct fetches *all = plan->lane->pager->fetches;
    struct prefetch *a = &all->ahead;
    if (!chunk_is_missing(plan->lane, chunk, plan->until_ms))
        return true;
    lv_vec_room(a->chunks, a->count, a->capacity);
    a->chunks[a->count++] = chunk;
    plan->bytes += backlog_due_bytes(&plan->lane->backlog, chunk, plan->until_ms, MESSAGE_BYTES);
    return pager_fetched_has_room(all, plan->bytes, a->count);
}

static int chunk_compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Plans to read what is due within the horizon, which is shortened until the messages fit into the
 * room for them. */
static void plan_make(struct lane *l, uint64_t now_ms)
{
    struct fetches *all = l->pager->fetches;
    struct prefetch *a = &all->ahead;
    for (bool fits = false; !fits;) {
        struct plan plan = {.lane = l, .until_ms = now_ms + a->horizon_ms};
        a->count = a->next = 0;
        backlog_each_due_on_disk(&l->backlog, plan.until_ms, plan_add, &plan);
        a->until_ms = plan.until_ms;
        fits = pager_fetched_has_room(all, plan.bytes, a->count);
        if (!fits && a->horizon_ms == HORIZON_MS_MIN)
            break;
        if (!fits)
            a->horizon_ms = a->horizon_ms / 2 > HORIZON_MS_MIN ? a->horizon_ms / 2 : HORIZON_MS_MIN;
        else if (pager_fetched_is_roomy(all, plan.bytes) && a->horizon_ms < HORIZON_MS_MAX)
            a->horizon_ms *= 2; /* for the next plan */
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
    struct prefetch *a = &pager_fetches_of(p)->ahead;
    if (a->horizon_ms == 0)
        a->horizon_ms = HORIZON_MS_MIN;
    if (a->runs > 0 || a->next < a->count || a->until_ms > now_ms + a->horizon_ms / 4)
        return;
    plan_make(l, now_ms);
    prefetch_go_on(l);
}
