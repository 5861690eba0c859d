/* Where answers by direct reply-to go: a queue for each reply consumer, under a name that the default
 * exchange finds as it finds any queue's: a message comes there from a publish, from the headers CC
 * and BCC, as a dead letter, and it has no route when the consumer is gone.
 *
 * No vhost lists it; clients cannot bind, consume or delete it; policies and limits do not concern it. It
 * lives on its consumer's loop, and goes with the consumer. Names hold for the whole broker. */
#ifndef LEVERET_QUEUE_REPLY_QUEUE_H
#define LEVERET_QUEUE_REPLY_QUEUE_H

#include "queue/queue.h"

#define REPLY_QUEUE_PREFIX "amq.rabbitmq.reply-to."

/* Whether a reply consumer could have this name. */
bool reply_queue_is_name(struct slice name);

/* The queue of this name, or NULL. Any loop, read side. */
struct queue_entry *reply_queue_find(struct topology *topology, struct slice name);

/* Makes one; the caller ends it. On the loop that is to be its home. */
struct queue *reply_queue_create(struct loop *home, struct vhost *vhost, struct slice name);

/* Its name is gone when this returns, and so is what it held. No consumer is attached any more. Clears
 * the pointer. Home. */
void reply_queue_end(struct queue **queue);

#endif
