/* The part of the time in which a queue can deliver at once: `consumer_utilisation` as RabbitMQ has
 * it.
 *
 * The queue is *starved* from when a message has to wait since no consumer can take one, until a
 * consumer can. The average forgets: what was a second ago counts 1/e of what is now. Only the two
 * transitions are written down; a message that neither starves the queue nor ends that costs
 * nothing. Pure. */
#ifndef LEVERET_QUEUE_QUEUE_USE_H
#define LEVERET_QUEUE_QUEUE_USE_H

#include <stdbool.h>
#include <stdint.h>

struct queue_use {
    bool is_starved;
    uint64_t since_ms;                /* of the last transition */
    uint64_t flowing_ms, starving_ms; /* before it, not in the average yet */
    double average;                   /* 0 to 1 */
};

/* Not starved, and never was. Times are the loop's clock. */
void queue_use_init(struct queue_use *use, uint64_t now_ms);
/* Is starved from now on, or no longer. Fine when that is so already. */
void queue_use_set(struct queue_use *use, bool is_starved, uint64_t now_ms);
/* As of now. */
double queue_use_average(const struct queue_use *use, uint64_t now_ms);

#endif
