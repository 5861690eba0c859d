/* A browser is a consumer that gets copies of a queue's messages and holds none (basic.consume with
 * x-browse). Its credit is like that of others; acknowledging, or rejecting, returns credit and does
 * nothing else.
 *
 * It stands beside the queue's consumers: it does not count among them, takes no turn, is not kept
 * out by an exclusive one, keeps no queue alive.
 *
 * All at the queue's home. */
#ifndef LEVERET_QUEUE_BROWSER_H
#define LEVERET_QUEUE_BROWSER_H

#include "queue/consumer.h"

/* A consumer with is_browser begins. */
void browser_attach(struct consumer *consumer);
/* It gets nothing more. */
void browser_detach(struct consumer *consumer);
/* It has room (again). */
void browser_go_on(struct consumer *consumer);
/* It gets what it can take now. */
void browser_give(struct consumer *consumer);
/* So many of its deliveries have been settled, in whatever way. */
void browser_settle(struct consumer *consumer, uint32_t count);

#endif
