/* Deliveries that a client holds for too long.
 *
 * Each consumer has a timeout: its own argument's, its queue's, or the broker's default; usually none.
 * One that holds a delivery longer is cancelled, and all that it holds goes back. A client that cannot
 * be told of that (it does not know basic.cancel; what is held was got, or its consumer is cancelled
 * already) has its channel closed.
 *
 * What the client says later about deliveries that went back so is no mistake of its: from then on
 * settling a tag up to the last one given is ignored when it is not outstanding.
 *
 * Deliveries stand in the channel's list in the order of their times, so one timer a channel is
 * enough: it looks from the oldest on until no later one can be due earlier. A time is kept in tenths
 * of a second; nothing is cancelled early, and nothing more than two tenths late. Times in which we
 * did not read do not count, and what has been sent to us is read before anybody is cancelled. */
#include <inttypes.h>

#include "amqp/channel.h"
#include "base/log.h"

/* A channel whose input cannot be judged yet, or that settles something, is looked at again after this
 * time. */
enum { RETRY_MS = 100 };

/* Milliseconds; 0: none. */
static uint64_t timeout_of(const struct consumer *c)
{
    int64_t own = atomic_load_explicit(&c->timeout_ms, memory_order_relaxed);
    if (own != CONSUMER_TIMEOUT_UNSET)
        return (uint64_t)own;
    return atomic_load_explicit(&c->queue->entry.vhost->topology->consumer_timeout_ms,
                                memory_order_relaxed);
}

static void look_after(struct channel *ch, uint64_t ms)
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
        look_after(ch, timeout_ms);
}

static bool can_be_told(const struct channel *ch, const struct consumer *c)
{
    return ch->connection->can.consumer_cancel_notify && !c->is_getter && !c->is_closed &&
           !lv_list_is_empty(&c->session_link);
}

/* The channel may be closing afterwards. */
static void time_out(struct channel *ch, struct consumer *c, uint64_t timeout_ms)
{
    if (!can_be_told(ch, c)) {
        channel_fail(ch, 0, REPLY_PRECONDITION_FAILED,
                     "delivery acknowledgement on channel %u timed out. Timeout value used: "
                     "%" PRIu64 " ms. This timeout value can be configured, see consumers doc "
                     "guide to learn more",
                     ch->number, timeout_ms);
        return;
    }
    log_warning(
        "connection %s, channel %u: consumer '%.*s' of queue '%.*s' has held a delivery for more "
        "than %" PRIu64 " ms: cancelling it",
        CONNECTION_TITLE(ch->connection), ch->number, SLICE_ARG(c->tag),
        SLICE_ARG(queue_name(c->queue)), timeout_ms);
    CHANNEL_SEND(ch, basic_cancel, .consumer_tag = c->tag, .no_wait = true);
    ch->forgiven_tag = ch->delivery_tag;
    consumer_hold(c);
    channel_cancel_consumer(ch, c, true);
    channel_requeue_of(ch, c);
    consumer_release(&c);
}

/* Whether everything has been executed that had come when the time was first up: the ack may be among
 * it, behind other input, or for a channel that waits or in a socket that is not read for now. */
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

/* Cancels who is late; returns after how many milliseconds the next could be, or 0: nobody. */
static uint64_t look(struct channel *ch)
{
    uint64_t now_ms = loop_patient_ms(connection_loop(ch->connection));
    uint64_t next_ms = 0;
    ch->timeout_least_ms = ch->timeout_least_ms ? ch->timeout_least_ms : UINT64_MAX;
    for (uint64_t tag = unacked_next(&ch->unacked, 0); tag != 0;
         tag = unacked_next(&ch->unacked, tag + 1)) {
        struct consumer *c = unacked_consumer(&ch->unacked, tag);
        uint64_t timeout_ms = timeout_of(c);
        uint64_t age_ms = unacked_age_ms(&ch->unacked, tag, now_ms);
        if (timeout_ms > 0 && timeout_ms < ch->timeout_least_ms)
            ch->timeout_least_ms = timeout_ms;
        if (timeout_ms > 0 && age_ms >= timeout_ms) {
            time_out(ch, c, timeout_ms);
            if (ch->state != CHANNEL_OPEN)
                return 0;
            if (channel_is_settling(ch))
                return RETRY_MS; /* what it holds is still going back */
            continue;
        }
        if (timeout_ms > 0 && (next_ms == 0 || timeout_ms - age_ms < next_ms))
            next_ms = timeout_ms - age_ms;
        if (next_ms > 0 && age_ms + next_ms <= ch->timeout_least_ms)
            break;
    }
    if (next_ms == 0)
        ch->timeout_least_ms = 0;
    return next_ms;
}

static void timeout_timer(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    struct channel *ch = lv_container_of(timer, struct channel, timeout_timer);
    uint64_t next_ms = has_read_on(ch) && !channel_is_settling(ch) ? look(ch) : RETRY_MS;
    if (next_ms > 0)
        look_after(ch, next_ms);
}

void channel_init_timeouts(struct channel *ch)
{
    loop_timer_init_patient(&ch->timeout_timer, timeout_timer);
}

void channel_look_for_timeouts(struct channel *ch)
{
    if (ch->state == CHANNEL_OPEN && ch->unacked.count > 0) {
        ch->timeout_least_ms = 0;
        look_after(ch, 0);
    }
}
