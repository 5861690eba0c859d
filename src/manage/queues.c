/* Queues: listing, declaring, purging, deleting. */
#include "manage/queues_private.h"

#include <stdlib.h>

#include "auth/access.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "manage/columns.h"
#include "manage/loop_change.h"
#include "queue/queue_arguments.h"
#include "topology/vhost.h"

static int by_name(const void *a, const void *b)
{
    const struct queue_facts *p = *(const struct queue_facts *const *)a;
    const struct queue_facts *q = *(const struct queue_facts *const *)b;
    return slice_compare(p->name, q->name);
}

bool queue_is_of_user(const struct queue *q, struct slice user)
{
    return slice_equal(queue_user_name(queue_entry(q)->user), user);
}

bool manage_list_queues(struct manage *m, const struct actor *actor, struct slice vhost_name,
                        const struct slice *user, struct listing *ret, struct manage_error *error)
{
    *ret = (struct listing){.columns = queue_columns, .free_row = queue_facts_free};
    if (!manage_vhost(m, vhost_name, error) ||
        !actor_check_vhost(actor, ACTOR_MANAGEMENT, vhost_name, error))
        return false;
    struct vhost *vhost = manage_vhost(m, vhost_name, error); /* again: the check may have waited */
    struct lv_table_iter it;
    if (!vhost)
        return false;
    for (struct lv_table_node *node = lv_table_first(vhost->queues, &it); node;
         node = lv_table_next(vhost->queues, &it)) {
        if (!user || queue_is_of_user(queue_of_node(node), *user))
            listing_add(ret, queue_facts_begin(queue_of_node(node)));
    }
    listing_sort_by(ret, by_name);
    return queue_facts_gather(m, ret, error);
}

bool manage_show_queue(struct manage *m, const struct actor *actor, struct slice vhost,
                       struct slice name, struct listing *ret, struct manage_error *error)
{
    *ret = (struct listing){.columns = queue_columns, .free_row = queue_facts_free};
    if (!actor_check_vhost(actor, ACTOR_MANAGEMENT, vhost, error))
        return false;
    struct queue *q = manage_queue(m, vhost, name, error);
    if (!q)
        return false;
    listing_add(ret, queue_facts_begin(q));
    queue_unref(&q);
    return queue_facts_gather(m, ret, error);
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

static void look_for_queue(struct vhost *vhost, void *what)
{
    struct queue_declaration *d = &((struct declaring *)what)->declaration;
    d->only_if_there = queue_find(vhost, d->name) != NULL;
}

static bool may_declare(struct auth_identity *identity, struct slice vhost, const void *what,
                        struct broker_error *told)
{
    return access_declare_queue(identity, vhost, &((const struct declaring *)what)->declaration,
                                told);
}

bool manage_declare_queue(struct manage *m, const struct actor *actor, struct slice vhost,
                          const struct queue_declaration *d, bool *ret_created,
                          struct manage_error *error)
{
    struct declaring declaring = {.declaration = *d};
    const struct loop_declaration how = {
        .change = {vhost, SUBJECT_QUEUE, declare_on_loop, &declaring},
        .look = look_for_queue,
        .may = may_declare,
    };
    lv_assert(d->name.n > 0);
    if (!loop_declare(m, actor, &how, error))
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
    lv_assert(queue_home(h->call.queue) == loop && !queue_is_restoring(h->call.queue));
    h->question = question;
    h->call.from = loop;
    queue_call_start(&h->call);
}

int home_call_run(struct manage *m, struct home_call *h)
{
    lv_assert(h->call.queue && h->call.run);
    h->call.done = call_is_answered;
    int err = manage_await_messages(m);
    return err < 0 ? err : ask_loop_later(m->asker, queue_home(h->call.queue), call_on_loop, h);
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

/* Returns a reference to the queue, or NULL after refusing; a queue that is exclusive to a
 * connection is left to that and to the operator of this machine. */
static struct queue *find_unlocked(struct manage *m, const struct actor *actor, struct slice vhost,
                                   struct slice name, struct manage_error *error)
{
    struct broker_error told;
    struct queue *q = manage_queue(m, vhost, name, error);
    bool is_local_operator = !actor->identity;
    if (!q || is_local_operator || queue_entry_check_access(queue_entry(q), 0, &told))
        return q;
    refuse_as_broker(&told, error);
    queue_unref(&q);
    return NULL;
}

bool manage_purge_queue(struct manage *m, const struct actor *actor, struct slice vhost,
                        struct slice name, struct progress *progress, uint64_t *ret,
                        struct manage_error *error)
{
    if (!actor_check_queue(actor, AUTH_READ, vhost, name, error))
        return false;
    struct home_call h = {
        .call = {.queue = find_unlocked(m, actor, vhost, name, error), .run = queue_call_purge}};
    h.call.purge.progress = progress;
    if (!h.call.queue || !change_queue(m, &h, error))
        return false;
    *ret = h.call.purge.dropped;
    actor_log(actor, "queue '%.*s' in vhost '%.*s' is purged of %llu messages", SLICE_ARG(name),
              SLICE_ARG(vhost), (unsigned long long)*ret);
    return true;
}

bool manage_delete_queue(struct manage *m, const struct actor *actor,
                         const struct queue_deletion *what, uint64_t *ret,
                         struct manage_error *error)
{
    if (!actor_check_queue(actor, AUTH_CONFIGURE, what->vhost, what->name, error))
        return false;
    struct home_call h = {.call = {.queue = find_unlocked(m, actor, what->vhost, what->name, error),
                                   .run = queue_call_delete,
                                   .user = actor->name,
                                   .deletion = {.is_hasty = true,
                                                .if_unused = what->if_unused,
                                                .if_empty = what->if_empty}}};
    if (!h.call.queue || !change_queue(m, &h, error))
        return false;
    *ret = h.call.deletion.dropped;
    actor_log(actor, "queue '%.*s' in vhost '%.*s' is deleted, with %llu messages",
              SLICE_ARG(what->name), SLICE_ARG(what->vhost), (unsigned long long)*ret);
    return true;
}
