/* A queue is deleted: first its name, its bindings and its definition, under the topology lock,
 * then everything else, at its home. */
#include "queue/queue_private.h"

#include "base/counters.h"
#include "message/events.h"
#include "queue/browse.h"
#include "queue/held.h"
#include "queue/queue_lives.h"
#include "store/definitions.h"
#include "topology/dedup.h"
#include "topology/topology_events.h"
#include "topology/vhost_private.h"

/* --- its name --------------------------------------------------------------------------------- */

/* Removes the name, the bindings and the definition. Returns false if that has been done before.
 * The topology lock is held. */
static bool unlink_locked(struct queue *q, struct durable_done done, bool *ret_is_pending)
{
    struct topology *topology = q->entry.vhost->topology;
    if (atomic_load(&q->entry.is_deleted))
        return false;
    atomic_store(&q->entry.is_deleted, true);
    dedup_close(q->entry.dedup);
    lv_table_remove(q->entry.vhost->queues, &q->entry.by_name);
    queue_user_leave(topology, q->entry.user);
    q->entry.vhost->delaying_queues -= q->ops->is_delaying;
    struct slice user = events_act_as(SLICE_EMPTY); /* no user: the bindings end with the queue */
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

/* --- the rest: home --------------------------------------------------------------------------- */

/* Ends a queue whose name has been removed. Returns how many messages were ready. */
static uint64_t queue_end(struct queue *q)
{
    lv_assert(queue_is_deleted(q));
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
    queue_lives_end(q);
    lanes_end(&q->lanes);
    struct queue *of_name = q;
    queue_unref(&of_name);
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
    queue_end(mail->a); /* drops the name's reference */
}

void queue_end_apart(struct queue *q)
{
    queue_assert_home(q);
    lv_assert(q->entry.is_apart);
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

static void queue_delete_mail(struct loop *at, struct mail *mail)
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
    struct mail mail = {.deliver = queue_delete_mail, .a = queue_ref(q)};
    if (from)
        loop_mail(from, q->entry.home, &mail);
    else
        loop_mail_from_outside(q->entry.home, &mail);
}
