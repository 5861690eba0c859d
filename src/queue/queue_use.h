/* The fraction of the time in which a queue can deliver at once: RabbitMQ's `consumer_utilisation`.
 *
 * The queue is *starved* while a message waits because no consumer can take one. The average is
 * exponentially weighted: time a second ago counts 1/e of the present. Only the two transitions are
 * recorded, so a message that causes none of them costs nothing. Pure. */
#ifndef LEVERET_QUEUE_QUEUE_USE_H
#define LEVERET_QUEUE_QUEUE_USE_H

#include <stdbool.h>
#include <stdint.h>

struct queue_use {
    bool is_starved;
    uint64_t since_ms;                /* of the last transition */
    uint64_t flowing_ms, starving_ms; /* time until since_ms that is not in the average yet */
    double average;                   /* 0 to 1 */
};

/* Begins as not starved. Times are the loop's clock. */
void queue_use_init(struct queue_use *use, uint64_t now_ms);
/* Sets whether the queue is starved from now on. */
void queue_use_set(struct queue_use *use, bool is_starved, uint64_t now_ms);
/* Returns the average as of now, from 0 to 1. */
double queue_use_average(const struct queue_use *use, uint64_t now_ms);

#endif
