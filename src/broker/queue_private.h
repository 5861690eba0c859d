/* What the queue's files share. Private to them. All at the queue's home.
 *
 *   queue.c            its life and its name
 *   queue_consumers.c  who gets the next message
 *   queue_returns.c    what comes back
 *   queue_messages.c   published, delivered, settled
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

/* Something that the consumer held is settled. */
void queue_consumer_settled(struct queue *q, struct consumer *c);

/* Whether the consumer, or a get, may come to this queue as it is; else 403 or 405. */
bool queue_check_consume(const struct queue *q, const struct consumer *c,
                         struct broker_error *error);
bool queue_check_get(const struct queue *q, struct broker_error *error);

/* Milliseconds for which a delivery of this consumer may be outstanding, as consumer.timeout_ms has
 * it. */
int64_t queue_timeout_for(const struct queue *q, const struct consumer *c);

/* --- queue_returns.c --- */

/* A taken message comes back: it is ready again at its place, or gone when that was too often. */
void queue_return(struct lane *l, uint64_t sequence);

/* Whether deliveries of this queue say how often the message has come back, and how often that is. */
bool queue_tells_delivery_count(const struct queue *q);
uint32_t queue_delivery_count(const struct queue *q, uint64_t place);

/* The message has left. */
void queue_forget_delivery_count(struct queue *q, uint64_t place);

/* --- queue_messages.c --- */

/* The task of q->delivery_run. */
void queue_run_deliveries(struct loop *loop, struct loop_task *task);

/* A delivery run at the end of the turn, when there is anything to deliver and anybody to take it. */
void queue_schedule_deliveries(struct queue *q);

/* Whether the first ready message of this lane can be given to somebody now. If it cannot, whatever is missing
 * has been asked for, and deliveries are scheduled when it is there. */
bool queue_first_is_deliverable(struct lane *l);

/* A message has left the queue for good: the store hears of it. */
void queue_message_left(struct lane *l, const struct backlog_left *left);

/* --- queue_calls.c --- */

/* Gets that waited, in order, as far as messages are there for them. */
void queue_answer_waiting_calls(struct queue *q);

#endif
