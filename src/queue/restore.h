/* Recovery: what the log says, into the queues it says it of. One thread reads; nobody else touches
 * the queues meanwhile (held.h), and then each is given to its home. */
#ifndef LEVERET_QUEUE_RESTORE_H
#define LEVERET_QUEUE_RESTORE_H

#include "paging/journal.h"
#include "topology/topology.h"

/* Knows the broker's durable queues by their ids, for journal_open(): from here on they are being
 * restored. No queue that is made later gets an id that the log or a segment file knows. Before the
 * loops start. */
struct journal_restorer restore_begin(struct topology *topology);

#endif
