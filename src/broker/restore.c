#include "broker/restore.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "broker/conflation.h"
#include "broker/pager.h"
#include "broker/persist.h"
#include "broker/queue_private.h"
#include "store/log_records.h"

struct restore {
    struct broker *broker;
    struct queue **queues; /* by id */
    size_t count, capacity;
    struct queue *last; /* the one found last */
    struct segments *segments;
};

/* --- queues by their ids ------------------------------------------------------------------------------ */

static int by_id(const void *a, const void *b)
{
    const struct queue *x = *(struct queue *const *)a, *y = *(struct queue *const *)b;
    return (x->id > y->id) - (x->id < y->id);
}

static void add_queues(struct restore *r, struct vhost *vhost)
{
    struct lv_table_iter it;
    struct lv_table_node *node = lv_table_first(vhost->queues, &it);
    for (; node; node = lv_table_next(vhost->queues, &it)) {
        if (r->count == r->capacity) {
            r->capacity = r->capacity ? r->capacity * 2 : 64;
            r->queues = lv_realloc(r->queues, r->capacity * sizeof(struct queue *));
        }
        r->queues[r->count++] = lv_container_of(node, struct queue, by_name);
    }
}

struct restore *restore_begin(struct broker *broker)
{
    struct restore *r = lv_calloc(1, sizeof *r);
    struct lv_table_iter it;
    struct lv_table_node *node = lv_table_first(broker->vhosts, &it);
    r->broker = broker;
    for (; node; node = lv_table_next(broker->vhosts, &it))
        add_queues(r, lv_container_of(node, struct vhost, by_name));
    if (r->count > 1)
        qsort(r->queues, r->count, sizeof(struct queue *), by_id);
    return r;
}

/* The lane with this id, or NULL: its queue was deleted. Ids seen are never given out again. */
static struct lane *find(struct restore *r, uint64_t id)
{
    uint64_t queue_id = lane_id_queue(id);
    if (lane_id_priority(id) >= LANES_MAX)
        return NULL; /* a file that somebody else has named */
    if (r->last && r->last->id == queue_id)
        return lane_of(r->last, lane_id_priority(id));
    if (atomic_load(&r->broker->next_queue_id) <= queue_id)
        atomic_store(&r->broker->next_queue_id, queue_id + 1);
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (r->queues[middle]->id < queue_id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == r->count || r->queues[low]->id != queue_id)
        return NULL;
    r->last = r->queues[low];
    return lane_of(r->last, lane_id_priority(id));
}

/* --- what the log says -------------------------------------------------------------------------------- */

static void on_enqueue(void *arg, uint64_t file, uint64_t id, const struct log_carried *message)
{
    struct lane *l = find(arg, id);
    if (!l)
        return;
    if (l->dirty_file == 0)
        l->dirty_file = file;
    pager_restore_message(l, message);
}

static void on_settle(void *arg, uint64_t id, uint64_t from, uint64_t count)
{
    struct lane *l = find(arg, id);
    if (l)
        pager_restore_settle(l, from, count);
}

static void on_count(void *arg, uint64_t file, uint64_t id, struct log_count count)
{
    struct lane *l = find(arg, id);
    if (!l)
        return;
    if (l->dirty_file == 0)
        l->dirty_file = file;
    pager_restore_count(l, count);
}

static void on_delivered(void *arg, uint64_t file, uint64_t id, uint64_t below)
{
    struct lane *l = find(arg, id);
    if (!l)
        return;
    if (l->delivered_staged < below)
        l->delivered_staged = l->delivered_safe = below;
    if (l->dirty_file == 0)
        l->dirty_file = file; /* what is said here counts as long as the queue has messages */
}

static void on_snapshot(void *arg, uint64_t file, const struct log_snapshot *snapshot)
{
    struct lane *l = find(arg, snapshot->queue);
    if (!l)
        return;
    l->dirty_file = file;
    l->snapshot_bytes = log_snapshot_bytes(snapshot);
    l->delivered_staged = l->delivered_safe = snapshot->delivered_below;
    pager_restore_snapshot(l, snapshot);
}

static void on_segment_gone(void *arg, uint64_t id, uint64_t number)
{
    struct lane *l = find(arg, id);
    if (l)
        pager_restore_gone(l, number);
}

static void on_queue_gone(void *arg, uint64_t id)
{
    /* The definitions say which queues there are. One that is there although the log saw it go was
     * being deleted when we stopped: it is as it was told to its last asker, empty. */
    struct lane *l = find(arg, id);
    if (!l)
        return;
    pager_restore_snapshot(
        l, &(struct log_snapshot){.queue = id, .next_sequence = l->backlog.next_sequence});
}

const struct log_visitor restore_visitor = {
    .enqueue = on_enqueue,
    .settle = on_settle,
    .delivered = on_delivered,
    .count = on_count,
    .snapshot = on_snapshot,
    .segment_gone = on_segment_gone,
    .queue_gone = on_queue_gone,
};

/* --- files and the end ------------------------------------------------------------------------------------ */

static void on_file(void *arg, uint64_t id, uint64_t number, uint64_t bytes)
{
    struct restore *r = arg;
    struct lane *l = find(r, id);
    if (!l || !pager_restore_file(l, number, bytes))
        segments_remove(r->segments, id, number, NULL, NULL);
}

int restore_segments(struct restore *r, struct segments *segments)
{
    r->segments = segments;
    return segments_list(segments, on_file, r);
}

static int by_dirty_file(const void *a, const void *b)
{
    const struct lane *x = *(struct lane *const *)a, *y = *(struct lane *const *)b;
    return (x->dirty_file > y->dirty_file) - (x->dirty_file < y->dirty_file);
}

static struct lane **all_lanes(const struct restore *r, size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        count += r->queues[i]->lane_count;
    struct lane **lanes = lv_malloc((count + 1) * sizeof(struct lane *));
    *ret_count = 0;
    for (size_t i = 0; i < r->count; i++) {
        for (unsigned n = 0; n < r->queues[i]->lane_count; n++)
            lanes[(*ret_count)++] = queue_lane(r->queues[i], n);
    }
    return lanes;
}

void restore_end(struct restore **restore, bool is_whole)
{
    struct restore *r = *restore;
    *restore = NULL;
    size_t count;
    struct lane **lanes = all_lanes(r, &count);
    if (is_whole && count > 1)
        qsort(lanes, count, sizeof(struct lane *), by_dirty_file);
    for (size_t i = 0; is_whole && i < count; i++) {
        struct lane *l = lanes[i];
        pager_restore_end(l);
        if (l->dirty_file > 0)
            persist_restore_dirty(l, l->dirty_file);
    }
    for (size_t i = 0; is_whole && i < r->count; i++) {
        if (r->queues[i]->conflation)
            conflation_begin(r->queues[i]); /* while all that the log had is in memory */
    }
    for (size_t i = 0; is_whole && i < count; i++)
        pager_relieve(lanes[i]);
    for (size_t i = 0; is_whole && i < r->count; i++)
        queue_begin_expiry(r->queues[i]);
    free(lanes);
    free(r->queues);
    free(r);
}
