/* Conflation: of a queue's ready messages with the same value in the header that x-last-value-key
 * names, only the newest is kept.
 *
 *   a newer one arrives    the older one, if it is ready, is dropped, in memory or on disk; the
 *                          newer one is at the end of the queue
 *   the older is unacked   its consumer keeps it; if it is requeued, it is dropped, unless the
 *                          newer one has left the queue before
 *   several are requeued   the newest of them stays
 *   no such header         the message is treated as in any queue
 *
 * A dropped message is settled, not dead-lettered. An index in memory, a hash table that is at most
 * half full, maps each value to the position of its newest message. An entry has 32 bytes, and is
 * removed some time after its message has left. After a start the index is made again from what
 * recovery and the segments hold.
 *
 * Everything at the queue's home. */
#ifndef LEVERET_QUEUE_CONFLATION_H
#define LEVERET_QUEUE_CONFLATION_H

#include "queue/queue.h"

struct conflation;

/* Makes the index for a queue whose arguments ask for conflation; returns NULL for others. The
 * caller owns it; it borrows the table. */
struct conflation *conflation_create(struct slice argument_table);

/* Clears the pointer. NULL is fine. */
void conflation_free(struct conflation **conflation);

/* Called when a message has arrived at this position: drops the older one with its value, if it is
 * ready. */
void conflation_came(struct queue *q, uint64_t position, const struct message *message);

/* Called before the unacked message at this position is requeued. Returns false if a newer one has
 * replaced it: the caller settles it. Otherwise drops the older one with its value, if that is
 * ready. */
bool conflation_comes_back(struct queue *q, uint64_t position, const struct message *message);

/* Called before a message is put at the end of this lane: makes its sequence number the highest in
 * all of the queue's lanes, so that the newer of two messages has the higher number, after a start
 * too. */
void conflation_number(struct queue *q, struct lane *lane);

/* Returns whether this message would replace a ready one, and the length of that one's body. */
bool conflation_would_replace(struct queue *q, const struct message *message,
                              uint64_t *ret_body_bytes);

/* Recovery: adds the message at this position, with this content header and a body of this length,
 * to the index. Called for the messages in any order: of two with the same value the older is
 * dropped. */
void conflation_found(struct queue *q, uint64_t position, struct slice header, uint64_t body_bytes,
                      bool is_persistent);

/* Recovery: calls conflation_found() for all messages that the queue holds in memory. */
void conflation_begin(struct queue *q);

#endif
