/* From the client back to the queues: deliveries are acknowledged, rejected or requeued.
 *
 * What a command settles is one *order*. A short order is carried out at once. The rest of a long
 * one is carried out by the channel's job, in slices, while the channel waits or has ended. Orders
 * are carried out one after the other.
 *
 *   (1) An order settles only deliveries that were outstanding when it was given.
 *   (2) Deliveries are returned in the order of their tags. While an order returns several of them
 *       to a queue, the queue delivers nothing: when all are back, it is in its old order again. */
#include <stdlib.h>

#include "amqp/channel.h"
#include "base/memory.h"

/* --- runs ------------------------------------------------------------------------------------- */

/* Deliveries of one consumer with consecutive positions are settled as one. */
struct settle_run {
    struct consumer *consumer;
    uint64_t position;
    uint32_t count;
};

static void run_end(struct channel *ch, struct settle_run *run, enum settle_kind kind)
{
    if (run->count == 0)
        return;
    if (kind == SETTLE_ACK) {
        ch->counts.ack += run->count;
        run->consumer->acked += run->count;
    }
    consumer_settle(run->consumer, run->position, run->count, kind);
    while (run->count-- > 0) {
        struct consumer *c = run->consumer;
        consumer_release(&c);
    }
    *run = (struct settle_run){0};
}

static void run_add(struct channel *ch, struct settle_run *run, struct unacked_entry entry,
                    enum settle_kind kind)
{
    if (run->count > 0 &&
        (run->consumer != entry.consumer || run->position + run->count != entry.position))
        run_end(ch, run, kind);
    if (run->count++ == 0) {
        run->consumer = entry.consumer;
        run->position = entry.position;
    }
}

/* --- orders ----------------------------------------------------------------------------------- */

struct settle_order {
    struct lv_list link; /* in channel.orders, when it is kept */
    struct settle_range *ranges;
    size_t range_count, at;
    struct settle_range range; /* what `ranges` points at, unless it is an allocated list */
    struct consumer *consumer; /* only this one's deliveries are settled; NULL: those of all */
    bool is_commit;            /* settles marked deliveries; else those that are not marked */
    /* it requeues several: until the last is back, their queues deliver nothing */
    bool has_returns;
    bool is_last; /* the channel ends: `detaching` counts until what is requeued is back */
    void (*done)(struct channel *ch);
};

/* Notes that the order settles something of this consumer. Returns whether it is the first time. */
static void consumer_touch(struct channel *ch, const struct settle_order *order, struct consumer *c)
{
    if (!(order->is_commit || order->has_returns) || !lv_list_is_empty(&c->touched_link))
        return;
    consumer_hold(c);
    lv_list_push(&ch->touched, &c->touched_link);
    if (order->has_returns)
        consumer_begin_returns(c);
}

static void returns_are_back(void *arg)
{
    channel_is_detached(arg);
}

static void returns_end(struct channel *ch, const struct settle_order *order, struct consumer *c)
{
    ch->detaching += order->is_last;
    consumer_end_returns(c, order->is_last ? returns_are_back : NULL, ch);
}

static void touched_end(struct channel *ch, const struct settle_order *order)
{
    while (!lv_list_is_empty(&ch->touched)) {
        struct consumer *c = lv_list_item(ch->touched.next, struct consumer, touched_link);
        lv_list_remove(&c->touched_link);
        if (order->has_returns)
            returns_end(ch, order, c);
        if (order->is_commit)
            tx_has_settled(ch, c->queue);
        consumer_release(&c);
    }
}

static uint64_t next_tag(const struct channel *ch, const struct settle_order *order, uint64_t from)
{
    return order->is_commit ? unacked_next_marked(&ch->unacked, from)
                            : unacked_next(&ch->unacked, from);
}

/* Settles deliveries of the range until the slice is used up. Returns whether all are settled. */
static bool settle_range(struct channel *ch, const struct settle_order *order,
                         struct settle_range *range)
{
    struct loop *loop = connection_loop(ch->connection);
    struct settle_run run = {0};
    uint64_t tag = next_tag(ch, order, range->first);
    bool may_go_on = true;
    while (tag != 0 && tag <= range->last && (may_go_on = loop_spend(loop, 1))) {
        struct consumer *c = unacked_consumer(&ch->unacked, tag);
        if (!order->consumer || order->consumer == c) {
            consumer_touch(ch, order, c);
            run_add(ch, &run, unacked_take(&ch->unacked, tag), range->kind);
        }
        tag = next_tag(ch, order, tag + 1);
    }
    run_end(ch, &run, range->kind);
    range->first = tag;
    return may_go_on;
}

/* Carries the order out until the slice is used up. Returns whether all of it is done. */
static bool order_go_on(struct channel *ch, struct settle_order *order)
{
    for (; order->at < order->range_count; order->at++) {
        if (!settle_range(ch, order, &order->ranges[order->at]))
            return false;
    }
    touched_end(ch, order);
    return true;
}

/* Takes what the order owns. Returns true if all of it is done; else the rest is left to the
 * job. */
static bool order_give(struct channel *ch, struct settle_order *order)
{
    bool is_one = order->ranges == &order->range;
    if (lv_list_is_empty(&ch->orders) && order_go_on(ch, order)) {
        if (!is_one)
            free(order->ranges);
        return true;
    }
    struct settle_order *kept = lv_malloc(sizeof *kept);
    *kept = *order;
    if (is_one)
        kept->ranges = &kept->range;
    lv_list_init(&kept->link);
    lv_list_push(&ch->orders, &kept->link);
    loop_job_start(connection_loop(ch->connection), &ch->settle_job);
    return false;
}

static bool settle_on(struct loop *loop, struct loop_job *job)
{
    struct channel *ch = lv_container_of(job, struct channel, settle_job);
    lv_assert(!lv_list_is_empty(&ch->orders));
    struct settle_order *order = lv_list_item(ch->orders.next, struct settle_order, link);
    if (!order_go_on(ch, order))
        return true;
    void (*done)(struct channel *) = order->done;
    lv_list_remove(&order->link);
    if (order->ranges != &order->range)
        free(order->ranges);
    free(order);
    if (!lv_list_is_empty(&ch->orders))
        loop_job_start(loop, job);
    if (done)
        done(ch); /* the channel may be gone afterwards */
    return false;
}

/* --- orders are given ------------------------------------------------------------------------- */

void channel_init_settling(struct channel *ch)
{
    lv_list_init(&ch->orders);
    lv_list_init(&ch->touched);
    loop_job_init(&ch->settle_job, settle_on);
}

bool channel_is_settling(const struct channel *ch)
{
    return !lv_list_is_empty(&ch->orders);
}

static struct settle_order order_of(const struct channel *ch, uint64_t first, uint64_t last,
                                    enum settle_kind kind)
{
    if (last > ch->unacked.last)
        last = ch->unacked.last;
    return (struct settle_order){
        .range = {first, last, kind},
        .range_count = 1,
        .has_returns = kind == SETTLE_REQUEUE && last > first,
    };
}

bool channel_settle(struct channel *ch, uint64_t first, uint64_t last, enum settle_kind kind,
                    void (*done)(struct channel *ch))
{
    struct settle_order order = order_of(ch, first, last, kind);
    channel_assert_home(ch);
    order.ranges = &order.range;
    order.done = done;
    return order_give(ch, &order);
}

void channel_requeue_of(struct channel *ch, struct consumer *consumer)
{
    struct settle_order order = order_of(ch, 1, UINT64_MAX, SETTLE_REQUEUE);
    order.ranges = &order.range;
    order.consumer = consumer;
    order_give(ch, &order);
}

void channel_requeue_all(struct channel *ch)
{
    struct settle_order order = order_of(ch, 1, UINT64_MAX, SETTLE_REQUEUE);
    order.ranges = &order.range;
    order.has_returns = order.is_last = true;
    order.done = channel_is_detached;
    ch->detaching += !order_give(ch, &order);
}

static bool has_returns(const struct settle_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].kind == SETTLE_REQUEUE)
            return true;
    }
    return false;
}

bool channel_settle_commit(struct channel *ch, struct settle_range *ranges, size_t count,
                           void (*done)(struct channel *ch))
{
    struct settle_order order = {
        .ranges = ranges,
        .range_count = count,
        .is_commit = true,
        .has_returns = has_returns(ranges, count),
        .done = done,
    };
    return order_give(ch, &order);
}
