/* Counters of the messages published to an exchange. Each loop that publishes to the exchange has
 * counters of its own, which no other thread writes. They are made for the loop's first message and
 * freed with the exchange. */
#ifndef LEVERET_TOPOLOGY_EXCHANGE_COUNTS_H
#define LEVERET_TOPOLOGY_EXCHANGE_COUNTS_H

#include "base/counters.h"
#include "topology/exchange.h"

struct exchange_counts {
    struct exchange_counts *next; /* those of another loop */
    const struct loop *loop;
    _Atomic uint64_t in;  /* messages published to the exchange */
    _Atomic uint64_t out; /* queues they were routed to */
    /* messages that were routed to no queue: mandatory ones are returned, others dropped */
    _Atomic uint64_t returned, dropped;
};

/* Returns this loop's counters, borrowed from the exchange. Call it on the loop's thread; read
 * side. */
struct exchange_counts *exchange_counts_of(struct exchange *exchange, const struct loop *loop);

/* Counts a message that was routed to this many queues. Call it on the thread of the counters'
 * loop. */
static inline void exchange_count(struct exchange_counts *counts, size_t queues)
{
    counter_add(&counts->in, 1);
    counter_add(&counts->out, queues);
}

/* Sums up the counters of all loops; the sums never decrease. Any thread, read side. */
void exchange_counts_read(const struct exchange *exchange, uint64_t *ret_in, uint64_t *ret_out);

/* Counts a message of a client's that was published to the exchange and routed to no queue. Call it
 * on the thread of the counters' loop. */
static inline void exchange_count_unroutable(struct exchange_counts *counts, bool is_returned)
{
    counter_add(is_returned ? &counts->returned : &counts->dropped, 1);
}
/* Sums up how many of them were returned, and dropped, like exchange_counts_read(). */
void exchange_unroutable_read(const struct exchange *exchange, uint64_t *ret_returned,
                              uint64_t *ret_dropped);

/* Adds the counters of an exchange that is being deleted to topology.ended_published, under the
 * topology lock. What loops publish to it after that is not counted there. */
void exchange_counts_retire(struct exchange *exchange);

/* Frees all counters. Call it only if the exchange has no readers. */
void exchange_counts_free(struct exchange *exchange);

#endif
