/* What the queue's files share. Private to them. All at the queue's home.
 *
 *   queue.c            its life and its name
 *   queue_consumers.c  who gets the next message
 *   queue_messages.c   published, delivered, settled
 *   queue_expiry.c     what time does to messages, and to a queue that nobody uses
 *   queue_limits.c     how much may be ready
 *   queue_calls.c      questions of other loops
 *
 * and queue_dead_letters.h: where messages go that it gives up. */
#ifndef LEVERET_BROKER_QUEUE_PRIVATE_H
#define LEVERET_BROKER_QUEUE_PRIVATE_H

#include "broker/queue.h"

/* --- queue.c --- */

/* Deletes the queue; `done` is told of the commit when *ret_is_pending. The messages that were ready. */
uint64_t queue_delete_with(struct queue *q, struct durable_done done, bool *ret_is_pending);

/* A queue that clients have not declared and cannot use. The lock is held, and there is none of this
 * name. The definitions hear of it when it is durable. */
struct queue *queue_create_owned(struct vhost *vhost, struct slice name, bool durable,
                                 const struct queue_rules *rules);
/* It goes: its name at once, the rest at home by mail. The lock is held. */
void queue_delete_owned(struct queue *q);

/* --- queue_consumers.c --- */

/* The consumer whose turn it is, with a place of its channel's limit taken; NULL when none can. */
struct consumer *queue_next_consumer(struct queue *q);

/* It has got its message: to the end of the line, or out of it. */
void queue_after_turn(struct queue *q, struct consumer *c);

/* The consumer is the queue's no more; what it holds stays. */
void queue_take_out(struct queue *q, struct consumer *c);

/* --- queue_messages.c --- */

/* The task of q->delivery_run. */
void queue_run_deliveries(struct loop *loop, struct loop_task *task);

/* A delivery run at the end of the turn, when there is anything to deliver and anybody to take it. */
void queue_schedule_deliveries(struct queue *q);

/* Whether the first ready message of this lane can be given to somebody now. If it cannot, whatever is missing
 * has been asked for, and deliveries are scheduled when it is there. */
bool queue_first_is_deliverable(struct lane *l);

/* The message at this place, which is taken, leaves the queue. */
void queue_settle_place(struct queue *q, uint64_t place);

/* A message has left the queue for good: the store hears of it. */
void queue_message_left(struct lane *l, const struct backlog_left *left);

/* --- queue_expiry.c --- */

/* Messages or deadlines have come from the disk. */
void queue_fetched(struct queue *q);

/* What rules most queues: messages expire, and go to the dead-letter exchange. */
extern const struct queue_rules queue_rules_plain;

/* A message that is ready has this deadline. */
void queue_watch_deadline(struct queue *q, uint64_t deadline_ms);

/* What is due leaves, as far as it can; the rest follows by itself. */
void queue_expire(struct queue *q);

/* It is being used: its idle time begins anew. Any loop. */
void queue_used(struct queue *q);

/* It goes once it has not been used for as long as its settings say, and has no consumer. */
void queue_watch_use(struct queue *q);

void queue_init_expiry(struct queue *q);
/* It has been declared, or recovered. Any thread that nobody else sees it from yet. */
void queue_begin_expiry(struct queue *q);
/* It goes. */
void queue_end_expiry(struct queue *q);

/* --- queue_limits.c --- */

bool queue_is_limited(const struct queue *q);

/* Whether this message is one too many. */
bool queue_would_overflow(const struct queue *q, const struct message *m);

/* With overflow drop-head: what is too much leaves at the head. */
void queue_keep_limits(struct queue *q);

/* --- queue_calls.c --- */

/* Gets that waited, in order, as far as messages are there for them. */
void queue_answer_waiting_calls(struct queue *q);

#endif
