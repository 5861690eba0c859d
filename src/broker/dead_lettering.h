/* Messages that a queue gives up: they are published to its dead-letter exchange, if it has one,
 * and dropped otherwise.
 *
 * A dead letter that is being forwarded stays in its queue, unacknowledged, until the queues it is
 * routed to have it safely (forward.h). If it has no route, or every queue refuses it, it is
 * dropped. With x-dead-letter-strategy at-least-once it is kept and tried again until all of its
 * queues have it. */
#ifndef LEVERET_BROKER_DEAD_LETTERING_H
#define LEVERET_BROKER_DEAD_LETTERING_H

#include "queue/queue.h"

/* Gives up the unacknowledged message at this position (lane.h): it is dead-lettered, and leaves
 * the queue when it has arrived. If the queue has no dead-letter exchange, or the message could not
 * be read (NULL), it leaves the queue at once. The message is borrowed.
 *
 * A caller that gives up many at a time and can wait (with expired messages, not with those that a
 * consumer rejected) asks dead_lettering_has_room() before each. Serves as queue_ops.give_up.
 * Home. */
void dead_lettering_give_up(struct queue *q, uint64_t position, struct message *message,
                            enum death reason);

/* Dead-letters a message that the queue did not take, and which therefore has no position in it.
 * Does nothing if the queue has no dead-letter exchange. The message is borrowed. Serves as
 * queue_ops.turn_away. Home. */
void dead_lettering_turn_away(struct queue *q, struct message *message, enum death reason);

/* Returns whether the queue has a dead-letter exchange. Serves as queue_ops.sends_on. Home. */
bool dead_lettering_sends_on(const struct queue *q);

/* Returns whether more messages of the queue may be forwarded now. If not, schedules the queue's
 * tasks for expiry and for deliveries for when there is room again. Serves as
 * queue_ops.can_send_on. Home. */
bool dead_lettering_has_room(struct queue *q);

/* Frees the memory of what was logged about the queue. Call only when the queue is being freed. */
void dead_lettering_free(struct queue *q);

#endif
