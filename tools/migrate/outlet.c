#include "migrate/outlet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "migrate/routes.h"

static struct slice slice_of_bytes(amqp_bytes_t bytes)
{
    return slice_of(bytes.bytes, bytes.len);
}

/* --- the name of an exchange of our own
 * -------------------------------------------------------- */

/* The name depends on the queue alone: what a run that was killed has left is used again, and two
 * runs do not get into each other's way. FNV-1a makes it short enough for any queue. */
static void name_exchange(const char *queue, char ret[OUTLET_NAME_BYTES])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *p = queue; *p; p++)
        hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    snprintf(ret, OUTLET_NAME_BYTES, OUTLET_EXCHANGE_PREFIX "%016" PRIx64, hash);
}

bool outlet_has_leftover(const struct mover_job *job)
{
    char name[OUTLET_NAME_BYTES];
    name_exchange(job->queue, name);
    return job->routes && json_object_get(job->routes, name);
}

/* --- the channel ------------------------------------------------------------------------------ */

int outlet_open(struct outlet *o, struct lv_buffer *reason)
{
    struct link *to = o->job->to;
    o->has_leftover = outlet_has_leftover(o->job);
    name_exchange(o->job->queue, o->exchange);
    int err = link_channel_open(to, o->job->routes ? NULL : o->job->queue, reason);
    if (err)
        return err;
    amqp_confirm_select(to->amqp, LINK_CHANNEL);
    return link_check(to, amqp_get_rpc_reply(to->amqp), reason);
}

int outlet_close(struct outlet *o, struct lv_buffer *reason)
{
    struct link *to = o->job->to;
    int err = 0;
    if (o->has_exchange || o->has_leftover) {
        amqp_exchange_delete(to->amqp, LINK_CHANNEL, amqp_cstring_bytes(o->exchange), false);
        err = link_check(to, amqp_get_rpc_reply(to->amqp), reason);
    }
    o->has_exchange = o->has_leftover = false;
    return err == 0 ? link_channel_close(to, reason) : err;
}

/* --- an exchange of our own ------------------------------------------------------------------- */

static int make_exchange(struct outlet *o, struct lv_buffer *reason)
{
    struct link *to = o->job->to;
    amqp_exchange_declare(to->amqp, LINK_CHANNEL, amqp_cstring_bytes(o->exchange),
                          amqp_cstring_bytes("fanout"), false, false, true, false,
                          amqp_empty_table);
    int err = link_check(to, amqp_get_rpc_reply(to->amqp), reason);
    if (err)
        return err;
    amqp_queue_bind(to->amqp, LINK_CHANNEL, amqp_cstring_bytes(o->job->queue),
                    amqp_cstring_bytes(o->exchange), amqp_empty_bytes, amqp_empty_table);
    o->has_exchange = true;
    return link_check(to, amqp_get_rpc_reply(to->amqp), reason);
}

/* --- properties ------------------------------------------------------------------------------- */

static bool has_headers(const amqp_basic_properties_t *p)
{
    return p->_flags & AMQP_BASIC_HEADERS_FLAG;
}

static bool has_header(const amqp_basic_properties_t *p, const char *name)
{
    for (int n = 0; has_headers(p) && n < p->headers.num_entries; n++)
        if (slice_is(slice_of_bytes(p->headers.entries[n].key), name))
            return true;
    return false;
}

/* Takes out how often a quorum queue has delivered the message, which the queue adds itself. */
static void drop_delivery_count(amqp_basic_properties_t *p)
{
    int kept = 0;
    for (int n = 0; has_headers(p) && n < p->headers.num_entries; n++)
        if (!slice_is(slice_of_bytes(p->headers.entries[n].key), "x-delivery-count"))
            p->headers.entries[kept++] = p->headers.entries[n];
    if (has_headers(p))
        p->headers.num_entries = kept;
}

/* RabbitMQ refuses a user_id that is not the publisher's own. Returns whether it was taken out. */
static bool drop_user_id(const struct outlet *o, amqp_basic_properties_t *p)
{
    if (!o->job->routes || !o->job->user_id || !(p->_flags & AMQP_BASIC_USER_ID_FLAG) ||
        slice_is(slice_of_bytes(p->user_id), o->job->user_id))
        return false;
    p->_flags &= ~(amqp_flags_t)AMQP_BASIC_USER_ID_FLAG;
    return true;
}

/* --- publishing ------------------------------------------------------------------------------- */

/* Returns whether the message gets to the queue alone by the exchange that it has come by. */
static bool is_led_here(const struct outlet *o, const amqp_envelope_t *e)
{
    if (!o->job->routes)
        return true;
    if (has_header(&e->message.properties, "CC") || has_header(&e->message.properties, "BCC"))
        return false;
    return routes_lead_only_to(o->job->routes, slice_of_bytes(e->exchange),
                               slice_of_bytes(e->routing_key), o->job->queue);
}

int outlet_publish(struct outlet *o, amqp_envelope_t *e, struct moved *moved,
                   struct lv_buffer *reason)
{
    struct link *to = o->job->to;
    amqp_bytes_t exchange = e->exchange;
    if (o->job->is_quorum)
        drop_delivery_count(&e->message.properties);
    moved->anonymous += drop_user_id(o, &e->message.properties);
    if (!is_led_here(o, e)) {
        int err = o->has_exchange ? 0 : make_exchange(o, reason);
        if (err)
            return err;
        exchange = amqp_cstring_bytes(o->exchange);
        moved->rerouted++;
    }
    return link_check_status(to,
                             amqp_basic_publish(to->amqp, LINK_CHANNEL, exchange, e->routing_key,
                                                true, false, &e->message.properties,
                                                e->message.body),
                             reason);
}
