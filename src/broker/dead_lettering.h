/* Messages that a queue gives up: they are published to its dead-letter exchange, if it has one,
 * and dropped otherwise.
 *
 * A dead letter on its way stays in its queue, unacknowledged, until the queues it is routed to
 * have it safely (forward.h). With x-dead-letter-strategy at-least-once it also stays while it has
 * no route or a queue refuses it; otherwise it is dropped then. */
#ifndef LEVERET_BROKER_DEAD_LETTERING_H
#define LEVERET_BROKER_DEAD_LETTERING_H

#include "queue/queue.h"

/* Gives up the unacknowledged message at this position (lane.h): it is dead-lettered and leaves the
 * queue later, or leaves it at once. The message is borrowed; NULL: it could not be read.
 *
 * A caller that gives up many at a time and can wait (with expired messages, not with those that a
 * consumer rejected) asks dead_lettering_has_room() before each. queue_ops.give_up; home. */
void dead_lettering_give_up(struct queue *q, uint64_t position, struct message *message,
                            enum death reason);

/* Dead-letters a message that the queue did not take, and which has no position in it; without a
 * dead-letter exchange does nothing. The message is borrowed. queue_ops.turn_away; home. */
void dead_lettering_turn_away(struct queue *q, struct message *message, enum death reason);

/* Returns whether the queue has a dead-letter exchange. queue_ops.sends_on; home. */
bool dead_lettering_sends_on(const struct queue *q);

/* Returns whether more messages of the queue may be forwarded now. If not, the queue's expiry and
 * its deliveries are scheduled when they may. queue_ops.can_send_on; home. */
bool dead_lettering_has_room(struct queue *q);

/* Frees what is remembered for the log. The queue is being freed. */
void dead_lettering_free(struct queue *q);

#endif
