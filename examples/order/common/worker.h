/* A worker takes orders from a queue and does one thing with each.
 *
 * The promise: an order is acknowledged after its work is done, never before. A worker that dies
 * in between leaves the order to the broker, which gives it out again, marked as redelivered. So
 * work can happen twice and must bear it: notify's mail has the same Message-ID again, report
 * writes the same file again. */
#ifndef ORDER_WORKER_H
#define ORDER_WORKER_H

#include "common/broker.h"
#include "common/order.h"

#include <stdbool.h>

enum work_result {
    WORK_DONE,    /* acknowledge it */
    WORK_LATER,   /* it goes back to the queue, and the worker pauses a while */
    WORK_REFUSED, /* no second try can help: the broker drops it (or dead-letters it) */
};

/* Does the work for one order and logs how it went. Borrows the order. Takes less than two
 * heartbeats (40 s): while it runs, the connection is silent. */
typedef enum work_result work_fn(void *context, const struct order *order, bool is_redelivered);

struct worker {
    const struct order_route *route;
    int prefetch_count; /* orders the broker may hand out ahead of their acknowledgement */
    work_fn *work;
    void *context; /* what work() is given; borrowed */
};

/* Works until the program is to end; reconnects whenever it must. */
void worker_run(const struct worker *worker, struct broker *broker);

#endif
