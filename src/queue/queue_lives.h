/* Messages of a queue whose life is followed (topology/lives.h): which they are, by their position,
 * and what happens to them here. So a message is followed on when it has been on disk, and when a
 * consumer acknowledges it, which names only its position.
 *
 * q->lives is NULL while the queue has none and is not traced itself. Call the functions here only
 * if it is not, or with a life that is not 0. All at home. */
#ifndef LEVERET_QUEUE_QUEUE_LIVES_H
#define LEVERET_QUEUE_QUEUE_LIVES_H

#include "message/life.h"
#include "queue/consumer.h"
#include "queue/queue.h"

/* So many messages are noted in all queues together: those that come after these are not followed
 * in their queues. */
enum { LIVES_NOTED_MAX = 200000 };

/* Notes a message that has come, and writes it down. `is_out`: a consumer gets it at once. */
void queue_life_came(struct queue *q, uint64_t position, uint32_t life, bool is_out);
/* Writes down what happens to a message that does not come into the queue. */
void queue_life_event(struct queue *q, uint32_t life, enum life_event event);

/* A message is about to be given to a consumer, which will hold it at this position; or, `is_gone`,
 * leaves the queue with that. Has the message know its life. */
void queue_life_goes_out(struct queue *q, uint64_t position, struct message *m, bool is_gone);

/* The consumer settles `count` messages, from this position on. */
void queue_lives_settle(struct queue *q, const struct consumer *c, uint64_t position,
                        uint32_t count, enum settle_kind kind);

/* The message at this position leaves the queue: it has arrived elsewhere, or was replaced. */
void queue_life_left(struct queue *q, uint64_t position);
/* All ready messages are dropped. */
void queue_lives_purge(struct queue *q);
/* The queue ends, and forgets all. Does nothing if q->lives is NULL. */
void queue_lives_end(struct queue *q);
/* Frees the table. Home, or any thread after the loops have stopped. */
void queue_lives_free(struct queue *q);

#endif
