/* Opening the journal of a broker: its queues are restored from it, and its failure sets an
 * alarm. */
#ifndef LEVERET_BROKER_BROKER_JOURNAL_H
#define LEVERET_BROKER_BROKER_JOURNAL_H

#include "broker/broker.h"
#include "paging/journal.h"

/* Calls journal_open() for this broker, with the members of `options` that concern the broker, its
 * loops and a failed store filled in. From then on the queues are being restored: a request to one
 * is answered when it has been restored (queue/held.h). The broker must outlive the journal. Call
 * only when the broker's durable queues exist, and before the loops start. */
int broker_open_journal(struct broker *broker, const struct journal_options *options,
                        struct journal **ret);

#endif
