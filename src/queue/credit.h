/* A consumer's credit: how many messages it may be given.
 *
 * The queue does not distinguish kinds of credit. It asks whether a consumer has any
 * (consumer_has_room), takes what a delivery needs (consumer_take_credit), spends it
 * (consumer_spend_credit), and returns it for settled deliveries (consumer_return_credit). Kinds of
 * credit differ in how these numbers are set:
 *
 *   kind                        limit                cost   returned   who raises it
 *   without limit               CREDIT_UNLIMITED     0      0
 *   prefetch (AMQP 0-9-1)       the prefetch count   1      1          a settled delivery
 *   link credit (AMQP 1.0),     the last grant       1      0          the next grant: used is 0
 *     streams' chunks
 *
 * and a drain sets used to the limit. Of these kinds Leveret has the first two.
 *
 * Besides its own a consumer may need credit that it shares with others (shared_credit.h). */
#ifndef LEVERET_QUEUE_CREDIT_H
#define LEVERET_QUEUE_CREDIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/list.h"

#define CREDIT_UNLIMITED UINT32_MAX

struct shared_credit;

/* Used at the queue's home, except where a comment says otherwise. */
struct credit {
    _Atomic uint32_t limit;       /* home changes it, any loop may read it */
    uint32_t used;                /* can be above the limit after the limit was lowered */
    uint8_t cost;                 /* of each delivery: 0 or 1 */
    uint8_t returned;             /* by each settled delivery: 0 or 1 */
    bool is_in_line;              /* or mail to join the line for shared credit is under way */
    uint32_t handed;              /* shared credit that it was just handed and has not used yet */
    struct shared_credit *shared; /* a reference; NULL: it shares none */
    struct lv_list line_link;     /* in shared->line; used on the session's loop */
};

/* Begins without a limit. */
static inline void credit_init(struct credit *credit)
{
    *credit = (struct credit){0};
    atomic_init(&credit->limit, CREDIT_UNLIMITED);
    lv_list_init(&credit->line_link);
}

/* Sets a prefetch: at most `count` unsettled deliveries; 0: any number. Before the consumer is
 * attached. */
static inline void credit_begin_prefetch(struct credit *credit, uint32_t count)
{
    atomic_init(&credit->limit, count > 0 ? count : CREDIT_UNLIMITED);
    credit->cost = credit->returned = 1;
}

/* Changes the prefetch, also while the consumer holds deliveries. Home. */
static inline void credit_set_prefetch(struct credit *credit, uint32_t count)
{
    atomic_store_explicit(&credit->limit, count > 0 ? count : CREDIT_UNLIMITED,
                          memory_order_relaxed);
}

/* Returns the limit as AMQP's prefetch count: 0 if there is none. Any loop. */
static inline uint32_t credit_prefetch(const struct credit *credit)
{
    uint32_t limit = atomic_load_explicit(&credit->limit, memory_order_relaxed);
    return limit == CREDIT_UNLIMITED ? 0 : limit;
}

/* Returns whether the consumer's own credit allows one more delivery. */
static inline bool credit_has_room(const struct credit *credit)
{
    return credit->used < atomic_load_explicit(&credit->limit, memory_order_relaxed);
}

/* Returns whether no credit ever limits the consumer. */
static inline bool credit_is_unlimited(const struct credit *credit)
{
    return credit->cost == 0 && !credit->shared;
}

static inline void credit_spend(struct credit *credit)
{
    credit->used += credit->cost;
}

static inline void credit_return(struct credit *credit, uint32_t count)
{
    lv_assert(credit->used >= count * credit->returned);
    credit->used -= count * credit->returned;
}

#endif
