/* Opening the journal of a broker: its queues are restored from it, and its failure sets an
 * alarm. */
#ifndef LEVERET_BROKER_BROKER_JOURNAL_H
#define LEVERET_BROKER_BROKER_JOURNAL_H

#include "broker/broker.h"
#include "paging/journal.h"

/* Calls journal_open() for this broker, whose durable queues must exist already; what is asked of a
 * queue is answered when it has been restored (held.h). The members of `options` that concern the
 * broker, its loops and a failed store are filled in here. The broker outlives the journal. Before
 * the loops start. */
int broker_open_journal(struct broker *broker, const struct journal_options *options,
                        struct journal **ret);

#endif
