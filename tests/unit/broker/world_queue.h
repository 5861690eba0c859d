/* What a simulated world does with a queue from outside, as an operator would: it asks, and it
 * looks. Functions that have a story end on no loop: loop_current() is NULL. */
#ifndef LEVERET_TESTS_WORLD_QUEUE_H
#define LEVERET_TESTS_WORLD_QUEUE_H

#include <stdbool.h>

#include "queue/queue.h"
#include "world_story.h"

/* The queue's answer to this question (queue_call_...), which is asked at its home and answered at
 * once: the story fails if it is not. Borrows the queue. */
struct queue_call world_queue_ask(struct queue *q, void (*run)(struct queue_call *call),
                                  struct story *s);
/* Wants a snapshot of one of the queue's lanes, by chance. */
void world_queue_want_snapshot(struct queue *q, struct story *s);
/* Some of its messages are on disk. */
bool world_queue_has_disk(const struct queue *q);
/* Its count of ready bytes is an estimate (pager_estimates_bytes()). */
bool world_queue_estimates_bytes(const struct queue *q);

#endif
