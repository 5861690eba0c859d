/* Messages that come back to their queue, which a quorum queue counts: how often one may, what the next
 * delivery says of it, and what becomes of one that has come back too often. */
#include "broker/queue_private.h"

/* A quorum queue whose declaration says nothing about it, and that has where to put them, gives up
 * on messages that have come back more often. Without a dead-letter exchange they would be lost
 * though nobody asked for that: then they come back for ever. */
enum { DELIVERY_LIMIT_DEFAULT = 20 };

static int64_t delivery_limit(const struct queue *q)
{
    const struct queue_arguments *settings = &q->arguments;
    if (settings->delivery_limit >= 0)
        return settings->delivery_limit;
    bool is_default =
        settings->delivery_limit == ARGUMENT_UNSET && settings->has_dead_letter_exchange;
    return is_default ? DELIVERY_LIMIT_DEFAULT : INT64_MAX;
}

static bool counts_deliveries(const struct queue *q)
{
    return q->arguments.type == QUEUE_QUORUM;
}

uint32_t queue_delivery_count(const struct queue *q, uint64_t place)
{
    return counts_deliveries(q) ? delivery_counts_find(&q->delivery_counts, place) : 0;
}

bool queue_tells_delivery_count(const struct queue *q)
{
    return counts_deliveries(q);
}

void queue_forget_delivery_count(struct queue *q, uint64_t place)
{
    delivery_counts_remove(&q->delivery_counts, place);
}

/* A taken message that has come back too often goes for good. */
static void give_up(struct lane *l, uint64_t sequence)
{
    struct backlog_left left;
    if (backlog_settle(&l->backlog, sequence, &left))
        queue_message_left(l, &left);
}

void queue_return(struct lane *l, uint64_t sequence)
{
    struct queue *q = l->queue;
    if (!counts_deliveries(q)) {
        backlog_return(&l->backlog, sequence);
        return;
    }
    if (!backlog_is_taken(&l->backlog, sequence))
        return; /* its queue was deleted */
    uint32_t count = delivery_counts_add(&q->delivery_counts, lane_place(l, sequence));
    if (count > delivery_limit(q))
        give_up(l, sequence);
    else
        backlog_return(&l->backlog, sequence);
}
