/* Rich authorization requests (RFC 9396): the claim authorization_details lists objects with a
 * type, actions and locations:
 *
 *     {"type": "rabbitmq", "actions": ["read", "write"],
 *      "locations": ["cluster:prod/vhost:orders/queue:new*"]}
 *
 * A location names the cluster (a pattern for the id of the resource server), and may name a vhost,
 * a queue or an exchange, and a routing key; what it does not name is any. Pure. */
#ifndef LEVERET_BACKENDS_OAUTH2_DETAILS_H
#define LEVERET_BACKENDS_OAUTH2_DETAILS_H

#include <jansson.h>

#include "backends/oauth2/oauth2_texts.h"
#include "backends/oauth2_settings.h"

/* Calls `visit` with each scope, without a prefix ("read:orders/new/any", "tag:monitoring"), that
 * the details give for this resource server, which has a type. */
void oauth2_details_each(const struct oauth2_resource_server *server, const json_t *details,
                         oauth2_text_visit visit, void *arg);

#endif
