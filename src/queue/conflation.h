/* Conflation: of the ready messages of a queue that bring the same value in the header which
 * x-last-value-key names, the newest alone is kept.
 *
 *   a newer one comes      the older, ready one leaves, in memory or on disk; the newer is the last
 *   the older is unacked   its consumer keeps it; when it comes back, it leaves, unless the newer
 *                          one has left before
 *   several come back      the newest of them stays
 *   no such header         the message stands as in any queue
 *
 * A message that leaves so is settled, not dead-lettered. An index in memory leads from each
 * value to the position of its newest message: 32 bytes for each value that was ever ready,
 * swept when most of them are gone. After a start it is made anew of what recovery and the
 * segments hold.
 *
 * At the queue's home. */
#ifndef LEVERET_QUEUE_CONFLATION_H
#define LEVERET_QUEUE_CONFLATION_H

#include "queue/queue.h"

struct conflation;

/* For a queue whose arguments ask for it; NULL for others. The caller owns it. */
struct conflation *conflation_create(struct slice argument_table);

/* Clears the pointer. NULL is fine. */
void conflation_free(struct conflation **conflation);

/* The message has come to this position: those before it with its value leave. */
void conflation_came(struct queue *q, uint64_t position, const struct message *message);

/* The message at this position, which is unacked, is about to come back. False: it has been
 * replaced meanwhile, and is to be settled. Else those before it with its value leave. */
bool conflation_comes_back(struct queue *q, uint64_t position, const struct message *message);

/* A message is about to be put at the end of this lane: of the sequence numbers in all of the
 * queue's lanes its will be the highest. So the newer of two is known by its number, also after a
 * start. */
void conflation_number(struct queue *q, struct lane *lane);

/* Whether a ready message would leave for this one, and how long its body is. */
bool conflation_would_replace(struct queue *q, const struct message *message,
                              uint64_t *ret_body_bytes);

/* Recovery: a message stands at this position; its content header and what its body has. Any
 * order: of two with the same value the older leaves. */
void conflation_found(struct queue *q, uint64_t position, struct slice header, uint64_t body_bytes,
                      bool is_persistent);

/* Recovery: everything that the queue holds in memory has been found. */
void conflation_begin(struct queue *q);

#endif
