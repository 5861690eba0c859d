/* How a message gets into one queue of the destination, and no other.
 *
 * Leveret's control socket offers just that, for any exchange and routing key. With any other
 * broker the original exchange is used where it leads to this queue alone. Where it does not, a
 * fanout exchange that is bound to the queue takes its place for the time of the move: consumers
 * see the name of that exchange, and the original routing key. */
#ifndef MIGRATE_OUTLET_H
#define MIGRATE_OUTLET_H

#include "migrate/mover.h"

enum { OUTLET_NAME_BYTES = 64 };

struct outlet {
    const struct mover_job *job;
    bool has_exchange; /* of our own */
    bool has_leftover; /* it is there since a run that was killed */
    char exchange[OUTLET_NAME_BYTES];
};

/* The names of those exchanges begin so. */
#define OUTLET_EXCHANGE_PREFIX "leveretctl.export_to."

/* Returns whether a run that was killed has left the exchange for this queue behind. */
bool outlet_has_leftover(const struct mover_job *job);
/* Opens the channel of job->to, which confirms publishes. Returns as link_check(). */
int outlet_open(struct outlet *o, struct lv_buffer *reason);
/* Publishes the message; may change its properties, and counts that in *moved. */
int outlet_publish(struct outlet *o, amqp_envelope_t *e, struct moved *moved,
                   struct lv_buffer *reason);
/* Deletes the exchange, if there is one, and closes the channel. */
int outlet_close(struct outlet *o, struct lv_buffer *reason);

#endif
