/* A route: the queues that a message reaches from an exchange by its routing key and headers,
 * through exchange-to-exchange bindings and alternate exchanges; each queue once.
 *
 * Each loop caches the routes it has found, by exchange and routing key, until the topology's
 * generation changes. Routes through an exchange that looks at more than the routing key, or that
 * chooses at random, are not cached. */
#ifndef LEVERET_TOPOLOGY_ROUTE_H
#define LEVERET_TOPOLOGY_ROUTE_H

#include "topology/exchange.h"
#include "topology/queue_entry.h"

struct route {
    struct queue_entry *const *queues;
    size_t count;
    bool is_cacheable; /* the same for every message with this key, in this generation */
    unsigned units;    /* of work that finding it took (loop.h: work in slices) */
};

/* Returns the units of work (loop.h: work in slices) to find the route and to enqueue a message to
 * its queues. */
static inline unsigned route_cost(const struct route *route)
{
    enum { QUEUES_A_UNIT = 4 };
    return route->units + (unsigned)(route->count / QUEUES_A_UNIT);
}

/* Finds the route. What *ret points at is valid until the next call on this loop or the end of the
 * turn, whichever comes first. Call it on the loop's own thread; read side. */
void route_find(struct loop *loop, struct exchange *exchange, const struct routing_input *input,
                struct route *ret);

/* Like route_find(), but finds the union of the routes by several routing keys: the first is the
 * message's own, the others are from CC and BCC. input->routing_key is ignored. Nothing is cached.
 * count > 0. */
void route_find_many(struct loop *loop, struct exchange *exchange, const struct slice *routing_keys,
                     size_t count, const struct routing_input *input, struct route *ret);

/* Sets up every loop's cache. Call it before loops_start(). */
void route_init(struct loops *loops);
/* Frees the caches. Call it after the loops have stopped. */
void route_stop(struct loops *loops);

/* --- for exchange types ----------------------------------------------------------------------- */

/* Adds a destination to those found so far, unless it is already among them. */
void route_set_add(struct route_set *set, struct destination *destination);

#endif
