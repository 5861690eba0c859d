/* A browser is a consumer that gets copies of a queue's messages and holds none (basic.consume with
 * x-browse). Its credit is like that of others; acknowledging, or rejecting, returns credit and
 * does nothing else.
 *
 * It is not one of the queue's consumers: it is not counted, takes no turn, is not kept out by an
 * exclusive consumer, and keeps no queue alive.
 *
 * All at the queue's home. */
#ifndef LEVERET_QUEUE_BROWSER_H
#define LEVERET_QUEUE_BROWSER_H

#include "queue/consumer.h"

/* Begins for a consumer with is_browser. */
void browser_attach(struct consumer *consumer);
/* Ends: the consumer gets nothing more. */
void browser_detach(struct consumer *consumer);
/* The consumer has credit, maybe again: it gets more in this turn's tasks. */
void browser_go_on(struct consumer *consumer);
/* Gives the consumer what it can take, before this returns. */
void browser_give(struct consumer *consumer);
/* `count` of its deliveries are settled, in whatever way. */
void browser_settle(struct consumer *consumer, uint32_t count);

#endif
