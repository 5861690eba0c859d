/* A queue's life: how it is made and freed, and what others may read of it. It is declared in
 * queue_declare.c and deleted in queue_delete.c.
 *
 * A queue is freed after its last reference has been dropped (the first is its name's), a grace
 * period has passed, and the mail that was sent to its home before that has been delivered. */
#include "queue/queue_private.h"

#include <stdlib.h>

#include "base/counters.h"
#include "base/memory.h"
#include "queue/conflation.h"
#include "queue/queue_lives.h"
#include "topology/dedup.h"
#include "topology/vhost_private.h"

/* --- its life --------------------------------------------------------------------------------- */

static struct slice bytes_copy(struct slice s)
{
    return s.n ? slice_of(memcpy(lv_malloc(s.n), s.p, s.n), s.n) : SLICE_EMPTY;
}

static void queue_after_grace(struct lv_rcu_refs *refs);

struct queue *queue_create(struct vhost *vhost, struct loop *home, struct slice name,
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
    queue_use_init(&q->use, 0); /* not starved since time 0, whatever the home's clock shows */
    return q;
}

static void queue_free(struct queue *q)
{
    lv_assert(q->entry.magic == QUEUE_ENTRY_MAGIC);
    lv_assert(lv_list_is_empty(&q->consumers) && lv_list_is_empty(&q->waiting_calls));
    lv_assert(lv_list_is_empty(&q->browses));
    q->entry.magic = 0;
    q->ops->free(q);
    queue_lives_free(q);
    lanes_free(&q->lanes);
    effective_policy_unref(&q->policy);
    conflation_free(&q->conflation);
    dedup_free(&q->entry.dedup);
    queue_user_unref(&q->entry.user);
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

static void queue_free_mail(struct loop *at, struct mail *mail)
{
    struct queue *q = mail->a;
    loop_unschedule(at, &q->delivery_run);
    queue_end_expiry(q);
    queue_free(q);
}

/* Every loop has passed a quiescent state: every loop that had found the queue by its name or in a
 * route has sent its mail. The mail sent to the home now arrives after all of that. */
static void queue_after_grace(struct lv_rcu_refs *refs)
{
    struct queue *q = queue_of_entry(lv_container_of(refs, struct queue_entry, refs));
    struct mail mail = {.deliver = queue_free_mail, .a = q};
    loop_mail_from_outside(q->entry.home, &mail);
}

void queue_unref(struct queue **queue)
{
    struct queue_entry *entry = &(*queue)->entry;
    *queue = NULL;
    queue_entry_unref(&entry);
}

/* --- what others may read ----------------------------------------------------------------------
 */

struct queue *queue_find(struct vhost *vhost, struct slice name)
{
    struct queue_entry *entry = queue_entry_find(vhost, name);
    return entry ? queue_of_entry(entry) : NULL;
}

enum queue_type queue_type(const struct queue *q)
{
    return q->arguments.type;
}

const char *queue_type_name(enum queue_type type)
{
    static const char *const names[] = {[QUEUE_CLASSIC] = "classic", [QUEUE_QUORUM] = "quorum"};
    return names[type];
}

const struct queue_counters *queue_counters(const struct queue *q)
{
    return &q->counters;
}

size_t queue_consumer_count(const struct queue *q)
{
    return atomic_load_explicit(&q->consumer_count, memory_order_relaxed);
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

const struct consumer *queue_active_consumer(const struct queue *q)
{
    queue_assert_home(q);
    return q->active_consumer && q->active_consumer->is_attached ? q->active_consumer : NULL;
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

void queue_count_dropped(struct queue *q, enum death reason)
{
    q->counters.dropped[reason]++;
}

void queue_count_circled(struct queue *q)
{
    q->counters.circled++;
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
