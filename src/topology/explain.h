/* Explains a route: where a message would go, which bindings it would take, and why not the others.
 *
 * The route is found by the same walk as in route_find(), and each exchange type explains its own
 * bindings (exchange_type.explain), so that explanation and routing agree. Nothing is published.
 * Bindings that are added meanwhile may or may not be seen. */
#ifndef LEVERET_TOPOLOGY_EXPLAIN_H
#define LEVERET_TOPOLOGY_EXPLAIN_H

#include "topology/exchange.h"

enum explain_result {
    EXPLAIN_REACHES,   /* the binding leads to a queue */
    EXPLAIN_PASSES,    /* the binding leads to another exchange */
    EXPLAIN_ALTERNATE, /* no binding takes the message: it is passed to the alternate exchange */
    EXPLAIN_STOPPED,   /* the binding does not take the message */
    EXPLAIN_RETURNED,  /* no queue is reached: a mandatory message is returned */
    EXPLAIN_REFUSED,   /* clients may not publish to this exchange */
};

/* Returns the result's name: "reaches", "passes" ... */
const char *explain_result_name(enum explain_result result);

/* A row is about a binding of an exchange on the walk; except for EXPLAIN_ALTERNATE,
 * EXPLAIN_RETURNED, EXPLAIN_REFUSED, and EXPLAIN_STOPPED for an alternate exchange that does not
 * exist. Everything is borrowed for the call. */
struct explain_row {
    enum explain_result result;
    /* The exchanges that the message passes, to the binding's source: "orders -> audit". */
    struct slice path;
    enum destination_kind destination_kind;
    struct slice destination;
    struct slice routing_key; /* the binding's */
    struct slice arguments;   /* raw table */
    struct slice why;
};

/* Calls `visit` for each row: exchange by exchange in the order of the walk; for each exchange
 * first the bindings that the message takes, then the others, both sorted by the destination's
 * name. `keys` are the routing key and those of CC (count > 0); `message` has the headers. Returns
 * how many queues are reached, each counted once. Read side, any thread. */
typedef void explain_visitor(void *arg, const struct explain_row *row);
size_t explain_route(struct exchange *exchange, const struct slice *keys, size_t count,
                     const struct routing_input *message, explain_visitor *visit, void *arg);

#endif
