/* The copy of a message has the same body, and all else in its headers:
 *
 *   exchange_name  longstr     routing_keys  array of longstr: the key, then CC, then BCC
 *   properties     table, cluster_id first and content_type last; numbers are signedint
 *   node           longstr     redelivered   signedint 0 or 1 (deliver)
 *   vhost          longstr     connection    longstr     channel  signedint     user  longstr
 *   routed_queues  array of longstr (publish)
 *
 * It is made at once, and published by mail to this same loop: so the trace's own queues and
 * consumers never run in the middle of another queue's work. */
#include "broker/trace.h"

#include "base/memory.h"
#include "broker/system_message.h"
#include "queue/queue.h"
#include "wire/properties.h"
#include "wire/table.h"

/* --- headers ---------------------------------------------------------------------------------- */

/* Writes the strings of an array. */
static void put_keys(struct table_writer *w, struct slice array)
{
    struct field key;
    while (array_next(&array, &key)) {
        if (key.type == FIELD_LONGSTR)
            table_put_str(w, NULL, key.bytes);
    }
}

static void put_routing_keys(struct table_writer *w, const struct delivery *message,
                             struct slice headers, struct slice bcc)
{
    struct field cc;
    table_put_array(w, "routing_keys");
    table_put_str(w, NULL, message->routing_key);
    if (table_find(headers, "CC", &cc) && cc.type == FIELD_ARRAY)
        put_keys(w, cc.bytes);
    put_keys(w, bcc);
    table_end(w);
}

static void put_shortstr(struct table_writer *w, const char *name, struct slice value)
{
    table_put_str(w, name, value);
}

static void put_octet(struct table_writer *w, const char *name, uint8_t value)
{
    table_put_int(w, name, value);
}

/* RabbitMQ writes the low 32 bits; we write all 64 if they are needed. */
static void put_longlong(struct table_writer *w, const char *name, uint64_t value)
{
    if (value <= INT32_MAX)
        table_put_int(w, name, (int32_t)value);
    else
        table_put_long(w, name, (int64_t)value);
}

static void put_table(struct table_writer *w, const char *name, struct slice value)
{
    const struct field f = {.type = FIELD_TABLE, .bytes = value};
    table_put_field(w, slice_str(name), &f);
}

/* Writes the properties, the last one first. */
static void put_properties(struct table_writer *w, const struct properties *p)
{
    table_put_table(w, "properties");
    for (unsigned bit = 2; bit <= 15; bit++) {
        switch (p->flags & 1u << bit) {
#define PUT_PROPERTY(type, name, NAME, bit)                                                        \
    case PROPERTY_##NAME: put_##type(w, #name, p->name); break;
            PROPERTIES(PUT_PROPERTY)
#undef PUT_PROPERTY
        default: break;
        }
    }
    table_end(w);
}

static void put_routed_queues(struct table_writer *w, const struct route *route)
{
    table_put_array(w, "routed_queues");
    for (size_t i = 0; i < route->count; i++) {
        if (!route->queues[i]->is_apart)
            table_put_str(w, NULL, queue_entry_name(route->queues[i]));
    }
    table_end(w);
}

/* Writes the headers of a copy; `route` is NULL for a delivery. */
static void put_headers(struct lv_buffer *out, const struct vhost *vhost,
                        const struct trace_channel *channel, const struct delivery *message,
                        const struct properties *properties, struct slice bcc,
                        const struct route *route)
{
    struct table_writer w;
    table_begin(&w, out);
    table_put_str(&w, "exchange_name", message->exchange);
    put_routing_keys(&w, message, properties->headers, bcc);
    put_properties(&w, properties);
    table_put_str(&w, "node", slice_str(vhost->topology->node_name));
    if (!route)
        table_put_int(&w, "redelivered", message->redelivered);
    table_put_str(&w, "vhost", vhost_name(vhost));
    table_put_str(&w, "connection", channel->connection);
    table_put_int(&w, "channel", channel->number);
    table_put_str(&w, "user", channel->user);
    if (route)
        put_routed_queues(&w, route);
    table_end(&w);
}

/* --- copies ----------------------------------------------------------------------------------- */

static void copy_arrives(struct loop *at, struct mail *mail)
{
    struct vhost *vhost = mail->a;
    struct message *m = mail->b;
    system_message_publish(at, vhost, &m);
    vhost_unref(&vhost);
}

static void trace_message(struct loop *loop, struct vhost *vhost,
                          const struct trace_channel *channel, const struct delivery *message,
                          struct slice bcc, const struct route *route, struct slice queue)
{
    struct properties properties;
    lv_assert(!loop_current() || loop_current() == loop);
    if (!properties_read(message->header, &properties))
        return; /* such a message cannot be published */
    struct lv_buffer headers = {0};
    put_headers(&headers, vhost, channel, message, &properties, bcc, route);
    const struct properties own = {.flags = PROPERTY_HEADERS, .headers = lv_buffer_slice(&headers)};
    struct message *copy =
        system_message_create(slice_str(TRACE_EXCHANGE), route ? "publish." : "deliver.",
                              route ? message->exchange : queue, &own, message->body);
    lv_buffer_free(&headers);
    if (!copy)
        return; /* no memory for the copy: the message itself goes on */
    vhost_ref(vhost);
    struct mail mail = {.deliver = copy_arrives, .a = vhost, .b = copy};
    loop_mail(loop, loop, &mail);
}

void trace_published(struct loop *loop, struct vhost *vhost, const struct trace_channel *channel,
                     const struct delivery *message, struct slice bcc, const struct route *route)
{
    trace_message(loop, vhost, channel, message, bcc, route, SLICE_EMPTY);
}

void trace_delivered(struct loop *loop, struct vhost *vhost, const struct trace_channel *channel,
                     struct slice queue, const struct delivery *message)
{
    if (!slice_is(message->exchange, TRACE_EXCHANGE))
        trace_message(loop, vhost, channel, message, SLICE_EMPTY, NULL, queue);
}

struct queue *trace_find_behind(struct loop *loop, struct vhost *vhost, struct slice exchange)
{
    return system_message_find_behind(loop, vhost, slice_str(TRACE_EXCHANGE), "publish.", exchange);
}
