#include "paging/lane.h"

#include <stdlib.h>

#include "base/memory.h"
#include "paging/pager.h"
#include "queue/queue.h"

void lane_init(struct lane *l, struct queue *q)
{
    l->queue = q;
    backlog_init(&l->backlog);
    l->backlog.notes_gaps = q->conflation != NULL;
    lv_list_init(&l->dirty_link);
    lv_list_init(&l->retry_link);
}

void lane_set_id(struct lane *l, uint64_t queue_id)
{
    lv_assert(lane_id_priority(queue_id) == 0);
    l->id = lane_id(queue_id, l->priority);
}

void lanes_free(struct queue *q)
{
    for (unsigned i = 0; i < q->lane_count; i++) {
        struct lane *l = queue_lane(q, i);
        backlog_free(&l->backlog);
        pager_free(&l->pager);
        if (l != &q->lane)
            free(l);
    }
    free(q->lanes);
    q->lanes = NULL;
    q->lane_count = 1;
}

struct lane *lane_find(struct queue *q, unsigned priority)
{
    for (unsigned i = 0; i < q->lane_count; i++) {
        if (queue_lane(q, i)->priority == priority)
            return queue_lane(q, i);
    }
    return NULL;
}

/* The messages of a deleted queue. */
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

void lane_end(struct lane *l)
{
    struct backlog *b = &l->backlog;
    struct loop *home = l->queue->entry.home;
    if (b->window.first == b->window.end) {
        backlog_free(b);
        return;
    }
    struct remains *remains = lv_malloc(sizeof *remains);
    loop_job_init(&remains->job, remains_free_some);
    remains->backlog = *b;
    *b = (struct backlog){.counts_deliveries = b->counts_deliveries,
                          .stores_all = b->stores_all,
                          .notes_gaps = b->notes_gaps};
    lv_seqmap_init(&b->window, remains->backlog.window.chunk_bytes);
    if (remains_free_some(home, &remains->job))
        loop_job_start(home, &remains->job);
}

/* A new one, among the others by its priority, the highest first. */
static struct lane *lane_add(struct queue *q, unsigned priority)
{
    struct lane *l = lv_calloc(1, sizeof *l);
    lane_init(l, q);
    l->priority = (uint8_t)priority;
    lane_set_id(l, q->id);
    struct lane **lanes = lv_malloc((q->lane_count + 1) * sizeof(struct lane *));
    unsigned at = 0;
    for (; at < q->lane_count && queue_lane(q, at)->priority > priority; at++)
        lanes[at] = queue_lane(q, at);
    lanes[at] = l;
    for (; at < q->lane_count; at++)
        lanes[at + 1] = queue_lane(q, at);
    free(q->lanes);
    q->lanes = lanes;
    q->lane_count++;
    return l;
}

struct lane *lane_of(struct queue *q, unsigned priority)
{
    if (priority == 0)
        return &q->lane;
    lv_assert(priority < LANES_MAX);
    struct lane *l = lane_find(q, priority);
    return l ? l : lane_add(q, priority);
}

struct lane *lane_first_ready(struct queue *q)
{
    for (unsigned i = 0; i < q->lane_count; i++) {
        struct lane *l = queue_lane(q, i);
        if (l->backlog.ready > 0)
            return l;
    }
    return NULL;
}

struct lane *lane_ref(struct lane *l)
{
    queue_ref(l->queue);
    return l;
}

void lane_unref(struct lane **lane)
{
    struct queue *q = (*lane)->queue;
    *lane = NULL;
    queue_unref(&q);
}

struct lane_totals lanes_count(const struct queue *q)
{
    struct lane_totals totals = {0};
    for (unsigned i = 0; i < q->lane_count; i++) {
        const struct backlog *b = &queue_lane(q, i)->backlog;
        totals.ready += b->ready;
        totals.ready_bytes += b->ready_bytes;
        totals.taken += b->taken;
        totals.taken_bytes += b->taken_bytes;
        totals.disk_ready += b->disk_ready;
        totals.disk_bytes += b->disk_bytes;
        totals.persistent += b->persistent;
        totals.persistent_bytes += b->persistent_bytes;
    }
    return totals;
}
