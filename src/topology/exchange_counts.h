/* What is published to an exchange: each loop that publishes to it has a counter of its own there,
 * which no other thread writes. It is made with the loop's first message, and freed with the
 * exchange. */
#ifndef LEVERET_TOPOLOGY_EXCHANGE_COUNTS_H
#define LEVERET_TOPOLOGY_EXCHANGE_COUNTS_H

#include "base/counters.h"
#include "topology/exchange.h"

struct exchange_counts {
    struct exchange_counts *next; /* another loop's */
    const struct loop *loop;
    _Atomic uint64_t in;  /* messages published to the exchange */
    _Atomic uint64_t out; /* queues they were routed to */
};

/* This loop's; borrowed from the exchange. On the loop's thread, read side. */
struct exchange_counts *exchange_counts_of(struct exchange *exchange, const struct loop *loop);

/* Counts a message that goes to this many queues. On the thread of the counter's loop. */
static inline void exchange_count(struct exchange_counts *counts, size_t queues)
{
    counter_add(&counts->in, 1);
    counter_add(&counts->out, queues);
}

/* The sums of all loops, which never fall. Any thread, read side. */
void exchange_counts_read(const struct exchange *exchange, uint64_t *ret_in, uint64_t *ret_out);

/* The exchange is being freed. */
void exchange_counts_free(struct exchange *exchange);

#endif
