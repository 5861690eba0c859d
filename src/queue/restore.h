/* Recovery: applies the log's records to the queues. One thread reads; nothing else uses the queues
 * meanwhile (held.h). Then each queue is given to its home. */
#ifndef LEVERET_QUEUE_RESTORE_H
#define LEVERET_QUEUE_RESTORE_H

#include "paging/journal.h"
#include "topology/topology.h"

/* Returns the restorer for journal_open(), which finds the broker's durable queues by their ids.
 * From here on these are being restored. An id that is then found in the log or in a segment file's
 * name is not given to a queue that is made later. Before the loops start. */
struct journal_restorer restore_begin(struct topology *topology);

#endif
