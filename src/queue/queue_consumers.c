/* Which consumer gets the next message: those that can take one are in a list, in the order of
 * their turns.
 *
 * With a single active consumer only that one gets messages; the others wait for it to leave. Then
 * the one with the highest priority follows, of several the one that came first. If the old one
 * returns what it holds, the next one starts after all of it is back, so that messages keep their
 * order. A consumer that cancels itself keeps what it holds, and the next one goes on with the
 * messages after that. */
#include "queue/queue_private.h"

#include "base/counters.h"
#include "queue/browser.h"
#include "topology/vhost.h"
#include "wire/table.h"

/* --- whose turn it is ------------------------------------------------------------------------- */

/* Inserts the consumer into a list, by the link at this offset, behind the others of its priority.
 */
static inline void insert_by_priority(struct lv_list *list, struct consumer *c, size_t link)
{
    struct lv_list *at = list;
    while (at->prev != list &&
           ((const struct consumer *)(void *)((char *)at->prev - link))->priority < c->priority)
        at = at->prev;
    lv_list_insert_before(at, (struct lv_list *)(void *)((char *)c + link));
}

/* Adds the consumer to those that can take a message. */
static void ready_insert(struct queue *q, struct consumer *c)
{
    insert_by_priority(&q->ready_consumers, c, offsetof(struct consumer, ready_link));
}

/* Removes consumers that find no shared credit from the ready ones: they wait in the line for it.
 */
struct consumer *queue_next_consumer(struct queue *q)
{
    while (!lv_list_is_empty(&q->ready_consumers)) {
        struct consumer *c = lv_list_item(q->ready_consumers.next, struct consumer, ready_link);
        if (consumer_take_credit(c))
            return c;
        lv_list_remove(&c->ready_link);
    }
    return NULL;
}

void queue_after_turn(struct queue *q, struct consumer *c)
{
    if (!consumer_has_room(c)) {
        lv_list_remove(&c->ready_link);
        return;
    }
    if (c->ready_link.next == c->ready_link.prev)
        return; /* it is the only one */
    lv_list_remove(&c->ready_link);
    ready_insert(q, c);
}

static bool consumer_has_turns(const struct queue *q, const struct consumer *c)
{
    return !q->arguments.single_active_consumer || q->active_consumer == c;
}

void queue_consumer_ready(struct queue *q, struct consumer *c)
{
    if (!consumer_has_room(c) || c->is_getter)
        return;
    if (c->is_browser) {
        browser_go_on(c);
        return;
    }
    if (!consumer_has_turns(q, c))
        return;
    if (lv_list_is_empty(&c->ready_link))
        ready_insert(q, c);
    if (q->use.is_starved)
        queue_use_set(&q->use, false, loop_now_ms(q->entry.home));
    queue_schedule_deliveries(q);
}

/* --- the single active consumer --------------------------------------------------------------- */

/* Makes the first consumer the active one, if no consumer is. The list is ordered by priority
 * (queue_attach()). */
static void activate_next(struct queue *q)
{
    if (q->active_consumer || lv_list_is_empty(&q->consumers))
        return;
    struct consumer *c = lv_list_item(q->consumers.next, struct consumer, link);
    q->active_consumer = c;
    atomic_store_explicit(&c->activity, CONSUMER_SINGLE_ACTIVE, memory_order_relaxed);
    queue_consumer_ready(q, c);
}

void queue_consumer_settled(struct queue *q, struct consumer *c)
{
    lv_assert(c->queue == q);
    if (q->active_consumer != c || c->is_attached || c->unacked > 0)
        return;
    q->active_consumer = NULL; /* it was detached, and all that it held is back now */
    activate_next(q);
}

/* --- timeouts --------------------------------------------------------------------------------- */

/* Returns the timeout in a table of arguments, or CONSUMER_TIMEOUT_UNSET. */
static int64_t timeout_in(struct slice table)
{
    struct field f;
    if (!table_find(table, "x-consumer-timeout", &f) || !field_is_integer(&f))
        return CONSUMER_TIMEOUT_UNSET;
    return f.i > 0 ? f.i : 0;
}

int64_t queue_timeout_for(const struct queue *q, const struct consumer *c)
{
    queue_assert_home(q);
    int64_t own = timeout_in(c->arguments);
    return own != CONSUMER_TIMEOUT_UNSET ? own : q->settings.consumer_timeout_ms;
}

void queue_consumers_refresh(struct queue *q)
{
    queue_assert_home(q);
    struct lv_list *it, *after;
    lv_list_each (it, after, &q->consumers) {
        struct consumer *c = lv_list_item(it, struct consumer, link);
        consumer_set_timeout(c, queue_timeout_for(q, c));
    }
}

/* --- coming and going ------------------------------------------------------------------------- */

bool queue_check_consume(const struct queue *q, const struct consumer *c,
                         struct broker_error *error)
{
    queue_assert_home(q);
    bool is_alone = c->exclusive && (q->consumer_count > 0 || q->arguments.single_active_consumer);
    if (!q->exclusive_consumer && !is_alone)
        return true;
    return broker_refuse_as(error, REFUSAL_LOCKED, 403,
                            "queue '%.*s' in vhost '%.*s' in exclusive use",
                            SLICE_ARG(queue_name(q)), SLICE_ARG(vhost_name(q->entry.vhost)));
}

bool queue_check_get(const struct queue *q, struct broker_error *error)
{
    queue_assert_home(q);
    if (!q->arguments.single_active_consumer || q->arguments.type != QUEUE_QUORUM)
        return true;
    return broker_refuse(error, 405,
                         "cannot obtain access to locked queue '%.*s' in vhost '%.*s'. basic.get "
                         "operations are not supported by quorum queues with single active "
                         "consumer",
                         SLICE_ARG(queue_name(q)), SLICE_ARG(vhost_name(q->entry.vhost)));
}

void queue_attach(struct queue *q, struct consumer *c)
{
    queue_assert_home(q);
    lv_assert(!c->is_attached && c->queue == q && !queue_is_deleted(q));
    c->is_attached = true;
    c->is_unlimited = c->no_ack && credit_is_unlimited(&c->credit);
    if (q->arguments.single_active_consumer)
        insert_by_priority(&q->consumers, c, offsetof(struct consumer, link));
    else
        lv_list_push(&q->consumers, &c->link);
    q->consumer_count++;
    COUNT(consumers_added);
    if (c->exclusive)
        q->exclusive_consumer = c;
    consumer_set_timeout(c, queue_timeout_for(q, c));
    if (!q->arguments.single_active_consumer) {
        queue_consumer_ready(q, c);
        return;
    }
    atomic_store_explicit(&c->activity, CONSUMER_WAITING, memory_order_relaxed);
    activate_next(q);
}

void queue_take_out(struct queue *q, struct consumer *c)
{
    queue_assert_home(q);
    lv_assert(c->is_attached && c->queue == q);
    c->is_attached = false;
    lv_list_remove(&c->link);
    lv_list_remove(&c->ready_link);
    lv_assert(q->consumer_count > 0);
    q->consumer_count--;
    COUNT(consumers_removed);
    if (q->exclusive_consumer == c)
        q->exclusive_consumer = NULL;
    if (q->active_consumer == c)
        q->active_consumer = NULL;
    if (q->consumer_count == 0 && q->settings.expires_ms != ARGUMENT_UNSET) {
        queue_used(q);
        queue_watch_use(q);
    }
}

void queue_detach(struct queue *q, struct consumer *c, bool returns_all)
{
    queue_assert_home(q);
    if (!c->is_attached)
        return;
    if (c->is_browser) {
        browser_detach(c);
        return;
    }
    bool was_active = q->active_consumer == c;
    queue_take_out(q, c);
    if (q->entry.flags.auto_delete && q->consumer_count == 0) {
        queue_delete(q);
        return;
    }
    if (!was_active)
        return;
    if (returns_all && c->unacked > 0)
        q->active_consumer = c;
    else
        activate_next(q);
}
