/* A browser is a consumer that gets copies of a queue's messages and holds none (basic.consume with
 * x-browse). Its credit works like that of other consumers; acknowledging or rejecting returns
 * credit and does nothing else.
 *
 * It is not one of the queue's consumers: it is not counted, gets no turn, is not kept out by an
 * exclusive consumer, and does not keep the queue from expiring or being auto-deleted.
 *
 * Everything at the queue's home. */
#ifndef LEVERET_QUEUE_BROWSER_H
#define LEVERET_QUEUE_BROWSER_H

#include "queue/consumer.h"

/* Attaches a consumer with is_browser. */
void browser_attach(struct consumer *consumer);
/* Detaches the consumer: it gets nothing more. */
void browser_detach(struct consumer *consumer);
/* Called when the consumer may have credit again: gives it more, in a task of this turn. */
void browser_go_on(struct consumer *consumer);
/* Gives the consumer what it can take, up to a turn's share, before this returns. */
void browser_give(struct consumer *consumer);
/* Gives back the credit of `count` deliveries, which were settled in any way. */
void browser_settle(struct consumer *consumer, uint32_t count);

#endif
