/* Where a message goes: the set of queues that an exchange, a routing key and headers lead to,
 * through exchange-to-exchange bindings and alternate exchanges, each queue once.
 *
 * A loop keeps the routes it has found, by exchange and routing key, until the topology's
 * generation moves; routes through an exchange that looks at more than the key, or that chooses by
 * chance, are found anew each time. */
#ifndef LEVERET_TOPOLOGY_ROUTE_H
#define LEVERET_TOPOLOGY_ROUTE_H

#include "topology/exchange.h"
#include "topology/queue_entry.h"

struct route {
    struct queue_entry *const *queues;
    size_t count;
    bool is_cacheable; /* holds for every message with this key while the generation stands */
    unsigned units;    /* what it cost to find (loop.h: work in slices); 0: next to nothing */
};

/* What it costs to find it and to hand a message to its queues, in units (loop.h: work in
 * slices). */
static inline unsigned route_cost(const struct route *route)
{
    enum { QUEUES_A_UNIT = 4 };
    return route->units + (unsigned)(route->count / QUEUES_A_UNIT);
}

/* Finds the route. What *ret points at is valid until the next call on this loop or the end of the
 * turn, whichever comes first. Any loop's own thread, read side. */
void route_find(struct loop *loop, struct exchange *exchange, const struct routing_input *input,
                struct route *ret);

/* The union of the routes under several routing keys (CC, BCC); the first one is the message's own.
 * input->routing_key is not looked at. */
void route_find_many(struct loop *loop, struct exchange *exchange, const struct slice *routing_keys,
                     size_t count, const struct routing_input *input, struct route *ret);

/* Sets up every loop's cache. Before loops_start(). */
void route_init(struct loops *loops);
void route_stop(struct loops *loops);

/* --- for exchange types ----------------------------------------------------------------------- */

/* The destinations found so far, each once. Reused per loop: no allocation in the steady state. */
void route_set_add(struct route_set *set, struct destination *destination);

#endif
