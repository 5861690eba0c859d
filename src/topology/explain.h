/* Where a message would go, and why: the route, the bindings it takes, and what stops the others.
 *
 * The walk is route_find()'s own, and each exchange type says for each of its bindings what its
 * rule makes of it (exchange_type.explain), so that explanation and routing agree. Nothing is
 * published, and publishers notice nothing. What is bound meanwhile may or may not be seen. */
#ifndef LEVERET_TOPOLOGY_EXPLAIN_H
#define LEVERET_TOPOLOGY_EXPLAIN_H

#include "topology/exchange.h"

enum explain_result {
    EXPLAIN_REACHES,   /* a queue */
    EXPLAIN_PASSES,    /* on to another exchange */
    EXPLAIN_ALTERNATE, /* ... which is the alternate one, as no binding took the message */
    EXPLAIN_STOPPED,   /* this binding does not take it */
    EXPLAIN_RETURNED,  /* no queue is reached: a mandatory message comes back */
    EXPLAIN_REFUSED,   /* no client may publish to this exchange */
};

/* "reaches", "passes" ... */
const char *explain_result_name(enum explain_result result);

/* One binding of an exchange that was visited, or what the result says. All is borrowed for the
 * call. */
struct explain_row {
    enum explain_result result;
    /* "orders -> audit": how the message came to the exchange whose binding it is. */
    struct slice path;
    enum destination_kind destination_kind;
    struct slice destination;
    struct slice routing_key; /* the binding's */
    struct slice arguments;   /* raw table */
    struct slice why;
};

/* Calls `visit` for each row: exchange by exchange as the message comes to them, of each first the
 * bindings it takes, then the others, by name. `keys` are the routing key and those of CC; with
 * `message` come the headers. Read side, any thread; the rows are made before the first call.
 * Returns the number of queues reached, each counted once. */
typedef void explain_visitor(void *arg, const struct explain_row *row);
size_t explain_route(struct exchange *exchange, const struct slice *keys, size_t count,
                     const struct routing_input *message, explain_visitor *visit, void *arg);

#endif
