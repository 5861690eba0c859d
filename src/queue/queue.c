/* A queue's life and its name: declaration, recovery, deletion. */
#include "queue/queue_private.h"

#include <stdlib.h>

#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"
#include "paging/journal.h"
#include "paging/pager.h"
#include "queue/browse.h"
#include "queue/conflation.h"
#include "queue/default_type.h"
#include "queue/held.h"
#include "store/definitions.h"
#include "topology/dedup.h"
#include "topology/topology_events.h"
#include "topology/vhost_private.h"

/* --- its life --------------------------------------------------------------------------------- */

static struct slice bytes_copy(struct slice s)
{
    return s.n ? slice_of(memcpy(lv_malloc(s.n), s.p, s.n), s.n) : SLICE_EMPTY;
}

static void queue_after_grace(struct lv_rcu_refs *refs);

static struct queue *queue_create(struct vhost *vhost, struct loop *home, struct slice name,
                                  struct queue_flags flags, struct slice argument_table)
{
    struct queue *q = lv_calloc(1, sizeof *q);
    q->entry.magic = QUEUE_ENTRY_MAGIC;
    lv_rcu_refs_init(&q->entry.refs, queue_after_grace); /* the name's */
    destination_init(&q->entry.destination, DESTINATION_QUEUE, bytes_copy(name), flags.durable);
    q->entry.by_name.key = q->entry.destination.name;
    vhost_ref(vhost);
    q->entry.vhost = vhost;
    q->entry.home = home;
    q->entry.flags = flags;
    q->ops = vhost->topology->queue_ops_for(name);
    q->entry.is_companion = q->ops->is_delaying;
    q->entry.argument_table = bytes_copy(argument_table);
    q->entry.dedup = dedup_create(vhost, &q->entry.destination, flags.durable && !flags.exclusive,
                                  q->entry.argument_table, false);
    q->conflation = conflation_create(q->entry.argument_table);
    lv_list_init(&q->consumers);
    lv_list_init(&q->ready_consumers);
    lv_list_init(&q->owner_link);
    lv_list_init(&q->waiting_calls);
    lv_list_init(&q->browses);
    q->id = atomic_fetch_add(&vhost->topology->next_queue_id, 1);
    queue_init_lanes(q);
    loop_task_init(&q->delivery_run, queue_run_deliveries);
    queue_init_expiry(q);
    queue_use_init(&q->use, 0); /* of whatever time the home has: it was not starved before */
    return q;
}

static void queue_free(struct queue *q)
{
    lv_assert(q->entry.magic == QUEUE_ENTRY_MAGIC);
    q->entry.magic = 0;
    q->ops->free(q);
    lanes_free(&q->lanes);
    effective_policy_unref(&q->policy);
    conflation_free(&q->conflation);
    dedup_free(&q->entry.dedup);
    vhost_unref(&q->entry.vhost);
    free((void *)q->entry.destination.name.p);
    free((void *)q->entry.argument_table.p);
    free(q);
}

struct queue *queue_ref(struct queue *q)
{
    queue_entry_ref(&q->entry);
    return q;
}

static void free_mail(struct loop *at, struct mail *mail)
{
    struct queue *q = mail->a;
    loop_unschedule(at, &q->delivery_run);
    queue_end_expiry(q);
    queue_free(q);
}

/* Every loop has passed a quiescent state: whoever had found the queue by its name or in a route
 * has sent its mail. Mail to the home now comes behind all of that. */
static void queue_after_grace(struct lv_rcu_refs *refs)
{
    struct queue *q = queue_of_entry(lv_container_of(refs, struct queue_entry, refs));
    struct mail mail = {.deliver = free_mail, .a = q};
    loop_mail_from_outside(q->entry.home, &mail);
}

void queue_unref(struct queue **queue)
{
    struct queue_entry *entry = &(*queue)->entry;
    *queue = NULL;
    queue_entry_unref(&entry);
}

enum queue_type queue_type(const struct queue *q)
{
    return q->arguments.type;
}

const struct queue_counters *queue_counters(const struct queue *q)
{
    return &q->counters;
}

uint64_t queue_id(const struct queue *q)
{
    return q->id;
}

size_t queue_memory(const struct queue *q)
{
    return sizeof *q + q->entry.argument_table.n;
}

const struct queue_arguments *queue_settings(const struct queue *q)
{
    queue_assert_home(q);
    return &q->settings;
}

struct effective_policy *queue_policy(const struct queue *q)
{
    queue_assert_home(q);
    return q->policy;
}

const struct consumer *queue_exclusive_consumer(const struct queue *q)
{
    queue_assert_home(q);
    return q->exclusive_consumer;
}

void queue_add_owned(struct lv_list *owned, struct queue *q)
{
    queue_assert_home(q);
    lv_assert(lv_list_is_empty(&q->owner_link));
    lv_list_push(owned, &q->owner_link);
}

struct queue *queue_first_owned(const struct lv_list *owned)
{
    return lv_list_is_empty(owned) ? NULL : lv_list_item(owned->next, struct queue, owner_link);
}

bool queue_is_delaying(const struct queue *q)
{
    return q->ops->is_delaying;
}

void queue_count_dead_letter(struct queue *q, enum death reason)
{
    q->counters.dead_lettered[reason]++;
    COUNT_NTH(dead_lettered_rejected, reason);
}

struct departures *queue_departures(const struct queue *q)
{
    return q->departures;
}

void queue_set_departures(struct queue *q, struct departures *departures)
{
    queue_assert_home(q);
    q->departures = departures;
}

void queue_set_departures_behind(struct queue *q, bool is_behind)
{
    queue_assert_home(q);
    atomic_store_explicit(&q->is_departures_behind, is_behind, memory_order_relaxed);
}

/* --- names ------------------------------------------------------------------------------------ */

struct queue *queue_find(struct vhost *vhost, struct slice name)
{
    struct queue_entry *entry = queue_entry_find(vhost, name);
    return entry ? queue_of_entry(entry) : NULL;
}

/* Whether a declaration of a queue that is there may stand. */
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

static bool is_reserved(const struct queue_declaration *d)
{
    return !d->is_generated && slice_begins(d->name, "amq.");
}

static struct loop *choose_home(struct topology *topology, struct loop *loop,
                                const struct queue_declaration *d)
{
    if (d->flags.exclusive)
        return loop;
    uint64_t turn = atomic_fetch_add_explicit(&topology->next_queue_home, 1, memory_order_relaxed);
    return loops_at(topology->loops, (unsigned)(turn % loops_count(topology->loops)));
}

struct commit_wait {
    struct queue *queue; /* referenced */
    struct durable_done done;
};

static void committed_mail(struct loop *at, struct mail *mail)
{
    struct queue *q = mail->a;
    journal_owner_committed(at, mail->c == 0);
    queue_unref(&q);
}

/* On the definitions' thread. What waits for the queue hears of it first: a confirm for a message
 * must not depend on a definition that a crash could take back. */
static void queue_is_committed(void *arg, int error)
{
    struct commit_wait *wait = arg;
    struct queue *q = wait->queue;
    struct durable_done done = wait->done;
    atomic_store(&q->lanes.is_committed, true);
    struct mail mail = {.deliver = committed_mail, .a = q, .c = error < 0};
    loop_mail_from_outside(q->entry.home, &mail);
    free(wait);
    if (done.fn)
        done.fn(done.arg, error);
}

static enum change_result store_queue(struct queue *q, struct durable_done done)
{
    struct definitions *definitions = q->entry.vhost->topology->definitions;
    atomic_store(&q->lanes.is_committed, true);
    if (!q->entry.flags.durable || q->entry.flags.exclusive || !definitions)
        return CHANGE_DONE;
    atomic_store(&q->lanes.is_committed, false);
    struct definition_queue row = {
        .vhost = vhost_name(q->entry.vhost),
        .name = queue_name(q),
        .id = q->id,
        .is_auto_delete = q->entry.flags.auto_delete,
        .arguments = q->entry.argument_table,
    };
    struct commit_wait *wait = lv_malloc(sizeof *wait);
    *wait = (struct commit_wait){queue_ref(q), done};
    definitions_submit(definitions, definition_put_queue(&row), queue_is_committed, wait);
    return done.fn ? CHANGE_PENDING : CHANGE_DONE;
}

/* The new queue's arguments are read: they are its settings, and its lane knows its type. */
static void settings_begin(struct queue *q)
{
    bool is_quorum = q->arguments.type == QUEUE_QUORUM; /* which has no priorities: one lane */
    q->settings = q->arguments;
    q->lanes.first.backlog.stores_all = is_quorum;
    q->lanes.first.backlog.counts_deliveries = is_quorum;
}

/* Users of quorum queues count on a limit that there is only with somewhere to put what reaches
 * it. */
static void warn_of_no_dead_letters(const struct queue *q)
{
    const struct queue_arguments *a = &q->settings;
    if (a->type == QUEUE_QUORUM && a->delivery_limit == ARGUMENT_UNSET &&
        !a->has_dead_letter_exchange)
        log_warning("queue '%.*s' in vhost '%.*s' has no dead-letter exchange: a message that is "
                    "never acknowledged comes back without end (the delivery limit of quorum "
                    "queues holds only with an exchange, or an x-delivery-limit)",
                    SLICE_ARG(queue_name(q)), SLICE_ARG(vhost_name(q->entry.vhost)));
}

static void link_locked(struct queue *q)
{
    lv_table_insert(q->entry.vhost->queues, &q->entry.by_name);
    q->entry.vhost->delaying_queues += q->ops->is_delaying;
}

/* The lock is held, and there is no queue of this name. */
static enum change_result declare_new(struct loop *loop, struct vhost *vhost,
                                      const struct queue_declaration *d, struct durable_done done,
                                      struct broker_error *error, struct queue **ret)
{
    struct queue_arguments arguments;
    struct dedup_settings dedup;
    if (!queue_arguments_read(d->arguments, d->flags, d->name, vhost_name(vhost), &arguments,
                              error) ||
        !dedup_settings_read(d->arguments, false, &dedup, error))
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
    /* No generation moves: no route that is kept says that a queue is not there. */
    link_locked(q);
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
        return CHANGE_DONE;
    }
    if (d->passive) {
        queue_entry_refuse_missing(d->name, vhost, error);
        return CHANGE_REFUSED;
    }
    if (!vhost_check(vhost, error) || d->only_if_there)
        return CHANGE_REFUSED;
    if (!vhost_check_queue_limit(vhost, d->name, error) ||
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
        broker_refuse_as(error, REFUSAL_RESERVED, 403,
                         "queue name '%.*s' contains reserved prefix 'amq.*'", SLICE_ARG(d->name));
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

struct queue *queue_restore(struct vhost *vhost, struct slice name, struct queue_flags flags,
                            struct slice arguments, uint64_t id)
{
    struct queue_declaration d = {.name = name, .flags = flags, .arguments = arguments};
    struct topology *topology = vhost->topology;
    struct queue *q = queue_create(vhost, choose_home(topology, NULL, &d), name, flags, arguments);
    q->id = id;
    lane_owner_set_id(&q->lanes, id);
    atomic_store(&q->lanes.is_committed, true);
    if (atomic_load(&topology->next_queue_id) <= id)
        atomic_store(&topology->next_queue_id, id + 1);
    struct broker_error error;
    if (!queue_arguments_read(q->entry.argument_table, flags, name, vhost_name(vhost),
                              &q->arguments, &error)) {
        /* Written by a version that knew more: keep the queue, without what we do not know. */
        q->arguments = (struct queue_arguments){0};
        if (!queue_arguments_read(SLICE_EMPTY, flags, name, vhost_name(vhost), &q->arguments,
                                  &error))
            lv_unreachable();
    }
    settings_begin(q);
    topology_lock(topology);
    q->ops->begin(q);
    link_locked(q);
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
    atomic_store(&q->lanes.is_committed, true);
    return q;
}

/* --- deletion: home --------------------------------------------------------------------------- */

/* The lock is held. */
static bool unlink_locked(struct queue *q, struct durable_done done, bool *ret_is_pending)
{
    struct topology *topology = q->entry.vhost->topology;
    if (atomic_load(&q->entry.is_deleted))
        return false;
    atomic_store(&q->entry.is_deleted, true);
    dedup_close(q->entry.dedup);
    lv_table_remove(q->entry.vhost->queues, &q->entry.by_name);
    q->entry.vhost->delaying_queues -= q->ops->is_delaying;
    struct slice user = events_act_as(SLICE_EMPTY); /* bindings go by themselves */
    destination_unbind_all(q->entry.vhost, &q->entry.destination);
    events_act_as(user);
    event_queue_deleted(&q->entry);
    topology_moved(topology);
    bool was_stored = q->entry.flags.durable && !q->entry.flags.exclusive &&
                      topology->definitions && !atomic_load(&q->entry.vhost->is_deleted);
    if (was_stored)
        definitions_submit(topology->definitions,
                           definition_delete_queue(vhost_name(q->entry.vhost), queue_name(q)),
                           done.fn, done.arg);
    *ret_is_pending = was_stored && done.fn;
    return true;
}

static bool unlink_name(struct queue *q, struct durable_done done, bool *ret_is_pending)
{
    topology_lock(q->entry.vhost->topology);
    bool was_there = unlink_locked(q, done, ret_is_pending);
    topology_unlock(q->entry.vhost->topology);
    return was_there;
}

/* Its name has gone already. The messages that were ready. */
static uint64_t queue_end(struct queue *q)
{
    uint64_t ready = lanes_count(&q->lanes).ready;
    bool is_declared = !q->entry.is_apart && !q->entry.is_companion;
    struct lv_list *it, *after;
    lv_list_each (it, after, &q->consumers) {
        struct consumer *c = lv_list_item(it, struct consumer, link);
        queue_take_out(q, c);
        consumer_tell_cancelled(c);
    }
    lv_list_remove(&q->owner_link);
    browses_wake(q);
    queue_answer_waiting_calls(q);
    q->ops->stop(q);
    loop_unschedule(q->entry.home, &q->delivery_run);
    queue_end_expiry(q);
    lanes_end(&q->lanes);
    struct queue *name_s = q;
    queue_unref(&name_s);
    COUNT_MANY(queues_deleted, is_declared);
    return ready;
}

uint64_t queue_delete_with(struct queue *q, struct durable_done done, bool *ret_is_pending)
{
    queue_assert_home(q);
    *ret_is_pending = false;
    return unlink_name(q, done, ret_is_pending) ? queue_end(q) : 0;
}

static void queue_end_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    if (held_takes(mail->a, mail))
        return;
    queue_end(mail->a); /* gives back the name's reference */
}

void queue_end_apart(struct queue *q)
{
    queue_assert_home(q);
    atomic_store(&q->entry.is_deleted, true);
    queue_end(q);
}

void queue_delete_owned(struct queue *q)
{
    bool is_pending;
    struct mail mail = {.deliver = queue_end_mail, .a = q};
    if (unlink_locked(q, (struct durable_done){0}, &is_pending))
        loop_mail_from_outside(q->entry.home, &mail);
}

uint64_t queue_delete(struct queue *q)
{
    bool is_pending;
    return queue_delete_with(q, (struct durable_done){0}, &is_pending);
}

static void delete_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct queue *q = mail->a;
    if (held_takes(q, mail))
        return;
    queue_delete(q);
    queue_unref(&q);
}

void queue_delete_by_mail(struct loop *from, struct queue *q)
{
    struct mail mail = {.deliver = delete_mail, .a = queue_ref(q)};
    if (from)
        loop_mail(from, q->entry.home, &mail);
    else
        loop_mail_from_outside(q->entry.home, &mail);
}

void queues_relieve(struct topology *topology, struct loop *loop)
{
    lv_assert(!loop_current() || loop_current() == loop);
    struct lv_table_iter vhosts, queues;
    struct lv_table_node *v = lv_table_first(topology->vhosts, &vhosts);
    for (; v; v = lv_table_next(topology->vhosts, &vhosts)) {
        struct vhost *vhost = lv_container_of(v, struct vhost, by_name);
        struct lv_table_node *n = lv_table_first(vhost->queues, &queues);
        for (; n; n = lv_table_next(vhost->queues, &queues)) {
            struct queue *q = queue_of_node(n);
            if (q->entry.home != loop || q->is_restoring)
                continue;
            for (unsigned i = 0; i < q->lanes.lane_count; i++)
                pager_relieve(queue_lane(q, i));
        }
    }
}
