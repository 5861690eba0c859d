/* Messages that a queue gives up: to its dead-letter exchange, if it has one, and else for good.
 *
 * A message on its way there stands in its queue, unacked, until every queue that gets it has it
 * safely (forward.h). With x-dead-letter-strategy at-least-once it also stays while nobody is there
 * to get it, or somebody refuses it; else it is dropped then, as everywhere. */
#ifndef LEVERET_BROKER_DEAD_LETTERING_H
#define LEVERET_BROKER_DEAD_LETTERING_H

#include "queue/queue.h"

/* The queue has done with the message at this position (lane.h), which is unacked: it goes to the
 * dead-letter exchange and leaves the queue later, or leaves it at once. The message is borrowed;
 * NULL: it could not be read.
 *
 * Who gives up many at a time that need not go at once (expired ones; not those that a consumer
 * rejected) asks dead_lettering_has_room() before each. queue_ops.give_up; home. */
void dead_lettering_give_up(struct queue *q, uint64_t position, struct message *message,
                            enum death reason);

/* Like dead_lettering_give_up(), for a message that the queue does not take: it has no position.
 * queue_ops.turn_away; home. */
void dead_lettering_turn_away(struct queue *q, struct message *message, enum death reason);

/* Whether the queue has a dead-letter exchange. queue_ops.sends_on; home. */
bool dead_lettering_sends_on(const struct queue *q);

/* Whether more messages of the queue may be under way. If not, the queue's expiry and its
 * deliveries are scheduled when they may. queue_ops.can_send_on; home. */
bool dead_lettering_has_room(struct queue *q);

/* The queue is freed. */
void dead_lettering_free(struct queue *q);

#endif
