/* Queues: gathering their facts, declaring, purging, deleting.
 *
 * A queue's numbers belong to its home loop. So a listing first takes a reference of every queue of
 * the vhost (the names are topology, read under RCU), and then asks the loops in rounds: in each
 * round every loop fills in the facts of its next SLICE queues, so that no turn is long, however
 * many queues there are. */
#include "manage/queues.h"

#include <stdlib.h>

#include "auth/access.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "manage/columns.h"
#include "manage/loop_change.h"
#include "queue/queue_arguments.h"
#include "topology/vhost.h"

enum { SLICE = 256 };

/* --- gathering -------------------------------------------------------------------------------- */

struct gathering {
    struct listing *listing; /* in the order of homes, then of names */
    size_t next[LOOPS_MAX];  /* by loop: the next of its rows to be filled in */
    size_t end[LOOPS_MAX];
};

static const struct queue_facts *facts_at(const void *p)
{
    return *(const struct queue_facts *const *)p;
}

static int by_name(const void *a, const void *b)
{
    return slice_compare(facts_at(a)->name, facts_at(b)->name);
}

static int by_home_and_name(const void *a, const void *b)
{
    unsigned p = facts_at(a)->home, q = facts_at(b)->home;
    return p == q ? by_name(a, b) : p < q ? -1 : 1;
}

static void facts_free(void *facts)
{
    struct queue_facts *f = facts;
    queue_unref(&f->queue);
    effective_policy_unref(&f->policy);
    free((void *)(uintptr_t)f->exclusive_tag.p);
    free(f);
}

/* Returns the facts that never change. Any thread. */
static struct queue_facts *facts_begin(struct queue *q)
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

static void gathering_begin(struct vhost *vhost, struct gathering *g)
{
    struct listing *l = g->listing;
    struct lv_table_iter it;
    for (struct lv_table_node *node = lv_table_first(vhost->queues, &it); node;
         node = lv_table_next(vhost->queues, &it))
        listing_add(l, facts_begin(queue_of_node(node)));
    listing_sort_by(l, by_home_and_name);
    for (size_t i = 0; i < l->count; i++) {
        unsigned home = facts_at(&l->rows[i])->home;
        if (i == 0 || home != facts_at(&l->rows[i - 1])->home)
            g->next[home] = i;
        g->end[home] = i + 1;
    }
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
    f->memory = queue_memory(f->queue) + f->ready_bytes - f->disk_ready_bytes + f->unacked_bytes +
                (f->ready - f->disk_ready + f->unacked) * sizeof(struct message);
}

static void take_exclusive_consumer(struct queue_facts *f, const struct consumer *c)
{
    f->exclusive_tag = slice_of(slice_strdup(c->tag), c->tag.n);
    f->exclusive_connection = c->connection_id;
    f->exclusive_channel = c->channel;
}

static void call_is_done(struct queue_call *call)
{
    (void)call; /* called at the home, the status is known when queue_call_start() returns */
}

void queue_facts_count(struct queue_facts *f)
{
    struct loop *home = queue_home(f->queue);
    lv_assert(loop_current() == home);
    struct queue_call call = {
        .queue = f->queue, .from = home, .run = queue_call_status, .done = call_is_done};
    queue_call_start(&call);
    f->is_gone = call.refused;
    take_counts(f, &call.status);
}

static void facts_fill(struct queue_facts *f)
{
    struct queue *q = f->queue;
    queue_facts_count(f);
    f->policy = effective_policy_ref(queue_policy(q));
    const struct consumer *c = queue_exclusive_consumer(q);
    if (!f->is_gone && c)
        take_exclusive_consumer(f, c);
}

static void fill_on_loop(struct loop *loop, void *arg)
{
    struct gathering *g = arg;
    unsigned i = loop_index(loop);
    for (unsigned n = 0; n < SLICE && g->next[i] < g->end[i]; n++)
        facts_fill(g->listing->rows[g->next[i]++]);
}

static bool gathering_is_over(const struct gathering *g)
{
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        if (g->next[i] < g->end[i])
            return false;
    return true;
}

bool manage_list_queues(struct manage *m, const struct actor *actor, struct slice vhost_name,
                        struct listing *ret, struct manage_error *error)
{
    *ret = (struct listing){.columns = queue_columns, .free_row = facts_free};
    struct vhost *vhost = manage_vhost(m, vhost_name, error);
    if (!vhost || !actor_check_vhost(actor, ACTOR_MANAGEMENT, vhost_name, error))
        return false;
    struct gathering *g = lv_calloc(1, sizeof *g);
    g->listing = ret;
    gathering_begin(vhost, g);
    int err = 0;
    while (err == 0 && !gathering_is_over(g))
        err = ask_every_loop(m->asker, fill_on_loop, g);
    free(g);
    if (err < 0)
        listing_free(ret);
    listing_sort_by(ret, by_name);
    return manage_end(error, err);
}

/* --- columns ---------------------------------------------------------------------------------- */

static struct slice policy_name(const struct effective_policy *policy, enum policy_kind kind)
{
    return policy ? policy->names[kind] : SLICE_EMPTY;
}

#define F struct queue_facts
#define COLUMN_OF(column) queue_column_##column
QUEUE_COLUMNS(COLUMN_VALUE)
const struct column queue_columns[] = {QUEUE_COLUMNS(COLUMN_ROW) COLUMNS_END};

/* --- changes ---------------------------------------------------------------------------------- */

static bool refuse_missing(struct manage_error *error)
{
    return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_QUEUE, "Queue not found");
}

struct declaring {
    struct queue_declaration declaration;
    bool is_created;
};

static enum change_result declare_on_loop(struct loop *loop, struct vhost *vhost, void *what,
                                          struct durable_done done, struct broker_error *error)
{
    struct declaring *d = what;
    struct queue *q;
    return queue_declare(loop, vhost, &d->declaration, done, error, &q, &d->is_created);
}

static bool may_declare(const struct actor *actor, struct slice vhost,
                        const struct queue_declaration *d, struct manage_error *error)
{
    struct broker_error told;
    if (!actor->identity)
        return true;
    if (!actor_check_vhost(actor, ACTOR_MANAGEMENT, vhost, error))
        return false;
    bool may;
    do {
        may = access_declare_queue(actor->identity, vhost, d, &told);
    } while (!may && actor_awaits(actor, &told));
    return may || manage_refuse_as_broker(error, SUBJECT_QUEUE, &told);
}

/* Checks the permissions, which for a queue that exists are fewer, and declares the queue. A queue
 * that is deleted between the two is declared again. */
static bool declare(struct manage *m, const struct actor *actor, struct slice vhost,
                    struct declaring *d, struct manage_error *error)
{
    const struct loop_change change = {vhost, SUBJECT_QUEUE, declare_on_loop, d};
    for (;;) {
        struct vhost *found = manage_vhost(m, vhost, error);
        if (!found)
            return false;
        d->declaration.only_if_there = queue_find(found, d->declaration.name) != NULL;
        if (!may_declare(actor, vhost, &d->declaration, error))
            return false;
        if (loop_change_make(m, actor, &change, error))
            return true;
        if (error->refusal != REFUSAL_NONE)
            return false;
    }
}

bool manage_declare_queue(struct manage *m, const struct actor *actor, struct slice vhost,
                          const struct queue_declaration *d, bool *ret_created,
                          struct manage_error *error)
{
    struct declaring declaring = {.declaration = *d};
    lv_assert(d->name.n > 0);
    if (!declare(m, actor, vhost, &declaring, error))
        return false;
    *ret_created = declaring.is_created;
    if (declaring.is_created)
        actor_log(actor, "queue '%.*s' in vhost '%.*s' is declared", SLICE_ARG(d->name),
                  SLICE_ARG(vhost));
    return true;
}

struct queue *manage_queue(struct manage *m, struct slice vhost_name, struct slice name,
                           struct manage_error *error)
{
    struct vhost *vhost = vhost_find(&m->broker->topology, vhost_name);
    struct queue *q = vhost ? queue_find(vhost, name) : NULL;
    if (q)
        return queue_ref(q);
    refuse_missing(error);
    return NULL;
}

static void call_is_answered(struct queue_call *call)
{
    ask_answer(lv_container_of(call, struct home_call, call)->question);
}

static void call_on_loop(struct loop *loop, void *arg, struct question *question)
{
    struct home_call *h = arg;
    lv_assert(queue_home(h->call.queue) == loop);
    h->question = question;
    h->call.from = loop;
    queue_call_start(&h->call);
}

int home_call_run(struct manage *m, struct home_call *h)
{
    lv_assert(h->call.queue && h->call.run);
    h->call.done = call_is_answered;
    return ask_loop_later(m->asker, queue_home(h->call.queue), call_on_loop, h);
}

/* Refuses as the broker has. A queue that has been deleted meanwhile, or that belongs to an
 * exchange, is refused as missing; for other refusals the text is the broker's own. */
static bool refuse_as_broker(const struct broker_error *told, struct manage_error *error)
{
    if (told->refusal == REFUSAL_NOT_FOUND || told->refusal == REFUSAL_RESERVED)
        return refuse_missing(error);
    return manage_refuse_as_broker(error, SUBJECT_QUEUE, told);
}

/* Runs the call at the queue's home, and releases the call's reference to the queue. Returns false
 * after refusing. */
static bool change_queue(struct manage *m, struct home_call *h, struct manage_error *error)
{
    struct queue *q = h->call.queue;
    int err = home_call_run(m, h);
    queue_unref(&q);
    if (err < 0)
        return manage_end(error, err);
    return !h->call.refused || refuse_as_broker(&h->call.error, error);
}

bool manage_purge_queue(struct manage *m, const struct actor *actor, struct slice vhost,
                        struct slice name, uint64_t *ret, struct manage_error *error)
{
    if (!actor_check_queue(actor, AUTH_READ, vhost, name, error))
        return false;
    struct home_call h = {
        .call = {.queue = manage_queue(m, vhost, name, error), .run = queue_call_purge}};
    if (!h.call.queue || !change_queue(m, &h, error))
        return false;
    *ret = h.call.purge.dropped;
    actor_log(actor, "queue '%.*s' in vhost '%.*s' is purged of %llu messages", SLICE_ARG(name),
              SLICE_ARG(vhost), (unsigned long long)*ret);
    return true;
}

static bool may_delete(const struct actor *actor, const struct queue *q, struct manage_error *error)
{
    struct broker_error told;
    bool is_local_operator = !actor->identity;
    return is_local_operator || queue_entry_check_access(queue_entry(q), 0, &told) ||
           refuse_as_broker(&told, error);
}

bool manage_delete_queue(struct manage *m, const struct actor *actor,
                         const struct queue_deletion *what, uint64_t *ret,
                         struct manage_error *error)
{
    if (!actor_check_queue(actor, AUTH_CONFIGURE, what->vhost, what->name, error))
        return false;
    struct home_call h = {.call = {.queue = manage_queue(m, what->vhost, what->name, error),
                                   .run = queue_call_delete,
                                   .user = actor->name,
                                   .deletion = {.is_hasty = true,
                                                .if_unused = what->if_unused,
                                                .if_empty = what->if_empty}}};
    if (!h.call.queue)
        return false;
    if (!may_delete(actor, h.call.queue, error)) {
        queue_unref(&h.call.queue);
        return false;
    }
    if (!change_queue(m, &h, error))
        return false;
    *ret = h.call.deletion.dropped;
    actor_log(actor, "queue '%.*s' in vhost '%.*s' is deleted, with %llu messages",
              SLICE_ARG(what->name), SLICE_ARG(what->vhost), (unsigned long long)*ret);
    return true;
}
