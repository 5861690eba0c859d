/* How many messages go from the exchanges of a vhost to its queues (topology/flows.h). */
#ifndef LEVERET_MANAGE_FLOWS_H
#define LEVERET_MANAGE_FLOWS_H

#include "manage/listing.h"
#include "manage/manage.h"

struct flow_facts {
    struct slice vhost, source, destination; /* an exchange and a queue */
    uint64_t count;                          /* since counting began */
    double rate;                             /* a second */
    uint64_t counted_ms;                     /* how long ago counting began */
};

/* Lists the flows of the vhost, or (`queue` is not empty) those to this queue, by source and
 * destination, and has the broker count all of them for FLOWS_LOOK_MS from now on. The actor needs
 * access to the vhost, or is an administrator. */
bool manage_list_flows(struct manage *m, const struct actor *actor, struct slice vhost,
                       struct slice queue, struct listing *ret, struct manage_error *error);

#endif
