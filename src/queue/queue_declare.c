/* A queue is declared, by a client or by the broker itself, or recovered from the definitions. */
#define LOG_CATEGORY LOG_ABOUT_QUEUE

#include "queue/queue_private.h"

#include <stdlib.h>

#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"
#include "paging/journal.h"
#include "queue/default_type.h"
#include "store/definitions.h"
#include "topology/dedup.h"
#include "topology/topology_events.h"
#include "topology/vhost_private.h"

/* --- a queue that exists ---------------------------------------------------------------------- */

/* Returns whether a declaration agrees with the queue that exists. */
static bool check_redeclaration(const struct queue *q, const struct queue_declaration *d,
                                struct broker_error *error)
{
    if (!queue_entry_check_access(&q->entry, d->connection_id, error))
        return false;
    if (d->passive)
        return true;
    if (d->flags.exclusive != (q->entry.exclusive_owner != 0))
        return queue_entry_refuse_locked(&q->entry, error);
    bool is_type_relaxed = atomic_load(&q->entry.vhost->topology->is_type_relaxed);
    return queue_is_equivalent(q->entry.flags, q->entry.argument_table, d->flags, d->arguments,
                               is_type_relaxed, d->name, vhost_name(q->entry.vhost), error);
}

/* --- storing its definition ------------------------------------------------------------------- */

struct commit_wait {
    struct queue *queue; /* referenced */
    struct durable_done done;
};

static void decided_mail(struct loop *at, struct mail *mail)
{
    struct queue *q = mail->a;
    journal_owner_decided(at);
    queue_unref(&q);
}

/* On the definitions' thread. Confirms that wait for the queue's definition are answered by mail to
 * its home: a confirmed message must be in a queue that outlives a crash. */
static void definition_is_decided(void *arg, int error)
{
    struct commit_wait *wait = arg;
    struct queue *q = wait->queue;
    struct durable_done done = wait->done;
    lv_assert(atomic_load(&q->lanes.definition) == OWNER_PENDING); /* once */
    atomic_store(&q->lanes.definition, error < 0 ? OWNER_FAILED : OWNER_STORED);
    struct mail mail = {.deliver = decided_mail, .a = q};
    loop_mail_from_outside(q->entry.home, &mail);
    free(wait);
    if (done.fn)
        done.fn(done.arg, error);
}

/* Stores the definition of a new queue, or of one whose definition could not be stored before. The
 * caller holds the topology lock. */
static enum change_result store_queue(struct queue *q, struct durable_done done)
{
    struct definitions *definitions = q->entry.vhost->topology->definitions;
    if (!q->entry.flags.durable || q->entry.flags.exclusive || !definitions) {
        atomic_store(&q->lanes.definition, OWNER_STORED);
        return CHANGE_DONE;
    }
    atomic_store(&q->lanes.definition, OWNER_PENDING);
    struct definition_queue row = {
        .vhost = vhost_name(q->entry.vhost),
        .name = queue_name(q),
        .id = q->id,
        .is_auto_delete = q->entry.flags.auto_delete,
        .arguments = q->entry.argument_table,
        .user = queue_user_name(q->entry.user),
    };
    struct commit_wait *wait = lv_malloc(sizeof *wait);
    *wait = (struct commit_wait){queue_ref(q), done};
    definitions_submit(definitions, definition_put_queue(&row), definition_is_decided, wait);
    return done.fn ? CHANGE_PENDING : CHANGE_DONE;
}

/* --- a new queue -------------------------------------------------------------------------------
 */

static bool is_reserved(const struct queue_declaration *d)
{
    return !d->is_generated && slice_begins(d->name, "amq.");
}

static bool refuse_reserved(const struct queue_declaration *d, struct broker_error *error)
{
    return broker_refuse_as(error, REFUSAL_RESERVED, 403,
                            "queue name '%.*s' contains reserved prefix 'amq.*'",
                            SLICE_ARG(d->name));
}

static struct loop *choose_home(struct topology *topology, struct loop *loop,
                                const struct queue_declaration *d)
{
    if (d->flags.exclusive)
        return loop;
    uint64_t turn = atomic_fetch_add_explicit(&topology->next_queue_home, 1, memory_order_relaxed);
    return loops_at(topology->loops, (unsigned)(turn % loops_count(topology->loops)));
}

/* Makes the queue's arguments, which have been read, its settings, and sets up its lane for the
 * type of queue. */
static void settings_begin(struct queue *q)
{
    bool is_quorum = q->arguments.type == QUEUE_QUORUM; /* which has no priorities: one lane */
    q->settings = q->arguments;
    q->lanes.first.backlog.stores_all = is_quorum;
    q->lanes.first.backlog.counts_deliveries = is_quorum;
}

/* Users of quorum queues expect a delivery limit. Without a dead-letter exchange there is none by
 * default. */
static void warn_of_no_dead_letters(const struct queue *q)
{
    const struct queue_arguments *a = &q->settings;
    if (a->type == QUEUE_QUORUM && a->delivery_limit == ARGUMENT_UNSET &&
        !a->has_dead_letter_exchange)
        log_warning("queue '%.*s' in vhost '%.*s' has no dead-letter exchange: a message that is "
                    "never acknowledged is redelivered for ever (quorum queues have a delivery "
                    "limit only with a dead-letter exchange or an x-delivery-limit)",
                    SLICE_ARG(queue_name(q)), SLICE_ARG(vhost_name(q->entry.vhost)));
}

static bool check_arguments(const struct queue_declaration *d, struct vhost *vhost,
                            struct queue_arguments *ret, struct broker_error *error)
{
    struct dedup_settings dedup;
    return queue_arguments_read(d->arguments, d->flags, d->name, vhost_name(vhost), ret, error) &&
           dedup_settings_read(d->arguments, false, &dedup, error);
}

static void link_locked(struct queue *q, struct slice user)
{
    q->entry.user = queue_user_enter(q->entry.vhost->topology, user);
    lv_table_insert(q->entry.vhost->queues, &q->entry.by_name);
    q->entry.vhost->delaying_queues += q->ops->is_delaying;
}

/* Declares a queue of which the caller has found that it does not exist. The caller holds the
 * topology lock. */
static enum change_result declare_new(struct loop *loop, struct vhost *vhost,
                                      const struct queue_declaration *d, struct durable_done done,
                                      struct broker_error *error, struct queue **ret)
{
    struct queue_arguments arguments;
    if (!check_arguments(d, vhost, &arguments, error))
        return CHANGE_REFUSED;
    struct queue *q =
        queue_create(vhost, choose_home(vhost->topology, loop, d), d->name, d->flags, d->arguments);
    if (!queue_arguments_read(q->entry.argument_table, q->entry.flags, d->name, vhost_name(vhost),
                              &q->arguments, error))
        lv_unreachable();
    settings_begin(q);
    if (d->flags.exclusive)
        q->entry.exclusive_owner = d->connection_id;
    q->ops->begin(q);
    warn_of_no_dead_letters(q);
    queue_begin_expiry(q);
    /* Cached routes stay valid: none of them says that a queue is missing. */
    link_locked(q, events_actor());
    event_queue_created(&q->entry);
    *ret = q;
    return store_queue(q, done);
}

static enum change_result declare_locked(struct loop *loop, struct vhost *vhost,
                                         const struct queue_declaration *d,
                                         struct durable_done done, struct broker_error *error,
                                         struct queue **ret, bool *ret_created)
{
    struct queue *q = queue_find(vhost, d->name);
    *ret_created = false;
    if (q) {
        *ret = q;
        if (!check_redeclaration(q, d, error))
            return CHANGE_REFUSED;
        queue_used(q);
        bool is_missing = atomic_load(&q->lanes.definition) == OWNER_FAILED;
        return is_missing && !d->passive ? store_queue(q, done) : CHANGE_DONE;
    }
    if (d->passive) {
        queue_entry_refuse_missing(d->name, vhost, error);
        return CHANGE_REFUSED;
    }
    if (!vhost_check(vhost, error) || d->only_if_there)
        return CHANGE_REFUSED;
    if (!vhost_check_queue_limit(vhost, d->name, error) ||
        !node_check_queue_limit(vhost->topology, d->name, error) ||
        (d->is_generated && !queue_arguments_check_generated(d->arguments, error)))
        return CHANGE_REFUSED;
    *ret_created = true;
    return declare_new(loop, vhost, d, done, error, ret);
}

enum change_result queue_declare(struct loop *loop, struct vhost *vhost,
                                 const struct queue_declaration *d, struct durable_done done,
                                 struct broker_error *error, struct queue **ret, bool *ret_created)
{
    if (!d->passive && is_reserved(d)) {
        refuse_reserved(d, error);
        return CHANGE_REFUSED;
    }
    struct queue_declaration typed = *d;
    struct lv_buffer space = {0};
    topology_lock(vhost->topology);
    typed.arguments = default_type_arguments(vhost, d, &space);
    enum change_result result = declare_locked(loop, vhost, &typed, done, error, ret, ret_created);
    topology_unlock(vhost->topology);
    lv_buffer_free(&space);
    COUNT_MANY(queues_declared, result != CHANGE_REFUSED);
    COUNT_MANY(queues_created, result != CHANGE_REFUSED && *ret_created);
    return result;
}

bool queue_check(struct vhost *vhost, const struct queue_declaration *d, struct broker_error *error)
{
    struct queue_declaration typed = *d;
    struct queue_arguments arguments;
    struct lv_buffer space = {0};
    if (is_reserved(d))
        return refuse_reserved(d, error);
    topology_lock(vhost->topology);
    typed.arguments = default_type_arguments(vhost, d, &space);
    struct queue *q = queue_find(vhost, d->name);
    bool is_fine = q ? check_redeclaration(q, &typed, error)
                     : check_arguments(&typed, vhost, &arguments, error);
    topology_unlock(vhost->topology);
    lv_buffer_free(&space);
    return is_fine;
}

struct queue *queue_restore(struct vhost *vhost, struct slice name, struct queue_flags flags,
                            struct slice arguments, struct slice user, uint64_t id)
{
    struct queue_declaration d = {.name = name, .flags = flags, .arguments = arguments};
    struct topology *topology = vhost->topology;
    struct queue *q = queue_create(vhost, choose_home(topology, NULL, &d), name, flags, arguments);
    q->id = id;
    lane_owner_set_id(&q->lanes, id);
    atomic_store(&q->lanes.definition, OWNER_STORED);
    if (atomic_load(&topology->next_queue_id) <= id)
        atomic_store(&topology->next_queue_id, id + 1);
    struct broker_error error;
    if (!queue_arguments_read(q->entry.argument_table, flags, name, vhost_name(vhost),
                              &q->arguments, &error)) {
        /* Written by a later version: the queue is kept, but none of its arguments takes effect. */
        q->arguments = (struct queue_arguments){0};
        if (!queue_arguments_read(SLICE_EMPTY, flags, name, vhost_name(vhost), &q->arguments,
                                  &error))
            lv_unreachable();
    }
    settings_begin(q);
    topology_lock(topology);
    q->ops->begin(q);
    link_locked(q, user);
    topology_unlock(topology);
    return q;
}

struct queue *queue_create_owned(struct vhost *vhost, struct slice name, bool durable)
{
    struct queue_declaration d = {.name = name, .is_generated = true, .flags.durable = durable};
    struct broker_error error;
    struct queue *q;
    if (declare_new(NULL, vhost, &d, (struct durable_done){0}, &error, &q) == CHANGE_REFUSED)
        lv_unreachable();
    return q;
}

struct queue *queue_create_apart(struct vhost *vhost, struct loop *home, struct slice name)
{
    struct queue *q =
        queue_create(vhost, home, name, (struct queue_flags){.durable = false}, SLICE_EMPTY);
    struct broker_error error;
    if (!queue_arguments_read(SLICE_EMPTY, q->entry.flags, name, vhost_name(vhost), &q->arguments,
                              &error))
        lv_unreachable();
    settings_begin(q);
    q->entry.is_apart = true;
    atomic_store(&q->lanes.definition, OWNER_STORED);
    return q;
}
