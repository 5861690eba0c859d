/* The outbox brings stored orders to the broker, on a thread of its own.
 *
 * The customer's answer never waits for the broker: the row in the database is the promise, and
 * the outbox keeps it, now or when the broker is back. An order leaves the outbox when the broker
 * has confirmed it for both queues; when anything breaks before that, it is published again. So
 * each order reaches each queue at least once. */
#ifndef ORDER_SHOP_OUTBOX_H
#define ORDER_SHOP_OUTBOX_H

#include "common/broker.h"

struct outbox;

/* Starts the thread. Borrows the settings and the path of the orders' database until
 * outbox_stop(). Returns 0 and the caller owns *ret, or -1 and the reason was logged. */
int outbox_start(const char *database_path, const struct broker_settings *settings,
                 struct outbox **ret);

/* There is a new order. Any thread; never waits. */
void outbox_ring(struct outbox *outbox);

/* Waits for the thread, which leaves when the program is to end, and clears the pointer. What is
 * still in the outbox stays in the database for the next start. NULL is fine. */
void outbox_stop(struct outbox **outbox);

#endif
