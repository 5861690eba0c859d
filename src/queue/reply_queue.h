/* The queue of a direct reply-to consumer, which receives its replies. The default exchange finds
 * it by its name like any queue: a message reaches it by a publish, by the headers CC and BCC, or
 * as a dead letter, and is unroutable after the consumer has ended.
 *
 * No vhost lists it. Clients cannot bind it, consume from it or delete it; policies and limits do
 * not apply to it. It is at home on its consumer's loop, and is deleted with the consumer. Its name
 * is unique in the whole broker. */
#ifndef LEVERET_QUEUE_REPLY_QUEUE_H
#define LEVERET_QUEUE_REPLY_QUEUE_H

#include "queue/queue.h"

/* What clients call the reply queue of their own channel: they consume from it, and publish with it
 * as reply_to. */
#define REPLY_TO_NAME "amq.rabbitmq.reply-to"

/* Makes a reply queue; the caller ends it. On the loop that is to be its home. */
struct queue *reply_queue_create(struct loop *home, struct vhost *vhost, struct slice name);

/* Deletes the queue at once, with its name and what it holds. Call only when no consumer is
 * attached. Clears the pointer. Home. */
void reply_queue_end(struct queue **queue);

#endif
