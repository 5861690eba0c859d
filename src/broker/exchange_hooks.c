/* What the broker does for exchanges: it finds their policies, creates the queues of those that
 * delay messages, and publishes what x-recent-history replays, without deduplication or trace. */
#include "broker/exchange_hooks.h"

#include "base/assert.h"
#include "broker/delayed.h"
#include "broker/policy.h"
#include "broker/publish.h"

static void publish_to_exchange(struct loop *loop, struct exchange *exchange, struct message *m)
{
    struct publish p;
    struct publish_result result;
    struct route route;
    struct message *message = message_ref(m);
    bool is_read = publish_begin(&p, &message);
    lv_assert(is_read); /* it was published before */
    publish_route(loop, exchange, &p, &route);
    publish_send(loop, &p, &route, NULL, 0, &result);
    publish_end(loop, &p);
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
