/* Deliveries that a client holds for too long.
 *
 * Each consumer has a timeout: its own argument's, its queue's, or the broker's default; usually
 * none. A consumer that holds a delivery for longer is cancelled, and all that it holds is
 * requeued. If the client cannot be told of that (it does not know basic.cancel, or the delivery
 * was taken with basic.get, or the consumer is cancelled already), the channel is closed instead.
 *
 * Not knowing of it yet, the client may settle deliveries that were requeued in this way. So from
 * then on, settling a tag that is not outstanding is ignored, up to the last tag given so far
 * (`forgiven_tag`).
 *
 * Deliveries are listed in the order of their times, so one timer for each channel is enough: it
 * looks at them from the oldest on until no later one can be due earlier. Times are kept in tenths
 * of a second; no consumer is cancelled early, and none more than two tenths late. Time in which we
 * did not read does not count, and what the client has sent is read before any of its consumers is
 * cancelled. */
#define LOG_CATEGORY LOG_ABOUT_CHANNEL

#include <inttypes.h>

#include "amqp/channel.h"
#include "base/log.h"

/* The pause before the next look at a channel that settles, or has input that is not read yet. */
enum { RETRY_MS = 100 };

/* Returns the consumer's timeout in milliseconds; 0: none. */
static uint64_t timeout_of(const struct consumer *c)
{
    int64_t own = atomic_load_explicit(&c->timeout_ms, memory_order_relaxed);
    if (own != CONSUMER_TIMEOUT_UNSET)
        return (uint64_t)own;
    return atomic_load_explicit(&queue_vhost(c->queue)->topology->consumer_timeout_ms,
                                memory_order_relaxed);
}

static void timer_start(struct channel *ch, uint64_t ms)
{
    struct loop *loop = connection_loop(ch->connection);
    ch->timeout_due_ms = loop_patient_ms(loop) + ms;
    loop_timer_start(loop, &ch->timeout_timer, ms);
}

void channel_watch_delivery(struct channel *ch, const struct consumer *c)
{
    uint64_t timeout_ms = timeout_of(c);
    if (timeout_ms == 0)
        return;
    if (ch->timeout_least_ms == 0 || timeout_ms < ch->timeout_least_ms)
        ch->timeout_least_ms = timeout_ms;
    uint64_t due_ms = loop_patient_ms(connection_loop(ch->connection)) + timeout_ms;
    if (!loop_timer_is_running(&ch->timeout_timer) || due_ms < ch->timeout_due_ms)
        timer_start(ch, timeout_ms);
}

static bool can_be_told(const struct channel *ch, const struct consumer *c)
{
    return ch->connection->can.consumer_cancel_notify && !c->is_getter && !c->is_closed &&
           !lv_list_is_empty(&c->session_link);
}

/* Cancels the consumer, or, if the client cannot be told of that, closes the channel. */
static void consumer_time_out(struct channel *ch, struct consumer *c, uint64_t timeout_ms)
{
    if (!can_be_told(ch, c)) {
        channel_fail(ch, 0, REPLY_PRECONDITION_FAILED,
                     "delivery acknowledgement on channel %u timed out. Timeout value used: "
                     "%" PRIu64 " ms. This timeout value can be configured, see consumers doc "
                     "guide to learn more",
                     ch->number, timeout_ms);
        return;
    }
    log_warning("connection %s: Consumer %.*s on channel %u has timed out waiting for delivery "
                "acknowledgement. Timeout used: %" PRIu64
                " ms. Cancelling it: it consumes from queue "
                "'%.*s'",
                CHANNEL_TITLE(ch), SLICE_ARG(c->tag), ch->number, timeout_ms,
                SLICE_ARG(queue_name(c->queue)));
    CHANNEL_SEND(ch, basic_cancel, .consumer_tag = c->tag, .no_wait = true);
    ch->forgiven_tag = ch->delivery_tag;
    consumer_hold(c);
    channel_cancel_consumer(ch, c, true);
    channel_requeue_of(ch, c);
    consumer_release(&c);
}

/* Returns whether everything has been executed that had arrived when the timeout first passed: an
 * ack may be among it, behind other input, kept by a channel that waits, or in a socket that is not
 * being read. */
static bool has_read_on(struct channel *ch)
{
    const struct net_conn *net = ch->connection->session.net;
    if (ch->timeout_reads_to == 0)
        ch->timeout_reads_to = net_received(net) + net_unread(net);
    if (ch->is_waiting || net_is_paused(net) || net_received(net) < ch->timeout_reads_to)
        return false;
    ch->timeout_reads_to = 0;
    return true;
}

/* Cancels consumers that are late. Returns in how many milliseconds the next one can be late, or 0
 * if none can. */
static uint64_t late_cancel(struct channel *ch)
{
    uint64_t now_ms = loop_patient_ms(connection_loop(ch->connection));
    uint64_t next_ms = 0, least_ms = UINT64_MAX;
    for (uint64_t tag = unacked_next(&ch->unacked, 0); tag != 0;
         tag = unacked_next(&ch->unacked, tag + 1)) {
        struct consumer *c = unacked_consumer(&ch->unacked, tag);
        uint64_t timeout_ms = timeout_of(c);
        uint64_t age_ms = unacked_age_ms(&ch->unacked, tag, now_ms);
        if (timeout_ms > 0 && age_ms >= timeout_ms) {
            consumer_time_out(ch, c, timeout_ms);
            if (ch->state != CHANNEL_OPEN)
                return 0;
            if (channel_is_settling(ch))
                return RETRY_MS; /* what it holds is still going back */
            continue;
        }
        if (timeout_ms > 0 && (next_ms == 0 || timeout_ms - age_ms < next_ms))
            next_ms = timeout_ms - age_ms;
        if (timeout_ms > 0 && timeout_ms < least_ms)
            least_ms = timeout_ms;
        if (next_ms > 0 && age_ms + next_ms <= ch->timeout_least_ms)
            return next_ms;
    }
    ch->timeout_least_ms = next_ms > 0 ? least_ms : 0;
    return next_ms;
}

static void timeout_timer_fire(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    struct channel *ch = lv_container_of(timer, struct channel, timeout_timer);
    uint64_t next_ms = has_read_on(ch) && !channel_is_settling(ch) ? late_cancel(ch) : RETRY_MS;
    if (next_ms > 0)
        timer_start(ch, next_ms);
}

/* Like late_cancel(), it looks at deliveries until no later one can matter: those are younger. */
void channel_nearest_timeout(const struct channel *ch, uint64_t *ret_ms, uint64_t *ret_timeout_ms)
{
    uint64_t now_ms = loop_patient_ms(connection_loop(ch->connection));
    double most = 0;
    *ret_ms = *ret_timeout_ms = 0;
    if (!loop_timer_is_running(&ch->timeout_timer))
        return; /* none has a timeout */
    for (uint64_t tag = unacked_next(&ch->unacked, 0); tag != 0;
         tag = unacked_next(&ch->unacked, tag + 1)) {
        uint64_t timeout_ms = timeout_of(unacked_consumer(&ch->unacked, tag));
        uint64_t age_ms = unacked_age_ms(&ch->unacked, tag, now_ms);
        if ((double)age_ms <= most * (double)ch->timeout_least_ms)
            return;
        if (timeout_ms == 0 || (double)age_ms <= most * (double)timeout_ms)
            continue;
        most = (double)age_ms / (double)timeout_ms;
        *ret_ms = age_ms;
        *ret_timeout_ms = timeout_ms;
    }
}

void channel_init_timeouts(struct channel *ch)
{
    loop_timer_init_patient(&ch->timeout_timer, timeout_timer_fire);
}

void channel_look_for_timeouts(struct channel *ch)
{
    if (ch->state == CHANNEL_OPEN && ch->unacked.count > 0) {
        ch->timeout_least_ms = 1; /* not known: every delivery is looked at */
        timer_start(ch, 0);
    }
}
