/* Recovery of queues and their lanes (paging/lane.h: a queue has one lane for each priority), in
 * this order:
 *   - restore_begin(): lists the durable queues by id, and marks them as being restored;
 *   - list_segments(): lists the segment files that exist;
 *   - log_read() calls the visitor for each record, and the visitor changes the record's lane;
 *   - read_to_end(): gives each lane its segment files, and removes files that no lane needs;
 *   - hand_over(), once on each loop: gives the loop its queues.
 *
 * A record of a queue that has no definition is ignored: the queue was deleted. */
#include "queue/restore.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/search.h"
#include "base/vec.h"
#include "paging/journal.h"
#include "paging/pager.h"
#include "queue/conflation.h"
#include "queue/queue_private.h"
#include "store/log_records.h"

/* A segment file that exists. */
struct found_segment {
    uint64_t id;
    uint64_t number;
    uint64_t bytes;
};

struct restore {
    struct topology *topology;
    struct queue **queues; /* by id */
    size_t count, capacity;
    struct queue *last; /* the one found last */
    struct segments *segments;
    struct found_segment *found;
    size_t found_count, found_capacity;
    struct lane **lanes; /* from read_to_end() on: all, by the log file that they depend on */
    size_t lane_count;
};

/* --- queues by their ids ---------------------------------------------------------------------- */

static int queue_compare_ids(const void *a, const void *b)
{
    const struct queue *x = *(struct queue *const *)a, *y = *(struct queue *const *)b;
    return (x->id > y->id) - (x->id < y->id);
}

static void add_queues(struct restore *r, struct vhost *vhost)
{
    struct lv_table_iter it;
    struct lv_table_node *node = lv_table_first(vhost->queues, &it);
    for (; node; node = lv_table_next(vhost->queues, &it)) {
        lv_vec_room(r->queues, r->count, r->capacity);
        struct queue *q = r->queues[r->count++] = queue_of_node(node);
        q->is_restoring = true;
    }
}

/* Makes sure that an id in the log or in a file's name is not given to a new queue. */
static void id_mark_used(struct restore *r, uint64_t queue_id)
{
    _Atomic uint64_t *next = &r->topology->next_queue_id;
    uint64_t now = atomic_load(next);
    while (now <= queue_id && !atomic_compare_exchange_weak(next, &now, queue_id + 1))
        continue;
}

/* Returns the lane with this id, or NULL if its queue was deleted. */
static struct lane *restore_find_lane(struct restore *r, uint64_t id)
{
    uint64_t queue_id = lane_id_queue(id);
    if (lane_id_priority(id) >= LANES_MAX)
        return NULL; /* a file that the broker has not made */
    if (r->last && r->last->id == queue_id)
        return lane_of(&r->last->lanes, lane_id_priority(id));
    id_mark_used(r, queue_id);
    size_t found;
    LV_LOWER_BOUND(found, r->count, i, r->queues[i]->id < queue_id);
    if (found == r->count || r->queues[found]->id != queue_id)
        return NULL;
    r->last = r->queues[found];
    return lane_of(&r->last->lanes, lane_id_priority(id));
}

/* --- records of the log ----------------------------------------------------------------------- */

static void on_enqueue(void *arg, uint64_t file, uint64_t id, const struct log_carried *message)
{
    struct lane *l = restore_find_lane(arg, id);
    if (!l)
        return;
    if (l->dirty_file == 0)
        l->dirty_file = file;
    pager_restore_message(l, message);
}

static void on_settle(void *arg, uint64_t id, uint64_t from, uint64_t count)
{
    struct lane *l = restore_find_lane(arg, id);
    if (l)
        pager_restore_settle(l, from, count);
}

static void on_count(void *arg, uint64_t file, uint64_t id, struct log_count count)
{
    struct lane *l = restore_find_lane(arg, id);
    if (!l)
        return;
    if (l->dirty_file == 0)
        l->dirty_file = file;
    pager_restore_count(l, count);
}

static void on_delivered(void *arg, uint64_t file, uint64_t id, uint64_t below)
{
    struct lane *l = restore_find_lane(arg, id);
    if (!l)
        return;
    if (l->delivered_staged < below)
        l->delivered_staged = l->delivered_safe = below;
    if (l->dirty_file == 0)
        l->dirty_file = file; /* this record counts as long as the queue has messages */
}

static void on_snapshot(void *arg, uint64_t file, const struct log_snapshot *snapshot)
{
    struct lane *l = restore_find_lane(arg, snapshot->queue);
    if (!l)
        return;
    l->dirty_file = file;
    l->is_named = false; /* the record with its name follows the snapshot */
    l->snapshot_bytes = log_snapshot_bytes(snapshot);
    l->delivered_staged = l->delivered_safe = snapshot->delivered_below;
    pager_restore_snapshot(l, snapshot);
}

static void on_segment_gone(void *arg, uint64_t id, uint64_t number)
{
    struct lane *l = restore_find_lane(arg, id);
    if (l)
        pager_restore_gone(l, number);
}

static void on_queue_gone(void *arg, uint64_t id)
{
    /* The definitions decide which queues exist. One that exists although the log says that it was
     * deleted was being deleted at the stop: it comes back, empty. Or another queue had its id
     * before (journal_restore.c). */
    struct lane *l = restore_find_lane(arg, id);
    if (!l)
        return;
    l->delivered_staged = l->delivered_safe = 0;
    pager_restore_snapshot(
        l, &(struct log_snapshot){.queue = id, .next_sequence = l->backlog.next_sequence});
}

static void on_queue(void *arg, const struct log_queue *queue)
{
    struct lane *l = restore_find_lane(arg, queue->queue);
    if (l)
        l->is_named = true;
}

static const struct log_visitor visitor = {
    .enqueue = on_enqueue,
    .settle = on_settle,
    .delivered = on_delivered,
    .count = on_count,
    .snapshot = on_snapshot,
    .segment_gone = on_segment_gone,
    .queue_gone = on_queue_gone,
    .queue = on_queue,
};

/* --- files and the end ------------------------------------------------------------------------ */

static void note_segment(void *arg, uint64_t id, uint64_t number, uint64_t bytes)
{
    struct restore *r = arg;
    lv_vec_room(r->found, r->found_count, r->found_capacity);
    r->found[r->found_count++] = (struct found_segment){id, number, bytes};
    if (lane_id_priority(id) < LANES_MAX)
        id_mark_used(r, lane_id_queue(id));
}

static int list_segments(void *arg, struct segments *segments)
{
    struct restore *r = arg;
    r->segments = segments;
    return segments_list(segments, note_segment, r);
}

/* Tells the lanes which of their segment files exist, and removes files that no lane needs. */
static void segments_match(struct restore *r)
{
    for (size_t i = 0; i < r->found_count; i++) {
        const struct found_segment *f = &r->found[i];
        struct lane *l = restore_find_lane(r, f->id);
        if (!l || !pager_restore_file(l, f->number, f->bytes))
            segments_remove(r->segments, f->id, f->number, NULL, NULL);
    }
}

static int lane_compare_files(const void *a, const void *b)
{
    const struct lane *x = *(struct lane *const *)a, *y = *(struct lane *const *)b;
    return (x->dirty_file > y->dirty_file) - (x->dirty_file < y->dirty_file);
}

static void lanes_list(struct restore *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        count += r->queues[i]->lanes.lane_count;
    r->lanes = lv_malloc((count + 1) * sizeof(struct lane *));
    for (size_t i = 0; i < r->count; i++) {
        for (unsigned n = 0; n < r->queues[i]->lanes.lane_count; n++)
            r->lanes[r->lane_count++] = queue_lane(r->queues[i], n);
    }
}

static void read_to_end(void *arg)
{
    struct restore *r = arg;
    segments_match(r);
    lanes_list(r);
    if (r->lane_count > 1)
        qsort(r->lanes, r->lane_count, sizeof(struct lane *), lane_compare_files);
    for (size_t i = 0; i < r->lane_count; i++)
        pager_restore_end(r->lanes[i]);
}

/* --- each queue to its home ------------------------------------------------------------------- */

/* Lists the loop's lanes by the files that they depend on. */
static void lanes_give(struct restore *r, struct journal_loop *home)
{
    struct lv_list *others =
        home->dirty.next; /* of queues made since: they depend on later files */
    for (size_t i = 0; i < r->lane_count; i++) {
        struct lane *l = r->lanes[i];
        if (l->owner->home != home->loop)
            continue;
        if (l->dirty_file > 0)
            journal_restore_dirty(l, l->dirty_file, others);
        journal_relieve_later(l);
    }
}

static void begin_queue(struct queue *q)
{
    if (q->conflation)
        conflation_begin(q); /* now, while all messages of the log are in memory */
    queue_begin_expiry(q);
}

static void empty_queue(struct queue *q)
{
    lanes_clear(&q->lanes);
}

static void hand_over(void *arg, struct journal_loop *home, bool is_whole)
{
    struct restore *r = arg;
    if (is_whole)
        lanes_give(r, home);
    for (size_t i = 0; i < r->count; i++) {
        struct queue *q = r->queues[i];
        if (q->entry.home != home->loop)
            continue;
        if (is_whole)
            begin_queue(q);
        else
            empty_queue(q);
        lv_assert(q->is_restoring);
        q->is_restoring = false;
    }
}

/* Every home has been sent the mail that gives it its queues. So what a loop mails after it has
 * seen is_restoring false arrives after that. */
static void is_sent(void *arg)
{
    struct restore *r = arg;
    atomic_store(&r->topology->is_restoring, false);
}

static void restore_free(void *arg)
{
    struct restore *r = arg;
    free(r->lanes);
    free(r->found);
    free(r->queues);
    free(r);
}

struct journal_restorer restore_begin(struct topology *topology)
{
    lv_assert(!loop_current()); /* before the loops start */
    struct restore *r = lv_calloc(1, sizeof *r);
    struct lv_table_iter it;
    struct lv_table_node *node = lv_table_first(topology->vhosts, &it);
    r->topology = topology;
    atomic_store(&topology->is_restoring, true);
    for (; node; node = lv_table_next(topology->vhosts, &it))
        add_queues(r, lv_container_of(node, struct vhost, by_name));
    if (r->count > 1)
        qsort(r->queues, r->count, sizeof(struct queue *), queue_compare_ids);
    return (struct journal_restorer){
        .arg = r,
        .visitor = &visitor,
        .list_segments = list_segments,
        .end = read_to_end,
        .hand_over = hand_over,
        .is_sent = is_sent,
        .free = restore_free,
    };
}
