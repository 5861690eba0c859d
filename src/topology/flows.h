/* Flows: how many messages went from each exchange of a vhost to each queue. They are counted only
 * while somebody looks: for FLOWS_LOOK_MS after each flows_read(). Otherwise a message costs
 * nothing for them (vhost_is_watched()).
 *
 * A flow begins at the exchange to which the message was published, even if other exchanges were on
 * its way to the queue. Each loop counts in a table of its own, which no other thread writes, at
 * most FLOWS_A_LOOP_MAX flows; what does not fit is counted together. */
#ifndef LEVERET_TOPOLOGY_FLOWS_H
#define LEVERET_TOPOLOGY_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "loop/loop.h"
#include "topology/route.h"

struct vhost;

enum {
    FLOWS_LOOK_MS = 15000,
    FLOWS_A_LOOP_MAX = 4096,
    FLOWS_SAMPLE_MS = 1000, /* rates are computed from samples at least this far apart, */
    FLOWS_RATE_MS = 6000,   /* over this time at most, if readers come so often */
    FLOWS_SAMPLES = 8,
};

/* Counts a message that was published to this exchange and routed to these queues; not in queues
 * that belong to exchanges, which delay it: it is counted when it leaves them. Call it while
 * VHOST_WATCH_FLOWS is set, on `loop`'s thread; read side. */
void flows_count(struct loop *loop, struct vhost *vhost, struct slice exchange,
                 const struct route *route);
/* Counts a message from this exchange for one queue, in the same way. */
void flows_count_one(struct loop *loop, struct vhost *vhost, struct slice exchange,
                     struct slice queue);

struct flow_seen {
    struct slice exchange, queue; /* valid during the call */
    uint64_t count;               /* since counting began */
    double rate;                  /* a second, over the last seconds */
    uint64_t for_ms;              /* how long it has been counted */
};

/* Visits the flows, and has them counted for another FLOWS_LOOK_MS. The first call begins to count,
 * and visits none. `now_ms` is loops_steady_ms(). Returns how many messages found no room in the
 * tables. Any thread that is registered with RCU and online; `visit` must not wait. */
uint64_t flows_read(struct vhost *vhost, uint64_t now_ms,
                    void (*visit)(void *arg, const struct flow_seen *flow), void *arg);

/* Frees the flows of a vhost without readers. */
void flows_free(struct vhost *vhost);

#endif
