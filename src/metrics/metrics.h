/* Metrics: what Prometheus scrapes.
 *
 * A scrape gathers facts from manage/, from the loops and from the counters, family by family
 * (families.h), and writes them as text. What is gathered of one family refers to nothing outside,
 * so a slow client delays neither a loop nor the freeing of what RCU protects. */
#ifndef LEVERET_METRICS_METRICS_H
#define LEVERET_METRICS_METRICS_H

#include "manage/manage.h"
#include "metrics/exposition.h"
#include "metrics/family.h"

struct metrics_request {
    enum family_endpoint endpoint; /* one of SHOWN_AGGREGATED ... SHOWN_MEMORY */
    /* SHOWN_DETAILED: the families that are wanted. Names that no family has are ignored. */
    const struct slice *families;
    size_t family_count;
    /* SHOWN_DETAILED: the vhosts whose objects are wanted; none: those of all. */
    const struct slice *vhosts;
    size_t vhost_count;
    /* The same for queues, by name. */
    const struct slice *queues;
    size_t queue_count;
};

/* Writes the metrics that are asked for. Returns 0, also if `write` wants no more; or ERR_CLOSED if
 * the broker has stopped meanwhile: then the text is not whole. Call on a thread that may wait and
 * is registered with RCU, online; it is offline during `write`, and what was read before is stale
 * afterwards. */
int metrics_write(struct manage *m, const struct metrics_request *request, exposition_write *write,
                  void *arg);

#endif
