/* A channel with a target: what is published there goes to one queue, as the message that it was.
 *
 * This is how an operator's tool puts messages into a queue that were in another broker's queue
 * before (docs/formats/control.md). Exchange and routing key are what consumers will be shown, and
 * nothing else: the exchange need not exist. The properties stay as they are, since the broker to
 * which the message was published first has done what they ask for: routing by CC and BCC, the
 * replacement of a reply address, the check of user-id, deduplication by exchanges. The queue
 * treats the message like any other. */
#include "amqp/publish_private.h"
#include "topology/queue_entry.h"

struct queue_entry *publish_find_target(struct channel *ch, struct broker_error *error)
{
    struct vhost *vhost = ch->connection->session.vhost;
    struct queue_entry *queue = queue_entry_find(vhost, ch->target);
    if (queue && !queue->is_companion)
        return queue;
    queue_entry_refuse_missing(ch->target, vhost, error);
    return NULL;
}

/* Without the headers, only expiration and delivery mode are checked: the queue depends on them. */
bool publish_check_for_target(struct channel *ch, const struct properties *props)
{
    struct properties others = *props;
    struct broker_error error;
    struct slice bcc;
    bool has_bcc;
    others.headers = SLICE_EMPTY;
    if (publish_check(&others, &bcc, &has_bcc, &error))
        return true;
    channel_refuse(ch, AMQP_BASIC_PUBLISH, &error);
    return false;
}
