/* The two kinds of queues (queue/queue_ops.h). */
#ifndef LEVERET_BROKER_QUEUE_OPS_H
#define LEVERET_BROKER_QUEUE_OPS_H

#include "base/slice.h"
#include "queue/queue_ops.h"

/* The table for a queue of this name: clients' queues are ruled by policies and give up to their
 * dead-letter exchange, those of exchanges that delay messages by delayed.h. For
 * broker->topology.queue_ops_for. */
const struct queue_ops *queue_ops_for(struct slice name);

#endif
