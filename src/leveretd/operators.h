/* Clients of the control socket that speak AMQP (the command `amqp`): their sockets become
 * connections of a front end, with the rights of an operator.
 *
 * `arg` is the struct leveretd. Both are called on the control socket's thread. */
#ifndef LEVERET_LEVERETD_OPERATORS_H
#define LEVERET_LEVERETD_OPERATORS_H

#include <stdbool.h>

/* Counts one more of them. Returns false if there are as many as there may be. */
bool operators_reserve(void *arg);

/* Hands the socket, which it takes, to one of the loops, each in turn; -1: the client has left, and
 * is no longer counted. The socket does not block. */
void operators_take(void *arg, int fd);

#endif
