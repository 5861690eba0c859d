/* Messages that a queue gives up: to its dead-letter exchange, if it has one, and else for good.
 *
 * A message on its way there stands in its queue, taken, until every queue that gets it has it
 * safely (forward.h). With x-dead-letter-strategy at-least-once it also stays while nobody is there
 * to get it, or somebody refuses it; else it is dropped then, as everywhere. */
#ifndef LEVERET_BROKER_DEAD_LETTERING_H
#define LEVERET_BROKER_DEAD_LETTERING_H

#include "queue/queue.h"

/* The queue has done with the message at this place (lane.h), which is taken: it goes to the
 * dead-letter exchange and leaves its place later, or leaves it at once. The message is borrowed;
 * NULL: it could not be read.
 *
 * Who gives up many at a time that need not go at once (expired ones; not those that a consumer
 * rejected) asks queue_can_send_on() before each. Home. */
void queue_dead_letter(struct queue *q, uint64_t place, struct message *message, enum death reason);

/* The same for one that the queue would not have: it stands nowhere. Home. */
void queue_dead_letter_outside(struct queue *q, struct message *message, enum death reason);

/* Whether what the queue gives up goes on to somewhere: then it is wanted with its body. Home. */
bool queue_sends_on(const struct queue *q);

/* Whether more of it may be under way; else the expiry and the limits are looked at again when it
 * may. Home. */
bool queue_can_send_on(struct queue *q);

/* Queues that one dead letter has passed, of which each such list is logged once per queue. */
struct dead_letter_log;

/* The queue is freed. */
void queue_dead_letters_free(struct queue *q);

#endif
