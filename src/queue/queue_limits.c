/* How much may be ready in a queue: a message above the limit is refused, or messages at the head
 * are dropped for it. The limits are on the number of ready messages and on the bytes of their
 * bodies. */
#include "queue/queue_private.h"

#include "paging/pager.h"
#include "queue/conflation.h"

/* At least this many may always be dropped for a message that arrives, so that a queue stays at its
 * limit however busy its loop is. */
enum { DROPS_AT_ONCE = 16 };

static bool limits_exceeded(const struct queue_arguments *settings, uint64_t ready, uint64_t bytes)
{
    return (settings->max_length != ARGUMENT_UNSET && ready > (uint64_t)settings->max_length) ||
           (settings->max_length_bytes != ARGUMENT_UNSET &&
            bytes > (uint64_t)settings->max_length_bytes);
}

bool queue_is_limited(const struct queue *q)
{
    return q->settings.max_length != ARGUMENT_UNSET ||
           q->settings.max_length_bytes != ARGUMENT_UNSET;
}

bool queue_would_overflow(struct queue *q, const struct message *m)
{
    if (!queue_is_limited(q))
        return false;
    struct lane_totals totals = lanes_count(&q->lanes);
    uint64_t bytes = totals.ready_bytes + m->body_bytes, replaced_bytes;
    if (!limits_exceeded(&q->settings, totals.ready + 1, bytes))
        return false;
    return !q->conflation || !conflation_would_replace(q, m, &replaced_bytes) ||
           limits_exceeded(&q->settings, totals.ready, bytes - replaced_bytes);
}

/* Returns whether the lane's first ready message is in memory. If not, it has been asked for, and
 * dropping goes on when it has been read. */
static bool first_is_here(struct lane *l)
{
    uint64_t sequence;
    enum backlog_next next = backlog_next(&l->backlog, &sequence);
    while (next == BACKLOG_ON_DISK && pager_want(l))
        next = backlog_next(&l->backlog, &sequence);
    return next == BACKLOG_HERE;
}

void queue_keep_limits(struct queue *q)
{
    q->is_over_limit = false;
    if (!queue_is_limited(q) || q->settings.overflow != OVERFLOW_DROP_HEAD)
        return;
    for (unsigned n = 0;; n++) {
        struct lane_totals totals = lanes_count(&q->lanes);
        if (totals.ready == 0 || !limits_exceeded(&q->settings, totals.ready, totals.ready_bytes))
            return;
        if (n >= DROPS_AT_ONCE && !loop_spend(q->entry.home, 1)) {
            q->is_over_limit = true;
            loop_job_start(q->entry.home, &q->work);
            return;
        }
        struct lane *l = lane_first_ready(&q->lanes);
        if (!first_is_here(l) || (q->ops->sends_on(q) && !q->ops->can_send_on(q))) {
            q->is_over_limit = true;
            return;
        }
        uint64_t sequence;
        bool redelivered;
        struct message *m = message_ref(backlog_deliver(&l->backlog, &sequence, &redelivered));
        q->ops->give_up(q, lane_position(l, sequence), m, DEATH_MAXLEN);
        message_unref(&m);
    }
}
