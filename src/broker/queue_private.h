/* What the queue's files share. Private to them. All at the queue's home.
 *
 *   queue.c            its life and its name
 *   queue_consumers.c  who gets the next message
 *   queue_messages.c   published, delivered, settled
 *   queue_once.c       duplicates, where they are dropped
 *   queue_calls.c      questions of other loops */
#ifndef LEVERET_BROKER_QUEUE_PRIVATE_H
#define LEVERET_BROKER_QUEUE_PRIVATE_H

#include "broker/queue.h"

/* --- queue.c --- */

/* Deletes the queue; `done` is told of the commit when *ret_is_pending. The messages that were ready. */
uint64_t queue_delete_with(struct queue *q, struct durable_done done, bool *ret_is_pending);

/* --- queue_consumers.c --- */

/* The consumer whose turn it is, with a place of its channel's limit taken; NULL when none can. */
struct consumer *queue_next_consumer(struct queue *q);

/* It has got its message: to the end of the line, or out of it. */
void queue_after_turn(struct queue *q, struct consumer *c);

/* The consumer is the queue's no more; what it holds stays. */
void queue_take_out(struct queue *q, struct consumer *c);

/* --- queue_messages.c --- */

/* Puts a message into the queue; QUEUE_LATER: ask persist_confirm(). A reference is taken. */
enum queue_answer queue_take_message(struct queue *q, struct message *message);

/* The task of q->delivery_run. */
void queue_run_deliveries(struct loop *loop, struct loop_task *task);

/* A delivery run at the end of the turn, when there is anything to deliver and anybody to take it. */
void queue_schedule_deliveries(struct queue *q);

/* Whether the first ready message of this lane can be given to somebody now. If it cannot, whatever is missing
 * has been asked for, and deliveries are scheduled when it is there. */
bool queue_first_is_deliverable(struct lane *l);

/* A message has left the queue for good: the store hears of it. */
void queue_message_left(struct lane *l, const struct backlog_left *left);

/* --- queue_once.c --- */

/* The same, unless it is a duplicate and the queue drops those. With a sink QUEUE_LATER promises an answer. */
enum queue_answer queue_take_once(struct queue *q, struct message *message, struct confirm_sink *sink,
                                  uint64_t number);

/* --- queue_calls.c --- */

/* Gets that waited, in order, as far as messages are there for them. */
void queue_answer_waiting_calls(struct queue *q);

#endif
