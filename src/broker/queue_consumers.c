/* Who gets the next message: a queue's consumers, those that can take one in the order of their turns. */
#include "broker/queue_private.h"

/* --- whose turn it is ------------------------------------------------------------------------- */

/* Into the list of those who can take a message: behind everybody of its priority. */
static void ready_insert(struct queue *q, struct consumer *c)
{
    struct lv_list *at = &q->ready_consumers;
    while (at->prev != &q->ready_consumers &&
           lv_list_item(at->prev, struct consumer, ready_link)->priority < c->priority)
        at = at->prev;
    lv_list_insert_before(at, &c->ready_link);
}

/* The consumer whose turn it is, with a place of its channel's limit taken; NULL when none can. */
struct consumer *queue_next_consumer(struct queue *q)
{
    while (!lv_list_is_empty(&q->ready_consumers)) {
        struct consumer *c = lv_list_item(q->ready_consumers.next, struct consumer, ready_link);
        if (consumer_take_place(c))
            return c;
        lv_list_remove(&c->ready_link);
    }
    return NULL;
}

/* It has got its message: to the end of the line, or out of it. */
void queue_after_turn(struct queue *q, struct consumer *c)
{
    if (!consumer_has_room(c)) {
        lv_list_remove(&c->ready_link);
        return;
    }
    if (c->ready_link.next == c->ready_link.prev)
        return; /* alone */
    lv_list_remove(&c->ready_link);
    ready_insert(q, c);
}

void queue_consumer_ready(struct queue *q, struct consumer *c)
{
    if (!consumer_has_room(c) || c->is_getter)
        return;
    if (lv_list_is_empty(&c->ready_link))
        ready_insert(q, c);
    queue_schedule_deliveries(q);
}

/* --- coming and going ------------------------------------------------------------------------- */

void queue_attach(struct queue *q, struct consumer *c)
{
    lv_assert(!c->is_attached);
    c->is_attached = true;
    lv_list_push(&q->consumers, &c->link);
    q->consumer_count++;
    if (c->exclusive)
        q->exclusive_consumer = c;
    queue_consumer_ready(q, c);
}

void queue_take_out(struct queue *q, struct consumer *c)
{
    c->is_attached = false;
    lv_list_remove(&c->link);
    lv_list_remove(&c->ready_link);
    q->consumer_count--;
    if (q->exclusive_consumer == c)
        q->exclusive_consumer = NULL;
    if (q->consumer_count == 0 && q->settings.expires_ms != ARGUMENT_UNSET) {
        queue_used(q);
        queue_watch_use(q);
    }
}

void queue_detach(struct queue *q, struct consumer *c)
{
    if (!c->is_attached)
        return;
    queue_take_out(q, c);
    if (q->flags.auto_delete && q->consumer_count == 0)
        queue_delete(q);
}
