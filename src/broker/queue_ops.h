/* What broker/ does for the two kinds of queues (queue/queue_ops.h). */
#ifndef LEVERET_BROKER_QUEUE_OPS_H
#define LEVERET_BROKER_QUEUE_OPS_H

#include "base/slice.h"
#include "queue/queue_ops.h"

/* Returns the table for a queue of this name: a client's queue dead-letters what it gives up; the
 * queue of an exchange that delays messages forwards what is due (delayed.h). Set as
 * broker->topology.queue_ops_for. */
const struct queue_ops *queue_ops_for(struct slice name);

#endif
