/* Gathering facts of queues.
 *
 * A queue's numbers belong to its home loop. So a listing first takes a reference of every queue
 * that it shows (the names are topology, read under RCU), and then asks the loops in rounds: in
 * each round every loop fills in the facts of its next SLICE queues, so that no turn is long,
 * however many queues there are. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "manage/queues_private.h"

enum { SLICE = 256 };

struct gathering {
    struct queue_facts **rows; /* in the order of homes */
    size_t next[LOOPS_MAX];    /* by loop: the next of its rows to be filled in */
    size_t end[LOOPS_MAX];
};

void queue_facts_free(void *facts)
{
    struct queue_facts *f = facts;
    queue_unref(&f->queue);
    effective_policy_unref(&f->policy);
    free((void *)(uintptr_t)f->exclusive_tag.p);
    free((void *)(uintptr_t)f->active_tag.p);
    free(f);
}

struct queue_facts *queue_facts_begin(struct queue *q)
{
    struct queue_facts *f = lv_calloc(1, sizeof *f);
    f->queue = queue_ref(q);
    f->name = queue_name(q);
    f->home = loop_index(queue_home(q));
    f->arguments = queue_entry(q)->argument_table;
    f->is_durable = queue_entry(q)->flags.durable;
    f->is_auto_delete = queue_entry(q)->flags.auto_delete;
    f->is_quorum = queue_type(q) == QUEUE_QUORUM;
    f->owner = queue_entry(q)->exclusive_owner;
    return f;
}

static void take_counts(struct queue_facts *f, const struct queue_status *status)
{
    f->consumers = status->consumers;
    f->ready = status->ready;
    f->ready_bytes = status->ready_bytes;
    f->unacked = status->unacked;
    f->unacked_bytes = status->unacked_bytes;
    f->dead_letters = status->dead_letters;
    f->dead_letter_bytes = status->dead_letter_bytes;
    f->disk_ready = status->disk_ready;
    f->disk_ready_bytes = status->disk_ready_bytes;
    f->persistent = status->persistent;
    f->persistent_bytes = status->persistent_bytes;
    f->utilisation = status->utilisation;
    f->has_head_time = status->has_head_time;
    f->head_time = status->head_time;
    f->counters = status->counters;
    f->memory += f->ready_bytes - f->disk_ready_bytes + f->unacked_bytes +
                 (f->ready - f->disk_ready + f->unacked) * sizeof(struct message);
}

static void take_consumers(struct queue_facts *f, const struct queue *q)
{
    const struct consumer *exclusive = queue_exclusive_consumer(q);
    const struct consumer *active = queue_active_consumer(q);
    if (exclusive) {
        f->exclusive_tag = slice_copy(exclusive->tag);
        f->exclusive_connection = exclusive->connection_id;
        f->exclusive_channel = exclusive->channel;
    }
    if (active)
        f->active_tag = slice_copy(active->tag);
}

void queue_facts_count(struct queue_facts *f)
{
    struct queue_status status;
    f->is_gone = queue_is_deleted(f->queue);
    f->is_restoring = queue_is_restoring(f->queue);
    f->memory = queue_memory(f->queue);
    if (f->is_gone || f->is_restoring)
        return;
    queue_read_status(f->queue, &status);
    take_counts(f, &status);
}

static void facts_fill(struct queue_facts *f)
{
    struct queue *q = f->queue;
    queue_facts_count(f);
    f->policy = effective_policy_ref(queue_policy(q));
    if (!f->is_gone)
        take_consumers(f, q);
}

static void fill_on_loop(struct loop *loop, void *arg)
{
    struct gathering *g = arg;
    unsigned i = loop_index(loop);
    for (unsigned n = 0; n < SLICE && g->next[i] < g->end[i]; n++)
        facts_fill(g->rows[g->next[i]++]);
}

static bool gathering_is_over(const struct gathering *g)
{
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        if (g->next[i] < g->end[i])
            return false;
    return true;
}

/* Sorts the rows by their homes: counts them, then puts each at its place. */
static void gathering_begin(const struct listing *l, struct gathering *g)
{
    size_t at = 0;
    g->rows = lv_malloc((l->count + 1) * sizeof *g->rows);
    for (size_t i = 0; i < l->count; i++)
        g->end[((const struct queue_facts *)l->rows[i])->home]++;
    for (unsigned home = 0; home < LOOPS_MAX; home++) {
        g->next[home] = at;
        at += g->end[home];
        g->end[home] = g->next[home];
    }
    for (size_t i = 0; i < l->count; i++) {
        struct queue_facts *f = l->rows[i];
        g->rows[g->end[f->home]++] = f;
    }
}

bool queue_facts_gather(struct manage *m, struct listing *l, struct manage_error *error)
{
    struct gathering *g = lv_calloc(1, sizeof *g);
    gathering_begin(l, g);
    int err = 0;
    while (err == 0 && !gathering_is_over(g))
        err = ask_every_loop(m->asker, fill_on_loop, g);
    free(g->rows);
    free(g);
    if (err < 0)
        listing_free(l);
    return manage_end(error, err);
}
