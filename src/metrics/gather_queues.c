/* Queues. Their numbers belong to their homes: each loop is asked, in rounds, for those of its next
 * SLICE queues. Labels are made before (a sum has none), and values are written after that on the
 * thread that scrapes, so loops do little. */
#include <math.h>
#include <stdlib.h>

#include "base/vec.h"
#include "metrics/sources.h"
#include "topology/vhost.h"

enum { SLICE = 256 };

/* --- which queues there are ------------------------------------------------------------------- */

typedef void visit_queue(void *arg, struct queue *q, struct slice labels);

static void visit_queues_of(const struct gathering *g, struct vhost *vhost, visit_queue *visit,
                            void *arg)
{
    struct lv_table_iter it;
    struct lv_buffer labels = {0};
    if (!g->is_sum)
        label_add(&labels, "vhost", vhost_name(vhost));
    size_t of_vhost = labels.n;
    for (struct lv_table_node *node = lv_table_first(vhost->queues, &it); node;
         node = lv_table_next(vhost->queues, &it)) {
        struct queue *q = queue_of_node(node);
        if (!gathering_wants_queue(g, queue_name(q)))
            continue;
        labels.n = of_vhost;
        if (!g->is_sum)
            label_add(&labels, "queue", queue_name(q));
        visit(arg, q, lv_buffer_slice(&labels));
    }
    lv_buffer_free(&labels);
}

/* Visits the queues that are wanted. */
static void visit_queues(const struct gathering *g, visit_queue *visit, void *arg)
{
    struct lv_table *vhosts = g->m->broker->topology.vhosts;
    struct lv_table_iter it;
    for (struct lv_table_node *node = lv_table_first(vhosts, &it); node;
         node = lv_table_next(vhosts, &it)) {
        struct vhost *vhost = lv_container_of(node, struct vhost, by_name);
        if (gathering_wants_vhost(g, vhost_name(vhost)))
            visit_queues_of(g, vhost, visit, arg);
    }
}

/* --- their numbers ---------------------------------------------------------------------------- */

/* The queues at home on a loop; queue i has row i, or all have row 0 of a sum. */
struct walk {
    struct queue **queues; /* references */
    size_t count, capacity;
    size_t next; /* the first whose numbers are not known yet */
};

struct asking {
    struct gathering *g;
    struct walk of[LOOPS_MAX];
};

static void note_queue(void *arg, struct queue *q, struct slice labels)
{
    struct asking *a = arg;
    unsigned home = loop_index(queue_home(q));
    struct walk *walk = &a->of[home];
    struct samples *part = &a->g->parts[home];
    lv_vec_room(walk->queues, walk->count, walk->capacity);
    walk->queues[walk->count++] = queue_ref(q);
    if (!a->g->is_sum || part->count == 0)
        samples_add(part, a->g->is_sum ? SLICE_EMPTY : labels);
}

/* A sum with a queue of which nothing is known yet is not known either, and is left out. */
static void forget_sum(const struct gathering *g, struct samples *part, size_t row)
{
    for (size_t i = 0; i < g->metric_count; i++)
        samples_values(part, row)[i] = NAN;
}

static void read_queue(const struct gathering *g, struct samples *part, struct queue *q, size_t row)
{
    struct queue_facts facts = {.queue = q};
    queue_facts_count(&facts);
    if (facts.is_restoring && g->is_sum)
        forget_sum(g, part, row);
    else if (!facts.is_gone && !facts.is_restoring)
        gathering_fill(g, part, row, &facts);
    else if (!g->is_sum)
        part->rows[row].is_gone = true;
}

static void read_on_loop(struct loop *loop, void *arg)
{
    struct asking *a = arg;
    unsigned i = loop_index(loop);
    struct walk *walk = &a->of[i];
    for (unsigned n = 0; n < SLICE && walk->next < walk->count; n++, walk->next++)
        read_queue(a->g, &a->g->parts[i], walk->queues[walk->next], a->g->is_sum ? 0 : walk->next);
}

static bool is_over(const struct asking *a)
{
    for (unsigned i = 0; i < a->g->part_count; i++)
        if (a->of[i].next < a->of[i].count)
            return false;
    return true;
}

static void asking_free(struct asking *a)
{
    for (unsigned i = 0; i < a->g->part_count; i++) {
        for (size_t n = 0; n < a->of[i].count; n++)
            queue_unref(&a->of[i].queues[n]);
        free(a->of[i].queues);
    }
    free(a);
}

int queues_gather(struct gathering *g)
{
    struct asking *a = lv_calloc(1, sizeof *a);
    int err = 0;
    g->part_count = loops_count(g->m->loops);
    a->g = g;
    visit_queues(g, note_queue, a);
    while (err == 0 && !is_over(a))
        err = ask_every_loop(g->m->asker, read_on_loop, a);
    asking_free(a);
    return err;
}

/* --- their types ------------------------------------------------------------------------------ */

static void add_info(void *arg, struct queue *q, struct slice labels)
{
    struct gathering *g = arg;
    struct lv_buffer all = {0};
    lv_buffer_add_slice(&all, labels);
    label_add(
        &all, "queue_type",
        slice_str(queue_type(q) == QUEUE_QUORUM ? "rabbit_quorum_queue" : "rabbit_classic_queue"));
    label_add(&all, "membership", slice_str("leader"));
    gathering_add(g, &g->parts[0], lv_buffer_slice(&all), &(struct queue_facts){.queue = q});
    lv_buffer_free(&all);
}

int queue_infos_gather(struct gathering *g)
{
    g->part_count = 1;
    visit_queues(g, add_info, g);
    return 0;
}
