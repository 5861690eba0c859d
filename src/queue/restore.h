/* Recovery: what the log says, into the queues it says it of. One thread reads; nobody else touches the
 * queues meanwhile (held.h), and then each is given to its home. */
#ifndef LEVERET_QUEUE_RESTORE_H
#define LEVERET_QUEUE_RESTORE_H

#include "broker/broker.h"
#include "store/log.h"
#include "store/segments.h"

struct journal_loop;
struct restore;

/* Knows the broker's durable queues by their ids: from here on they are being restored. Before the loops
 * start. The caller owns it. */
struct restore *restore_begin(struct broker *broker);

/* Notes which segment files are there. No queue that is made later gets the id of one. Before the loops
 * start. */
int restore_list_segments(struct restore *restore, struct segments *segments);

/* For log_read(), with the struct restore as its arg. The reading thread. */
extern const struct log_visitor restore_visitor;

/* That was all: tells queues which of their files are there, removes the others. The reading thread. */
void restore_end(struct restore *restore);

/* The queues at home on this loop are its own from here on. With `is_whole` they are what the log has
 * said, and depend on its files; else they are empty, and nothing is stored any more. Home. */
void restore_hand_over(struct restore *restore, struct journal_loop *home, bool is_whole);

/* After each loop has had its queues, or when none will. Clears the pointer. */
void restore_free(struct restore **restore);

#endif
