/* The journal of a broker: its queues are restored from it, and its alarm says when it has
 * failed. */
#ifndef LEVERET_BROKER_BROKER_JOURNAL_H
#define LEVERET_BROKER_BROKER_JOURNAL_H

#include "broker/broker.h"
#include "paging/journal.h"

/* journal_open() for this broker, whose durable queues must be there already; whatever is asked
 * of one is answered when it has been restored (held.h). What concerns the broker, its loops and
 * the failure of the store, is filled in here. The broker outlives the journal. */
int broker_open_journal(struct broker *broker, const struct journal_options *options,
                        struct journal **ret);

#endif
