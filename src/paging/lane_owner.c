/* The lanes of an owner: made when a priority is first used, freed in slices at its end. */
#include "paging/lane_owner.h"

#include <stdlib.h>

#include "base/memory.h"
#include "paging/journal.h"
#include "paging/pager.h"

static void lane_init(struct lane *l, struct lane_owner *o)
{
    l->owner = o;
    l->counters = o->counters;
    backlog_init(&l->backlog);
    l->backlog.keeps_meta = o->wants_found;
    lv_list_init(&l->dirty_link);
    lv_list_init(&l->retry_link);
}

void lane_owner_init(struct lane_owner *o, const struct lane_owner_calls *calls, struct loop *home,
                     struct lane_counters *counters, bool wants_found)
{
    lv_assert(calls && home && counters);
    o->calls = calls;
    o->home = home;
    o->counters = counters;
    o->wants_found = wants_found;
    lane_init(&o->first, o);
    o->lane_count = 1;
}

void lane_owner_set_id(struct lane_owner *o, uint64_t id)
{
    lv_assert(id != 0 && lane_id_priority(id) == 0);
    o->id = id;
    for (unsigned i = 0; i < o->lane_count; i++)
        lane_at(o, i)->id = lane_id(id, lane_at(o, i)->priority);
}

void lanes_clear(struct lane_owner *o)
{
    for (unsigned i = 0; i < o->lane_count; i++) {
        backlog_free(&lane_at(o, i)->backlog);
        pager_free(&lane_at(o, i)->pager);
    }
}

void lanes_free(struct lane_owner *o)
{
    lanes_clear(o);
    for (unsigned i = 0; i < o->lane_count; i++) {
        if (lane_at(o, i) != &o->first)
            free(lane_at(o, i));
    }
    free(o->lanes);
    o->lanes = NULL;
    o->lane_count = 1;
}

struct lane *lane_find(struct lane_owner *o, unsigned priority)
{
    lv_assert(priority < LANES_MAX);
    for (unsigned i = 0; i < o->lane_count; i++) {
        if (lane_at(o, i)->priority == priority)
            return lane_at(o, i);
    }
    return NULL;
}

/* Messages of an owner that has ended, which are being freed. */
struct remains {
    struct loop_job job;
    struct backlog backlog;
};

static bool remains_free_some(struct loop *loop, struct loop_job *job)
{
    struct remains *remains = lv_container_of(job, struct remains, job);
    unsigned count = 0;
    do {
        if (!loop_spend(loop, 1 + count))
            return true;
    } while (backlog_free_some(&remains->backlog, &count));
    free(remains);
    return false;
}

/* Frees what the lane's backlog holds, in slices of a turn. */
static void lane_free_messages(struct lane *l)
{
    struct backlog *b = &l->backlog;
    struct loop *home = l->owner->home;
    if (b->chunks.first == b->chunks.end) {
        backlog_free(b);
        return;
    }
    struct remains *remains = lv_malloc(sizeof *remains);
    loop_job_init(&remains->job, remains_free_some);
    remains->backlog = *b;
    *b = (struct backlog){.counts_deliveries = b->counts_deliveries,
                          .stores_all = b->stores_all,
                          .keeps_meta = b->keeps_meta};
    lv_seqmap_init(&b->chunks, remains->backlog.chunks.chunk_bytes);
    if (remains_free_some(home, &remains->job))
        loop_job_start(home, &remains->job);
}

void lanes_end(struct lane_owner *o)
{
    lane_owner_assert_home(o);
    lv_assert(!o->is_ended); /* once */
    o->is_ended = true;
    for (unsigned i = 0; i < o->lane_count; i++) {
        struct lane *l = lane_at(o, i);
        lane_free_messages(l);
        lv_list_remove(&l->retry_link);
        if (o->journal)
            o->journal->forget(l);
        pager_delete(l);
    }
}

/* Makes a lane and inserts it by its priority. */
static struct lane *lane_add(struct lane_owner *o, unsigned priority)
{
    lv_assert(!o->is_ended);
    struct lane *l = lv_calloc(1, sizeof *l);
    lane_init(l, o);
    l->priority = (uint8_t)priority;
    l->id = lane_id(o->id, priority);
    struct lane **lanes = lv_malloc((o->lane_count + 1) * sizeof(struct lane *));
    unsigned at = 0;
    for (; at < o->lane_count && lane_at(o, at)->priority > priority; at++)
        lanes[at] = lane_at(o, at);
    lanes[at] = l;
    for (; at < o->lane_count; at++)
        lanes[at + 1] = lane_at(o, at);
    free(o->lanes);
    o->lanes = lanes;
    o->lane_count++;
    return l;
}

struct lane *lane_of(struct lane_owner *o, unsigned priority)
{
    if (priority == 0)
        return &o->first;
    lv_assert(priority < LANES_MAX);
    struct lane *l = lane_find(o, priority);
    return l ? l : lane_add(o, priority);
}

struct lane *lane_first_ready(struct lane_owner *o)
{
    for (unsigned i = 0; i < o->lane_count; i++) {
        struct lane *l = lane_at(o, i);
        if (l->backlog.ready > 0)
            return l;
    }
    return NULL;
}

struct lane *lane_ref(struct lane *l)
{
    l->owner->calls->ref(l->owner);
    return l;
}

void lane_unref(struct lane **lane)
{
    struct lane_owner *o = (*lane)->owner;
    *lane = NULL;
    o->calls->unref(o);
}

struct lane_totals lanes_count(const struct lane_owner *o)
{
    struct lane_totals totals = {0};
    for (unsigned i = 0; i < o->lane_count; i++) {
        const struct backlog *b = &lane_at(o, i)->backlog;
        totals.ready += b->ready;
        totals.ready_bytes += b->ready_bytes;
        totals.unacked += b->unacked;
        totals.unacked_bytes += b->unacked_bytes;
        totals.disk_ready += b->disk_ready;
        totals.disk_bytes += b->disk_bytes;
        totals.persistent += b->persistent;
        totals.persistent_bytes += b->persistent_bytes;
    }
    return totals;
}
