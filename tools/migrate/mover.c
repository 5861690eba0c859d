/* Consume, publish, await the confirm, acknowledge.
 *
 * Both channels are new for each queue, so the n-th delivery has tag n, is the n-th publish, and is
 * confirmed by number n.
 *
 *   (1) acked <= settled <= published; published - acked <= the window, by the source's prefetch.
 *   (2) A delivery is acknowledged only when it and all before it are confirmed: what comes back
 *       after a crash is the end of what was delivered, and keeps its order.
 *   (3) The confirm of a message that the destination has returned or refused is not looked at.
 *   (4) Before the channel is closed its consumer is cancelled, and what came before is moved: a
 *       queue that counts deliveries sees none in vain.
 *
 * Ways to fail: a link is lost (the source returns what is not acknowledged, and a later run moves
 * it, perhaps for the second time); a side refuses the queue or a message, which ends the queue
 * there. */
#include "migrate/mover.h"

#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "migrate/outlet.h"

enum {
    RING = MOVER_WINDOW_MAX + 1,
    IDLE_MS = 50,
    CONFIRMS_EVERY = 32,    /* publishes */
    STALLED_MS = 30 * 1000, /* with messages ready, and none delivered */
    RETURNED_MS = 1000,     /* a queue that has not changed for so long has got back all */
    RETURNED_MS_MAX = 10 * 1000,
    LOOK_EVERY_MS = 50,
};

struct mover {
    const struct mover_job *job;
    struct link *from, *to;
    struct outlet outlet;
    struct moved *moved;
    struct lv_buffer *reason;
    uint64_t published, settled, acked;
    bool is_confirmed[RING]; /* by number modulo RING, of those above `settled` */
    size_t bytes[RING];
    bool is_over;    /* nothing more is to be delivered */
    uint64_t most;   /* publishes, and then the queue has had its turn */
    uint32_t others; /* consumers that were there before us */
    uint64_t delivered_ms;
};

/* --- confirms and acknowledgements ------------------------------------------------------------ */

static int acknowledge(struct mover *m)
{
    if (m->acked == m->settled)
        return 0;
    int status = amqp_basic_ack(m->from->amqp, LINK_CHANNEL, m->settled, true);
    if (status == AMQP_STATUS_OK)
        m->acked = m->settled;
    m->job->progress(m->job->arg);
    return link_check_status(m->from, status, m->reason);
}

static void settle(struct mover *m)
{
    while (m->settled < m->published && m->is_confirmed[(m->settled + 1) % RING]) {
        m->settled++;
        m->is_confirmed[m->settled % RING] = false;
        m->moved->messages++;
        m->moved->bytes += m->bytes[m->settled % RING];
    }
}

static int take_confirm(struct mover *m, const amqp_basic_ack_t *ack)
{
    uint64_t first = ack->multiple ? m->settled + 1 : ack->delivery_tag;
    uint64_t last = ack->delivery_tag == 0 ? m->published : ack->delivery_tag;
    if (last > m->published || (!ack->multiple && first <= m->settled)) {
        lv_buffer_printf(m->reason, "%s confirms what was not published", m->to->name);
        return ERR_CLOSED;
    }
    for (uint64_t n = first; n <= last; n++)
        m->is_confirmed[n % RING] = true;
    settle(m);
    return m->settled - m->acked > m->job->window / 4 ? acknowledge(m) : 0;
}

static int refuse(struct mover *m, const char *why)
{
    lv_buffer_printf(m->reason, "%s %s", m->to->name, why);
    return ERR_REFUSED;
}

/* What the destination has sent. The header and the body of a returned message need no look. */
static int take_frame(struct mover *m, const amqp_frame_t *frame)
{
    if (frame->frame_type != AMQP_FRAME_METHOD)
        return 0;
    const amqp_method_t *method = &frame->payload.method;
    if (method->id == AMQP_BASIC_ACK_METHOD)
        return take_confirm(m, method->decoded);
    if (method->id == AMQP_BASIC_NACK_METHOD)
        return refuse(m, "does not take a message: the queue may be full");
    if (method->id == AMQP_BASIC_RETURN_METHOD)
        return refuse(m, "has no such queue, or another binding");
    return link_check_method(m->to, method, m->reason);
}

/* Takes what the destination has sent; if `waits`, waits for something of it. */
static int take_confirms(struct mover *m, bool waits)
{
    const struct timeval none = {0};
    int err = 0;
    for (bool is_first = true; err == 0; is_first = false) {
        amqp_frame_t frame;
        int status =
            amqp_simple_wait_frame_noblock(m->to->amqp, &frame, waits && is_first ? NULL : &none);
        if (status == AMQP_STATUS_TIMEOUT)
            break;
        err = link_check_status(m->to, status, m->reason);
        if (err == 0)
            err = take_frame(m, &frame);
        amqp_maybe_release_buffers(m->to->amqp);
    }
    return err;
}

static int await_confirms(struct mover *m)
{
    int err = 0;
    while (err == 0 && m->published > m->settled)
        err = take_confirms(m, true);
    return err == 0 ? acknowledge(m) : err;
}

/* --- messages --------------------------------------------------------------------------------- */

static int publish(struct mover *m, amqp_envelope_t *e)
{
    if (e->delivery_tag != m->published + 1 || m->published - m->settled >= m->job->window) {
        lv_buffer_printf(m->reason, "%s delivers more than was asked for", m->from->name);
        return ERR_REFUSED;
    }
    m->published++;
    m->delivered_ms = clock_up_ms();
    m->bytes[m->published % RING] = e->message.body.len;
    int err = outlet_publish(&m->outlet, e, m->moved, m->reason);
    if (err == 0 && m->published % CONFIRMS_EVERY == 0)
        err = take_confirms(m, false);
    return err;
}

/* Says why no delivery has come. */
static int not_delivered(struct mover *m, amqp_rpc_reply_t reply)
{
    amqp_frame_t frame;
    if (reply.reply_type != AMQP_RESPONSE_LIBRARY_EXCEPTION ||
        reply.library_error != AMQP_STATUS_UNEXPECTED_STATE)
        return link_check(m->from, reply, m->reason);
    int err = link_check_status(m->from, amqp_simple_wait_frame(m->from->amqp, &frame), m->reason);
    if (err || frame.frame_type != AMQP_FRAME_METHOD)
        return err;
    if (frame.payload.method.id == AMQP_BASIC_CANCEL_METHOD) {
        lv_buffer_printf(m->reason, "%s has cancelled the consumer: the queue is deleted",
                         m->from->name);
        return ERR_REFUSED;
    }
    return link_check_method(m->from, &frame.payload.method, m->reason);
}

/* Takes a delivery, if there is one. */
static int take_delivery(struct mover *m, bool *ret_is_taken)
{
    const struct timeval none = {0};
    amqp_envelope_t e;
    *ret_is_taken = false;
    amqp_maybe_release_buffers(m->from->amqp);
    amqp_rpc_reply_t reply = amqp_consume_message(m->from->amqp, &e, &none, 0);
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
        reply.library_error == AMQP_STATUS_TIMEOUT)
        return 0;
    *ret_is_taken = true;
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        return not_delivered(m, reply);
    int err = publish(m, &e);
    amqp_destroy_envelope(&e);
    return err;
}

/* Asks how many messages are ready, which also says that all acknowledgements have been taken.
 * Deliveries that come before the answer are kept for take_delivery(). */
static int count_ready(struct mover *m)
{
    const amqp_queue_declare_ok_t *ok =
        amqp_queue_declare(m->from->amqp, LINK_CHANNEL, amqp_cstring_bytes(m->job->queue), true,
                           false, false, false, amqp_empty_table);
    if (!ok)
        return link_check(m->from, amqp_get_rpc_reply(m->from->amqp), m->reason);
    m->moved->left = ok->message_count;
    m->moved->consumers = ok->consumer_count;
    return 0;
}

/* --- the queue -------------------------------------------------------------------------------- */

/* Nothing has come for a moment, and all that came is acknowledged. */
static int look_whether_over(struct mover *m)
{
    int err = count_ready(m);
    m->is_over = m->moved->left == 0;
    if (err || m->is_over || clock_up_ms() - m->delivered_ms < STALLED_MS)
        return err;
    lv_buffer_printf(m->reason,
                     "%s delivers none of its messages: another consumer has the queue "
                     "to itself; stop that one",
                     m->from->name);
    return ERR_BUSY;
}

/* Waits until a side has sent something, at most for a moment. Returns whether one has. */
static bool wait_for_any(const struct mover *m)
{
    struct pollfd sides[] = {
        {.fd = amqp_get_sockfd(m->from->amqp), .events = POLLIN},
        {.fd = amqp_get_sockfd(m->to->amqp), .events = POLLIN},
    };
    return poll(sides, 2, IDLE_MS) != 0;
}

static int move_some(struct mover *m)
{
    bool is_taken;
    int err = take_delivery(m, &is_taken);
    if (m->published >= m->most)
        m->is_over = true;
    if (err || is_taken)
        return err;
    err = take_confirms(m, false);
    if (err || wait_for_any(m))
        return err;
    err = await_confirms(m);
    return err == 0 && !m->is_over ? look_whether_over(m) : err;
}

static int consume(struct mover *m)
{
    amqp_basic_qos(m->from->amqp, LINK_CHANNEL, 0, (uint16_t)m->job->window, false);
    int err = link_check(m->from, amqp_get_rpc_reply(m->from->amqp), m->reason);
    if (err)
        return err;
    m->delivered_ms = clock_up_ms();
    amqp_basic_consume(m->from->amqp, LINK_CHANNEL, amqp_cstring_bytes(m->job->queue),
                       amqp_cstring_bytes("leveretctl"), false, false, false, amqp_empty_table);
    return link_check(m->from, amqp_get_rpc_reply(m->from->amqp), m->reason);
}

/* Counts what is left, and the consumers that are there. A quorum queue counts a cancelled consumer
 * until it has taken the last acknowledgement: so a count that has grown is asked for again. */
static int count_others(struct mover *m)
{
    uint64_t began_ms = clock_up_ms();
    int err = count_ready(m);
    while (err == 0 && m->job->is_quorum && m->moved->consumers > m->others &&
           clock_up_ms() - began_ms < RETURNED_MS) {
        usleep(LOOK_EVERY_MS * 1000);
        err = count_ready(m);
    }
    return err;
}

/* Cancels the consumer, and moves what has come before that. */
static int stop_consuming(struct mover *m)
{
    bool is_taken = true;
    amqp_basic_cancel(m->from->amqp, LINK_CHANNEL, amqp_cstring_bytes("leveretctl"));
    int err = link_check(m->from, amqp_get_rpc_reply(m->from->amqp), m->reason);
    while (err == 0 && is_taken)
        err = take_delivery(m, &is_taken);
    if (err == 0)
        err = await_confirms(m);
    return err == 0 ? count_others(m) : err;
}

/* Waits until the queue's counts stay the same: a quorum queue of a RabbitMQ that was killed can
 * be consumed before it has got back what was under way, which is to come first. */
static int await_returned(struct mover *m)
{
    uint64_t began_ms = clock_up_ms(), changed_ms = began_ms, now_ms = began_ms;
    int err = 0;
    while (err == 0 && now_ms - changed_ms < RETURNED_MS && now_ms - began_ms < RETURNED_MS_MAX) {
        uint32_t left = m->moved->left, consumers = m->moved->consumers;
        usleep(LOOK_EVERY_MS * 1000);
        err = count_ready(m);
        now_ms = clock_up_ms();
        if (m->moved->left != left || m->moved->consumers != consumers)
            changed_ms = now_ms;
    }
    return err;
}

/* Opens the channels. Returns ERR_BUSY if another consumer is served before us. */
static int begin(struct mover *m)
{
    int err = link_channel_open(m->from, NULL, m->reason);
    if (err == 0)
        err = count_ready(m);
    if (err == 0 && m->job->is_again && m->job->is_quorum)
        err = await_returned(m);
    m->most = m->moved->left;
    m->others = m->moved->consumers;
    if (err == 0 && m->most > 0 && m->job->is_single_active && m->moved->consumers > 0) {
        lv_buffer_printf(m->reason, "another consumer is the single active one: stop it");
        err = ERR_BUSY;
    }
    if (err || m->most == 0)
        return err;
    err = outlet_open(&m->outlet, m->reason);
    return err == 0 ? consume(m) : err;
}

/* The queue has nothing to move. */
static int end_empty(struct mover *m)
{
    int err = link_channel_close(m->from, m->reason);
    if (err || !outlet_has_leftover(m->job))
        return err;
    err = outlet_open(&m->outlet, m->reason);
    return err == 0 ? outlet_close(&m->outlet, m->reason) : err;
}

static int move(struct mover *m)
{
    int err = begin(m);
    if (err == 0 && m->most == 0)
        return end_empty(m);
    while (err == 0 && !m->is_over)
        err = move_some(m);
    if (err == 0)
        err = stop_consuming(m);
    if (err == 0)
        err = link_channel_close(m->from, m->reason);
    return err == 0 ? outlet_close(&m->outlet, m->reason) : err;
}

int mover_run(const struct mover_job *job, struct moved *moved, struct lv_buffer *reason)
{
    lv_assert(job->window > 0 && job->window <= MOVER_WINDOW_MAX);
    struct mover m = {.job = job,
                      .from = job->from,
                      .to = job->to,
                      .moved = moved,
                      .reason = reason,
                      .outlet = {.job = job}};
    int err = move(&m);
    if (err && m.settled > m.acked) /* so that these do not come twice, if the source still hears */
        amqp_basic_ack(m.from->amqp, LINK_CHANNEL, m.settled, true);
    return err;
}
