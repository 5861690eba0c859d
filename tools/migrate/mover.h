/* Moves the messages of one queue from one broker to another. */
#ifndef MIGRATE_MOVER_H
#define MIGRATE_MOVER_H

#include <stdint.h>

#include "migrate/link.h"

struct moved {
    uint64_t messages, bytes; /* confirmed at the destination; bytes of bodies */
};

/* Consumes the queue until nothing in it is ready, and publishes each message to the queue of the
 * same name, with its exchange, routing key and properties. A message is acknowledged at the source
 * once the destination has confirmed it, so each is at all times at one side or at both. Both links
 * are open, without a channel. Adds to *moved as it goes. Returns 0; or, with a sentence appended
 * to `reason`: ERR_REFUSED, one of the brokers refuses the queue, and the links can be used
 * again; ERR_CLOSED, a link is lost. */
int mover_run(struct link *from, struct link *to, const char *queue, struct moved *moved,
              struct lv_buffer *reason);

#endif
