/* Messages that are returned to their queue. A quorum queue counts how often each was returned: the
 * next delivery carries the count, and a message that was returned too often is given up. */
#include "queue/queue_private.h"

#include "base/counters.h"
#include "paging/journal.h"
#include "paging/pager.h"
#include "queue/conflation.h"

/* The delivery limit of a quorum queue that has a dead-letter exchange and sets no limit. Without a
 * dead-letter exchange messages would be lost though nobody asked for that: then there is no
 * limit. */
enum { DELIVERY_LIMIT_DEFAULT = 20 };

static int64_t delivery_limit(const struct queue *q)
{
    const struct queue_arguments *settings = &q->settings;
    if (settings->delivery_limit >= 0)
        return settings->delivery_limit;
    bool is_default =
        settings->delivery_limit == ARGUMENT_UNSET && settings->has_dead_letter_exchange;
    return is_default ? DELIVERY_LIMIT_DEFAULT : INT64_MAX;
}

uint32_t queue_first_delivery_count(struct lane *l)
{
    uint64_t sequence;
    if (!l->backlog.counts_deliveries || backlog_next(&l->backlog, &sequence) != BACKLOG_HERE)
        return 0;
    return backlog_deliveries(&l->backlog, sequence);
}

static void message_return(struct queue *q, struct lane *l, uint64_t sequence)
{
    const struct message *m = q->conflation ? backlog_find_unacked(&l->backlog, sequence) : NULL;
    if (m && !conflation_comes_back(q, lane_position(l, sequence), m)) {
        q->counters.replaced++;
        COUNT(replaced);
        queue_settle_position(q, lane_position(l, sequence));
        return;
    }
    if (!backlog_return(&l->backlog, sequence))
        return;
    uint64_t deadline_ms = backlog_deadline(&l->backlog, sequence);
    if (deadline_ms)
        queue_watch_deadline(q, deadline_ms);
    if (l->backlog.counts_deliveries)
        journal_count(l, sequence, backlog_deliveries(&l->backlog, sequence));
}

void queue_return(struct queue *q, struct lane *l, uint64_t sequence)
{
    lv_assert(queue_of_lane(l) == q);
    struct message *m =
        l->backlog.counts_deliveries ? backlog_find_unacked(&l->backlog, sequence) : NULL;
    if (m && (int64_t)backlog_deliveries(&l->backlog, sequence) >= delivery_limit(q))
        q->ops->give_up(q, lane_position(l, sequence), m, DEATH_DELIVERY_LIMIT);
    else
        message_return(q, l, sequence);
}

void queue_put_back(struct queue *q, uint64_t position, const struct message *m)
{
    queue_assert_home(q);
    struct lane *l = lane_find(&q->lanes, position_priority(position));
    uint64_t sequence = position_sequence(position);
    if (q->conflation && !conflation_comes_back(q, position, m)) {
        queue_settle_position(q, position);
        return;
    }
    if (!l || !pager_undeliver(l, sequence))
        return;
    uint64_t deadline_ms = backlog_deadline(&l->backlog, sequence);
    if (deadline_ms)
        queue_watch_deadline(q, deadline_ms);
    queue_keep_limits(q);
    queue_deliver_soon(q);
}

void queue_begin_returns(struct queue *q)
{
    queue_assert_home(q);
    q->returns++;
}

void queue_end_returns(struct queue *q)
{
    queue_assert_home(q);
    lv_assert(q->returns > 0);
    if (--q->returns == 0)
        queue_deliver_soon(q);
}
