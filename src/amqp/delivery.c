/* From the broker to the client: deliveries, and what ends them. */
#include <stdlib.h>

#include "amqp/channel.h"
#include "base/memory.h"
#include "message/delivery_header.h"

/* Bodies of at least this size are written from the message itself instead of being copied. */
enum { BODY_BORROW_BYTES = 16 * 1024 };

/* --- header and body frames ------------------------------------------------------------------- */

static uint8_t *put_header_frame(uint8_t *p, uint16_t number, struct slice header,
                                 uint64_t body_bytes)
{
    p = wire_put_frame_header(p, FRAME_HEADER, number,
                              (uint32_t)(CONTENT_HEADER_FIXED_BYTES + header.n));
    p = wire_put_u32(p, 60u << 16); /* class basic, weight 0 */
    p = wire_put_u64(p, body_bytes);
    p = wire_put_bytes(p, header);
    return wire_put_u8(p, FRAME_END);
}

/* A header is sent as it was published. A front end that publishes headers of another format must
 * add their conversion to both callers of this. Bytes without a message were just published by an
 * AMQP 0-9-1 client. */
static void check_format(const struct message *m)
{
    lv_assert(!m || m->format == HEADER_AMQP_0_9_1);
}

static void release_message(void *owner)
{
    struct message *m = owner;
    message_unref(&m);
}

static void write_body_frame(struct channel *ch, struct outbuf *out, struct slice part,
                             struct message *message)
{
    uint8_t *p = outbuf_reserve(out, FRAME_HEADER_BYTES);
    wire_put_frame_header(p, FRAME_BODY, ch->number, (uint32_t)part.n);
    outbuf_commit(out, FRAME_HEADER_BYTES);
    if (message && part.n >= BODY_BORROW_BYTES)
        outbuf_borrow(out, part, release_message, message_ref(message));
    else
        outbuf_add(out, part.p, part.n);
    *outbuf_reserve(out, 1) = FRAME_END;
    outbuf_commit(out, 1);
}

static size_t frame_payload_max(const struct channel *ch)
{
    uint32_t frame = ch->connection->frame_bytes_max;
    return frame ? frame - FRAME_OVERHEAD : SIZE_MAX;
}

static void write_body(struct channel *ch, struct slice body, struct message *message)
{
    struct outbuf *out = net_out(ch->connection->session.net);
    size_t most = frame_payload_max(ch);
    for (size_t at = 0; at < body.n;) {
        size_t n = body.n - at < most ? body.n - at : most;
        write_body_frame(ch, out, slice_of(body.p + at, n), message);
        at += n;
    }
}

void channel_write_content(struct channel *ch, struct slice header, struct slice body,
                           struct message *message)
{
    check_format(message);
    struct outbuf *out = net_out(ch->connection->session.net);
    size_t n = FRAME_OVERHEAD + CONTENT_HEADER_FIXED_BYTES + header.n;
    put_header_frame(outbuf_reserve(out, n), ch->number, header, body.n);
    outbuf_commit(out, n);
    write_body(ch, body, message);
}

void channel_add_unacked(struct channel *ch, uint64_t tag, struct consumer *c, uint64_t position)
{
    unacked_add(&ch->unacked, tag, c, position, loop_patient_ms(connection_loop(ch->connection)));
    channel_watch_delivery(ch, c);
}

/* Writes all frames of a small delivery at once. */
static void write_small(struct channel *ch, const struct amqp_basic_deliver *method,
                        const struct delivery *d)
{
    check_format(d->message);
    struct outbuf *out = net_out(ch->connection->session.net);
    size_t n = amqp_basic_deliver_size(method) + FRAME_OVERHEAD + CONTENT_HEADER_FIXED_BYTES +
               d->header.n + (d->body.n ? FRAME_OVERHEAD + d->body.n : 0);
    uint8_t *p = outbuf_reserve(out, n);
    p = amqp_basic_deliver_put(p, ch->number, method);
    p = put_header_frame(p, ch->number, d->header, d->body.n);
    if (d->body.n > 0) {
        p = wire_put_frame_header(p, FRAME_BODY, ch->number, (uint32_t)d->body.n);
        p = wire_put_bytes(p, d->body);
        wire_put_u8(p, FRAME_END);
    }
    outbuf_commit(out, n);
}

static void count_redelivery(struct consumer *c)
{
    struct channel *ch = c->session;
    ch->counts.redeliver++;
    c->redelivered++;
}

static bool deliver_as_it_is(struct consumer *c, const struct delivery *d)
{
    struct channel *ch = c->session;
    struct connection *conn = ch->connection;
    const struct amqp_basic_deliver method = {
        .consumer_tag = c->tag,
        .delivery_tag = ++ch->delivery_tag,
        .redelivered = d->redelivered,
        .exchange = d->exchange,
        .routing_key = d->routing_key,
    };
    if (c->no_ack) {
        ch->counts.deliver_no_ack++;
    } else {
        ch->counts.deliver++;
        channel_add_unacked(ch, ch->delivery_tag, c, d->position);
    }
    if (d->redelivered)
        count_redelivery(c);
    if (vhost_is_watched(conn->session.vhost))
        session_watch_delivery(&ch->connection->session, ch->number, c, c->no_ack, d);
    if (d->body.n < BODY_BORROW_BYTES && d->body.n <= frame_payload_max(ch)) {
        write_small(ch, &method, d);
    } else {
        struct outbuf *out = net_out(conn->session.net);
        size_t n = amqp_basic_deliver_size(&method);
        amqp_basic_deliver_put(outbuf_reserve(out, n), ch->number, &method);
        outbuf_commit(out, n);
        channel_write_content(ch, d->header, d->body, d->message);
    }
    c->delivered++;
    net_dirty(conn->session.net);
    /* Above this mark nothing more is delivered until on_drained() resumes the consumer. */
    return net_unwritten(conn->session.net) <= OUTPUT_BYTES_HIGH;
}

static bool channel_deliver(struct consumer *c, const struct delivery *d)
{
    if (!d->tells_count)
        return deliver_as_it_is(c, d);
    struct lv_buffer header = {0};
    struct delivery told = *d;
    told.header = delivery_header_with_count(&header, d->header, d->delivery_count);
    bool has_room = deliver_as_it_is(c, &told);
    lv_buffer_free(&header);
    return has_room;
}

/* --- consumers end ---------------------------------------------------------------------------- */

static void detach_done(struct queue_call *call)
{
    struct consumer *c = call->consumer;
    struct channel *ch = call->owner;
    channel_assert_home(ch);
    queue_unref(&call->queue);
    free(call);
    consumer_release(&c);
    channel_is_detached(ch);
}

void channel_cancel_consumer(struct channel *ch, struct consumer *c, bool returns_all)
{
    if (!lv_list_is_empty(&c->session_link))
        channel_remove_consumer(ch, c);
    c->is_closed = true;
    session_event_consumer_deleted(&ch->connection->session, ch->number, c, false);
    lv_assert(c->session == ch);
    struct queue_call *call = lv_calloc(1, sizeof *call);
    call->queue = queue_ref(c->queue);
    call->from = c->loop;
    call->run = queue_call_cancel;
    call->done = detach_done;
    call->consumer = c;
    call->cancel.returns_all = returns_all;
    call->owner = ch;
    ch->detaching++;
    queue_call_start(call);
}

/* Ends a consumer whose queue was deleted, and tells the client if it knows basic.cancel. */
static void consumer_queue_gone(struct consumer *c)
{
    struct channel *ch = c->session;
    if (lv_list_is_empty(&c->session_link))
        return; /* the client cancels it at the same time: cancel-ok will follow */
    channel_remove_consumer(ch, c);
    c->is_closed = true;
    session_event_consumer_deleted(&ch->connection->session, ch->number, c, false);
    if (ch->state == CHANNEL_OPEN && ch->connection->can.consumer_cancel_notify)
        CHANNEL_SEND(ch, basic_cancel, .consumer_tag = c->tag, .no_wait = true);
    consumer_release(&c);
}

static void consumer_timeout_changed(struct consumer *c)
{
    channel_look_for_timeouts(c->session);
}

const struct consumer_calls channel_consumer_calls = {
    .deliver = channel_deliver,
    .cancelled = consumer_queue_gone,
    .timeout_changed = consumer_timeout_changed,
};
