/* The queue of an exchange that delays messages, and what operators ask of it. The header x-delay
 * is read and written in message/delay_header.c. */
#include "broker/delayed.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/memory.h"
#include "broker/broker.h"
#include "broker/departures.h"
#include "broker/forward.h"
#include "paging/pager.h"
#include "queue/queue_home.h"
#include "topology/exchange_private.h"
#include "topology/vhost.h"
#include "wire/table.h"

/* --- the queue -------------------------------------------------------------------------------- */

/* Returns the exchange that the queue is named after, or NULL. Read-side. */
static struct exchange *namesake_of(const struct queue *q)
{
    struct slice name = queue_name(q);
    size_t n = strlen(DELAYED_QUEUE_PREFIX);
    lv_assert(delayed_is_queue(name));
    return exchange_find(queue_vhost(q), slice_of(name.p + n, name.n - n));
}

/* Returns the exchange whose queue this is, or NULL if it has been deleted. Read-side. */
static struct exchange *exchange_of(const struct queue *q)
{
    struct exchange *x = namesake_of(q);
    return x && x->delayed == queue_entry(q) ? x : NULL;
}

uint64_t delayed_due_at(const struct queue *q, const struct message *m)
{
    uint64_t delay_ms = delay_header_ms_of(m);
    return loop_steady_ms(queue_home(q)) + (delay_ms > 0 ? delay_ms : 1);
}

bool delayed_sends_on(const struct queue *q)
{
    (void)q;
    return true;
}

static bool due_make(struct queue *q, const struct forward *forward, struct message **ret)
{
    (void)q;
    return delay_header_make_due(forward->message, ret);
}

static void due_route(struct queue *q, const struct forward *forward, const struct message *made,
                      struct route *ret)
{
    struct exchange *x = exchange_of(q);
    *ret = (struct route){0};
    if (x)
        forward_find_route_from(queue_home(q), x, made, delay_header_bcc(forward->message), ret);
}

/* Settles the message, however the forward has ended. So a message without a route is dropped, as
 * it would be if it were published now. */
static void due_done(struct queue *q, const struct forward *forward, enum forward_end end)
{
    (void)end;
    queue_settle_position(q, forward->position);
}

static const struct forward_ops due_ops = {.make = due_make, .route = due_route, .done = due_done};

void delayed_give_up(struct queue *q, uint64_t position, struct message *message, enum death reason)
{
    departures_assert_home(q);
    lv_assert(reason == DEATH_EXPIRED); /* the queue has no limits and no consumers */
    if (message)
        forward_start(q, &due_ops, &(struct forward){.position = position, .message = message});
    else
        queue_settle_position(q, position);
}

bool delayed_refuse(const struct queue *q, struct broker_error *error)
{
    return queue_entry_refuse_companion(queue_entry(q), error);
}

/* --- exchanges -------------------------------------------------------------------------------- */

void delayed_create_queue(struct exchange *x)
{
    struct lv_buffer name = {0};
    lv_assert(x->is_delaying && !x->delayed);
    lv_buffer_printf(&name, DELAYED_QUEUE_PREFIX "%.*s", SLICE_ARG(exchange_name(x)));
    struct queue *q = queue_create_owned(x->vhost, lv_buffer_slice(&name), x->is_durable);
    x->delayed = queue_entry(queue_ref(q));
    lv_buffer_free(&name);
}

void delayed_delete_queue(struct exchange *x)
{
    /* A vhost that is deleted deletes all its queues itself. */
    if (x->delayed && !atomic_load(&x->vhost->is_deleted))
        queue_delete_owned(queue_of_entry(x->delayed));
}

/* --- recovery --------------------------------------------------------------------------------- */

/* Gives a recovered queue to its exchange. Returns false if the exchange does not exist, or has a
 * queue already. The caller holds the topology lock. */
static bool queue_adopt(struct queue *q)
{
    struct exchange *x = namesake_of(q);
    if (!x || !x->is_delaying || x->delayed)
        return false;
    x->delayed = queue_entry(queue_ref(q));
    return true;
}

static void vhost_restore_queues(struct vhost *vhost)
{
    struct lv_table_iter it;
    struct lv_table_node *node = lv_table_first(vhost->queues, &it);
    for (; node; node = lv_table_next(vhost->queues, &it)) {
        struct queue *q = queue_of_node(node);
        if (queue_is_delaying(q) && !exchange_of(q) && !queue_adopt(q))
            queue_delete_owned(q);
    }
    node = lv_table_first(vhost->exchanges, &it);
    for (; node; node = lv_table_next(vhost->exchanges, &it)) {
        struct exchange *x = lv_container_of(node, struct exchange, by_name);
        if (x->is_delaying && !x->delayed)
            delayed_create_queue(x);
    }
}

void delayed_restore_end(struct broker *broker)
{
    struct lv_table_iter it;
    lv_assert(!loop_current()); /* before the loops start */
    topology_lock(&broker->topology);
    struct lv_table_node *node = lv_table_first(broker->topology.vhosts, &it);
    for (; node; node = lv_table_next(broker->topology.vhosts, &it))
        vhost_restore_queues(lv_container_of(node, struct vhost, by_name));
    topology_unlock(&broker->topology);
}

/* --- calls of operators ----------------------------------------------------------------------- */

/* Returns whether the call can go on. If the queue is deleted, refuses the call and returns
 * false. */
static bool call_check(struct queue_call *call)
{
    call->refused = queue_is_deleted(call->queue);
    return !call->refused || queue_entry_refuse_missing(queue_name(call->queue),
                                                        queue_vhost(call->queue), &call->error);
}

static void rows_choose(const struct backlog *b, struct delayed_list *list)
{
    size_t limit = list->limit < DELAYED_ROWS_MAX ? list->limit : DELAYED_ROWS_MAX;
    struct backlog_first_due *deadlines = lv_calloc(limit + 1, sizeof *deadlines);
    list->count = backlog_find_deadlines(b, deadlines, limit);
    list->rows = lv_calloc(list->count + 1, sizeof *list->rows);
    for (size_t i = 0; i < list->count; i++) {
        list->rows[i].position = deadlines[i].sequence;
        list->rows[i].due_ms = deadlines[i].deadline_ms;
    }
    list->is_chosen = true;
    free(deadlines);
}

static void row_fill(struct delayed_row *row, const struct message *m)
{
    struct slice key = message_routing_key(m);
    row->body_bytes = m->body_bytes;
    row->routing_key_bytes = (uint8_t)key.n;
    if (key.n)
        memcpy(row->routing_key, key.p, key.n);
    row->is_known = true;
}

/* Fills in the row. Returns false while its message is being read from disk. If the message has
 * left meanwhile, the row's position becomes UINT64_MAX. */
static bool row_find(struct lane *l, struct delayed_row *row)
{
    struct backlog_first_due due;
    struct message *m = NULL;
    if (row->is_known || row->position == UINT64_MAX)
        return true;
    if (!backlog_find_timed(&l->backlog, row->position, &due)) {
        row->position = UINT64_MAX;
        return true;
    }
    if (due.is_here) {
        row_fill(row, backlog_find(&l->backlog, row->position));
        return true;
    }
    if (!pager_fetch(l, row->position, row->due_ms, &m)) {
        row->position = UINT64_MAX; /* unreadable: it is dropped when it is due */
        return true;
    }
    if (!m)
        return false;
    row_fill(row, m);
    message_unref(&m);
    return true;
}

/* Drops the rows whose message has left, and converts the others' times to the wall clock. */
static void rows_finish(const struct loop *home, struct delayed_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->rows[i].position == UINT64_MAX)
            continue;
        list->rows[kept] = list->rows[i];
        list->rows[kept].due_ms = loop_wall_of_steady(home, list->rows[i].due_ms);
        kept++;
    }
    list->count = kept;
}

void delayed_call_list(struct queue_call *call)
{
    struct delayed_list *list = call->owner;
    struct lane *l = lane_at(queue_lanes(call->queue), 0);
    departures_assert_home(call->queue);
    lv_assert(list);
    call->is_waiting = false;
    if (!call_check(call))
        return;
    if (pager_must_scan(l)) {
        queue_call_wait(call);
        return;
    }
    if (!list->is_chosen)
        rows_choose(&l->backlog, list);
    bool is_complete = true;
    for (size_t i = 0; i < list->count; i++)
        is_complete &= row_find(l, &list->rows[i]);
    if (is_complete)
        rows_finish(queue_home(call->queue), list);
    else
        queue_call_wait(call);
}

/* Deletes the message at this position. Returns false if it has left. */
static bool message_cancel(struct queue *q, uint64_t position)
{
    struct lane *l = lane_at(queue_lanes(q), 0);
    struct backlog_first_due due;
    bool redelivered;
    if (position_priority(position) != 0 || !backlog_find_timed(&l->backlog, position, &due))
        return false;
    if (due.is_here)
        backlog_deliver_at(&l->backlog, position, &redelivered);
    else
        pager_deliver_on_disk(l, position);
    queue_settle_position(q, position);
    return true;
}

void delayed_call_cancel(struct queue_call *call)
{
    struct delayed_cancel *what = call->owner;
    departures_assert_home(call->queue);
    lv_assert(what);
    call->is_waiting = false;
    if (!call_check(call))
        return;
    if (pager_must_scan(lane_at(queue_lanes(call->queue), 0))) {
        queue_call_wait(call);
        return;
    }
    for (size_t i = 0; i < what->count; i++)
        what->cancelled += message_cancel(call->queue, what->positions[i]);
}
