/* Exchanges get their policies and, where they delay, their queues from here; and
 * x-recent-history publishes what it remembers through here, without deduplication, delay or
 * trace. */
#include "broker/exchange_hooks.h"

#include "broker/delayed.h"
#include "broker/policy.h"
#include "message/delivery.h"
#include "queue/queue.h"
#include "topology/exchange.h"
#include "topology/route.h"
#include "wire/properties.h"

static void publish_to_exchange(struct loop *loop, struct exchange *exchange, struct message *m)
{
    struct properties properties = {0};
    const struct delivery delivery = delivery_of_message(m);
    bool is_read = properties_read(delivery.header, &properties);
    lv_assert(is_read);
    const struct routing_input input = {
        .routing_key = delivery.routing_key,
        .headers = properties.headers,
        .has_headers = (properties.flags & PROPERTY_HEADERS) != 0,
        .message = &delivery,
    };
    struct route route;
    route_find(loop, exchange, &input, &route);
    for (size_t i = 0; i < route.count; i++)
        queue_publish(loop, queue_of_entry(route.queues[i]), m, NULL, 0);
}

static void replay_publish(struct loop *loop, struct destination *to, struct message *message)
{
    if (to->kind == DESTINATION_QUEUE)
        queue_publish(loop, queue_of_entry(queue_entry_of_destination(to)), message, NULL, 0);
    else
        publish_to_exchange(loop, lv_container_of(to, struct exchange, destination), message);
}

const struct exchange_hooks broker_exchange_hooks = {
    .begin = policy_begin_exchange,
    .create_queue = delayed_create_queue,
    .delete_queue = delayed_delete_queue,
    .publish = replay_publish,
};
