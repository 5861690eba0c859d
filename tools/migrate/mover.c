/* Consume, publish, await the confirm, acknowledge.
 *
 * Both channels are new for each queue, so the n-th delivery has tag n, is the n-th publish, and is
 * confirmed by number n.
 *
 *   (1) settled <= confirmed ones <= published; published - settled < WINDOW.
 *   (2) A delivery is acknowledged only when it and all before it are confirmed: what comes back
 *       after a crash is the end of what was delivered, and keeps its order.
 *   (3) At most one message is in memory at a time, besides those that rabbitmq-c has read while it
 *       waited for an answer; it waits for one only while the source has nothing to deliver.
 *
 * Ways to fail: a link is lost (the source returns what is not acknowledged, and a later run moves
 * it, perhaps for the second time); the destination refuses a message (nack), which ends the queue
 * there. */
#include "migrate/mover.h"

#include <string.h>
#include <sys/time.h>

#include "base/assert.h"
#include "base/error.h"

enum { WINDOW = 1024, ACK_EVERY = 256, IDLE_MS = 20 };

struct mover {
    struct link *from, *to;
    const char *queue;
    struct moved *moved;
    struct lv_buffer *reason;
    uint64_t published, settled;
    uint64_t acked;                 /* acknowledged at the source; at most `settled` */
    bool is_confirmed[WINDOW];      /* by number modulo WINDOW, of those above `settled` */
    uint64_t bytes[WINDOW];
};

/* --- confirms and acknowledgements ------------------------------------------------------------ */

static int acknowledge(struct mover *m)
{
    if (m->acked == m->settled)
        return 0;
    int status = amqp_basic_ack(m->from->amqp, LINK_CHANNEL, m->settled, true);
    if (status != AMQP_STATUS_OK) {
        lv_buffer_printf(m->reason, "the connection to the source is lost: %s",
                         amqp_error_string2(status));
        return ERR_CLOSED;
    }
    m->acked = m->settled;
    return 0;
}

static void settle(struct mover *m)
{
    while (m->settled < m->published && m->is_confirmed[(m->settled + 1) % WINDOW]) {
        m->settled++;
        m->is_confirmed[m->settled % WINDOW] = false;
        m->moved->messages++;
        m->moved->bytes += m->bytes[m->settled % WINDOW];
    }
}

static int take_confirm(struct mover *m, const amqp_basic_ack_t *ack)
{
    uint64_t first = ack->multiple ? m->settled + 1 : ack->delivery_tag;
    uint64_t last = ack->delivery_tag == 0 ? m->published : ack->delivery_tag;
    if (last > m->published || (first <= m->settled && first <= last)) {
        lv_buffer_printf(m->reason, "the destination confirms what was not published");
        return ERR_CLOSED;
    }
    for (uint64_t n = first; n <= last; n++)
        m->is_confirmed[n % WINDOW] = true;
    settle(m);
    return m->settled - m->acked >= ACK_EVERY ? acknowledge(m) : 0;
}

static int take_frame(struct mover *m, const amqp_frame_t *frame)
{
    if (frame->frame_type != AMQP_FRAME_METHOD)
        return 0;
    const amqp_method_t *method = &frame->payload.method;
    switch (method->id) {
    case AMQP_BASIC_ACK_METHOD:
        return take_confirm(m, method->decoded);
    case AMQP_BASIC_NACK_METHOD:
        lv_buffer_printf(m->reason, "the destination does not take a message (is the queue full?)");
        return ERR_REFUSED;
    case AMQP_CHANNEL_CLOSE_METHOD:
    case AMQP_CONNECTION_CLOSE_METHOD:
        return link_check((amqp_rpc_reply_t){.reply_type = AMQP_RESPONSE_SERVER_EXCEPTION,
                                             .reply = *method},
                          m->reason);
    default:
        return 0; /* connection.blocked: publishing waits by itself */
    }
}

/* Takes what the destination has sent, or waits for something of it. */
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
        if (status != AMQP_STATUS_OK) {
            lv_buffer_printf(m->reason, "the connection to the destination is lost: %s",
                             amqp_error_string2(status));
            return ERR_CLOSED;
        }
        err = take_frame(m, &frame);
    }
    amqp_maybe_release_buffers(m->to->amqp);
    return err;
}

/* Waits until at most this many publishes are not confirmed. */
static int await_confirms(struct mover *m, uint64_t most)
{
    int err = 0;
    while (err == 0 && m->published - m->settled > most)
        err = take_confirms(m, true);
    return err;
}

/* --- messages --------------------------------------------------------------------------------- */

static int publish(struct mover *m, const amqp_envelope_t *e)
{
    int err = await_confirms(m, WINDOW - 2);
    if (err)
        return err;
    if (e->delivery_tag != m->published + 1) {
        lv_buffer_printf(m->reason, "the source's delivery tags are not consecutive");
        return ERR_CLOSED;
    }
    m->published++;
    m->bytes[m->published % WINDOW] = e->message.body.len;
    int status = amqp_basic_publish(m->to->amqp, LINK_CHANNEL, e->exchange, e->routing_key, false,
                                    false, &e->message.properties, e->message.body);
    if (status != AMQP_STATUS_OK) {
        lv_buffer_printf(m->reason, "the connection to the destination is lost: %s",
                         amqp_error_string2(status));
        return ERR_CLOSED;
    }
    return take_confirms(m, false);
}

/* Says why no delivery has come. */
static int not_delivered(struct mover *m, amqp_rpc_reply_t reply)
{
    amqp_frame_t frame;
    if (reply.reply_type != AMQP_RESPONSE_LIBRARY_EXCEPTION ||
        reply.library_error != AMQP_STATUS_UNEXPECTED_STATE)
        return link_check(reply, m->reason);
    if (amqp_simple_wait_frame(m->from->amqp, &frame) != AMQP_STATUS_OK ||
        frame.frame_type != AMQP_FRAME_METHOD) {
        lv_buffer_printf(m->reason, "the connection to the source is lost");
        return ERR_CLOSED;
    }
    if (frame.payload.method.id == AMQP_BASIC_CANCEL_METHOD) {
        lv_buffer_printf(m->reason, "the source has cancelled the consumer (is the queue deleted?)");
        return ERR_REFUSED;
    }
    return take_frame(m, &frame);
}

/* Moves what is delivered until nothing comes for a moment. */
static int take_deliveries(struct mover *m, bool *ret_has_any)
{
    const struct timeval moment = {.tv_usec = IDLE_MS * 1000};
    *ret_has_any = false;
    for (;;) {
        amqp_envelope_t e;
        amqp_maybe_release_buffers(m->from->amqp);
        amqp_rpc_reply_t reply = amqp_consume_message(m->from->amqp, &e, &moment, 0);
        if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
            reply.library_error == AMQP_STATUS_TIMEOUT)
            return 0;
        int err = 0;
        if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
            *ret_has_any = true;
            err = publish(m, &e);
            amqp_destroy_envelope(&e);
        } else {
            err = not_delivered(m, reply);
        }
        if (err)
            return err;
    }
}

/* Returns whether nothing is ready; deliveries that were sent before the answer are read already,
 * and the next take_deliveries() has them. */
static int count_ready(struct mover *m, uint32_t *ret)
{
    const amqp_queue_declare_ok_t *ok = amqp_queue_declare(
        m->from->amqp, LINK_CHANNEL, amqp_cstring_bytes(m->queue), true, false, false, false,
        amqp_empty_table);
    if (!ok)
        return link_check(amqp_get_rpc_reply(m->from->amqp), m->reason);
    *ret = ok->message_count;
    return 0;
}

static int move_all(struct mover *m)
{
    uint32_t ready = 0;
    bool has_any = true;
    int err = 0;
    while (err == 0 && (has_any || ready > 0)) {
        err = take_deliveries(m, &has_any);
        if (err == 0)
            err = await_confirms(m, 0);
        if (err == 0)
            err = acknowledge(m);
        if (err == 0)
            err = count_ready(m, &ready);
        if (err == 0 && !has_any && ready > 0) {
            lv_buffer_printf(m->reason, "another consumer has the queue to itself");
            err = ERR_REFUSED;
        }
    }
    return err;
}

static int begin(struct mover *m)
{
    int err = link_channel_open(m->to, m->queue, m->reason);
    if (err)
        return err;
    err = link_channel_open(m->from, NULL, m->reason);
    if (err)
        return err;
    amqp_confirm_select(m->to->amqp, LINK_CHANNEL);
    err = link_check(amqp_get_rpc_reply(m->to->amqp), m->reason);
    if (err)
        return err;
    amqp_basic_qos(m->from->amqp, LINK_CHANNEL, 0, WINDOW - 1, false);
    err = link_check(amqp_get_rpc_reply(m->from->amqp), m->reason);
    if (err)
        return err;
    amqp_basic_consume(m->from->amqp, LINK_CHANNEL, amqp_cstring_bytes(m->queue), amqp_empty_bytes,
                       false, false, false, amqp_empty_table);
    return link_check(amqp_get_rpc_reply(m->from->amqp), m->reason);
}

int mover_run(struct link *from, struct link *to, const char *queue, struct moved *moved,
              struct lv_buffer *reason)
{
    struct mover m = {.from = from, .to = to, .queue = queue, .moved = moved, .reason = reason};
    int err = begin(&m);
    if (!err)
        err = move_all(&m);
    return err;
}
