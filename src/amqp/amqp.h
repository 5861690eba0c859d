/* The front end for AMQP 0-9-1: connections and their channels, between sockets and the broker.
 *
 * A connection and everything in it lives on one loop. What the rest of the process wants of it
 * goes through session/session.h. */
#ifndef LEVERET_AMQP_AMQP_H
#define LEVERET_AMQP_AMQP_H

#include "session/frontend.h"

extern const struct frontend amqp_frontend;

#endif
