/* Messages that the broker itself publishes: they are made, routed and sent as those of clients. */
#include "broker/system_message.h"

#include "base/assert.h"
#include "broker/publish.h"
#include "topology/flows.h"
#include "topology/lives.h"

/* Returns the prefix and the key, cut to SHORTSTR_BYTES_MAX bytes, in `space`, which has room for
 * that many. */
static struct slice key_join(uint8_t *space, const char *prefix, struct slice key)
{
    size_t n = strlen(prefix);
    lv_assert(n <= SHORTSTR_BYTES_MAX);
    size_t rest = key.n < SHORTSTR_BYTES_MAX - n ? key.n : SHORTSTR_BYTES_MAX - n;
    memcpy(space, prefix, n);
    if (rest > 0)
        memcpy(space + n, key.p, rest);
    return slice_of(space, n + rest);
}

struct message *system_message_create(struct slice exchange, const char *key_prefix,
                                      struct slice key, const struct properties *properties,
                                      struct slice body)
{
    uint8_t space[SHORTSTR_BYTES_MAX];
    struct lv_buffer header = {0};
    size_t n = properties_size(properties);
    properties_put(lv_buffer_reserve(&header, n), properties);
    header.n = n;
    struct message *m =
        message_create(exchange, key_join(space, key_prefix, key), lv_buffer_slice(&header), body.n,
                       properties->delivery_mode == DELIVERY_MODE_PERSISTENT);
    lv_buffer_free(&header);
    if (m && body.n > 0)
        memcpy(message_body_space(m), body.p, body.n);
    return m;
}

static void life_begin(struct loop *loop, struct vhost *vhost, const struct publish *p,
                       const struct route *route)
{
    static const struct life_publisher nobody;
    struct message *m = p->content.message;
    uint32_t life = lives_publish(loop, vhost, &nobody, &p->content, m->is_persistent, route, 0);
    if (life)
        message_set_life(m, life);
}

void system_message_publish(struct loop *loop, struct vhost *vhost, struct message **message)
{
    struct publish p;
    lv_assert(!loop_current() || loop_current() == loop);
    if (!publish_begin(&p, message))
        lv_unreachable(); /* system_message_create() wrote its header */
    struct exchange *x = exchange_find(vhost, p.content.exchange);
    struct route route;
    struct publish_result result;
    if (x) {
        publish_route(loop, x, &p, &route);
        if (vhost_watches(vhost) & VHOST_WATCH_FLOWS)
            flows_count(loop, vhost, p.content.exchange, &route);
        if (vhost_watches(vhost) & VHOST_WATCH_LIVES)
            life_begin(loop, vhost, &p, &route);
        publish_send(loop, &p, &route, NULL, 0, &result);
    }
    publish_end(loop, &p);
}

struct queue *system_message_find_behind(struct loop *loop, struct vhost *vhost,
                                         struct slice exchange, const char *key_prefix,
                                         struct slice key)
{
    uint8_t space[SHORTSTR_BYTES_MAX];
    const struct routing_input input = {.routing_key = key_join(space, key_prefix, key)};
    struct exchange *x = exchange_find(vhost, exchange);
    struct route route = {0};
    if (x)
        route_find(loop, x, &input, &route);
    for (size_t i = 0; i < route.count; i++) {
        struct queue *q = queue_of_entry(route.queues[i]);
        if (queue_is_behind(q))
            return q;
    }
    return NULL;
}
