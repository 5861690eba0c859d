/* The arguments that exchanges of all types have: alternate-exchange, and those that make an
 * exchange delay messages. */
#ifndef LEVERET_TOPOLOGY_EXCHANGE_ARGUMENTS_H
#define LEVERET_TOPOLOGY_EXCHANGE_ARGUMENTS_H

#include "topology/exchange.h"

/* The type of exchanges that delay messages and then route by the type in x-delayed-type. */
#define DELAYED_TYPE "x-delayed-message"

/* Returns whether a new exchange delays messages: by its type, or by x-delayed-exchange. */
bool exchange_is_to_delay(const struct exchange_declaration *d);

/* Returns false, with the error filled in, if one of the arguments named at the top is invalid.
 * Arguments of a single type are checked by exchange_type.check_arguments(). */
bool exchange_arguments_check(struct vhost *vhost, const struct exchange_declaration *d,
                              struct broker_error *error);

/* Returns false, with error 406, if the declaration is not equivalent to the existing exchange.
 * Only alternate-exchange is compared, as in RabbitMQ. */
bool exchange_arguments_are_equivalent(const struct exchange *have,
                                       const struct exchange_declaration *want,
                                       struct broker_error *error);

/* Returns whether some type of exchange has an argument of this name. The client's own arguments
 * (argument_is_custom()) count as known. */
bool exchange_argument_is_known(struct slice name);

#endif
