/* The arguments of exchanges, whatever their type: what they may say, and when two declarations
 * agree. */
#ifndef LEVERET_TOPOLOGY_EXCHANGE_ARGUMENTS_H
#define LEVERET_TOPOLOGY_EXCHANGE_ARGUMENTS_H

#include "topology/exchange.h"

/* The type of exchanges that delay messages and route by the rule that x-delayed-type names. */
#define DELAYED_TYPE "x-delayed-message"

/* Whether a new exchange is to delay messages: by its type, or by x-delayed-exchange. */
bool exchange_is_to_delay(const struct exchange_declaration *d);

/* Returns false, with the error filled in, if alternate-exchange, or what is said of delays, makes
 * no sense. What the type alone knows is checked by the type. */
bool exchange_arguments_check(struct vhost *vhost, const struct exchange_declaration *d,
                              struct broker_error *error);

/* Returns false, with error 406, if the declaration disagrees with the exchange that is there. Only
 * alternate-exchange is compared, as RabbitMQ does it. */
bool exchange_arguments_are_equivalent(const struct exchange *have,
                                       const struct exchange_declaration *want,
                                       struct broker_error *error);

/* Whether an argument of this name means anything to an exchange of some type. What does not begin
 * with "x-" is the client's own note, and taken for known. */
bool exchange_argument_is_known(struct slice name);

#endif
