/* Where the exchanges of a vhost lead to, worked out from what its broker lists. */
#ifndef MIGRATE_ROUTES_H
#define MIGRATE_ROUTES_H

#include <jansson.h>
#include <stdbool.h>

#include "base/slice.h"

/* Returns the routes of a vhost, which the caller owns: by the name of the exchange its `type` and
 * the `bindings` that it is the source of. `exchanges` and `bindings` are those of the HTTP API, of
 * all vhosts. */
json_t *routes_create(const json_t *exchanges, const json_t *bindings, const char *vhost);

/* As struct migrate_module's `routes` (migrate.h). */
json_t *routes_of_vhosts(const json_t *source);

/* Returns whether a message without a header CC, published to this exchange with this key, gets to
 * this queue and to no other. False also where that cannot be told: for exchanges whose type
 * is not direct, fanout or topic, or that lead to such ones. */
bool routes_lead_only_to(const json_t *routes, struct slice exchange, struct slice routing_key,
                         const char *queue);

/* Returns whether a routing key matches the key of a binding to a topic exchange. */
bool topic_matches(struct slice pattern, struct slice key);

#endif
