/* Recovery: what the log says, into the queues it says it of. Before the loops start, on one
 * thread. */
#ifndef LEVERET_BROKER_RESTORE_H
#define LEVERET_BROKER_RESTORE_H

#include "broker/broker.h"
#include "store/log.h"
#include "store/segments.h"

struct restore;

/* Knows the broker's durable queues by their ids. The caller owns it. */
struct restore *restore_begin(struct broker *broker);

/* For log_open(), with the struct restore as its arg. */
extern const struct log_visitor restore_visitor;

/* Tells queues which of their files are there, removes the others. */
int restore_segments(struct restore *restore, struct segments *segments);

/* With `is_whole` queues are told that this was all, and which log files they depend on (the loops'
 * parts are there by then). Clears the pointer. */
void restore_end(struct restore **restore, bool is_whole);

#endif
