/* What is carried over, worked out from the JSON of an HTTP API: pure functions. */
#ifndef MIGRATE_CARRIED_H
#define MIGRATE_CARRIED_H

#include <jansson.h>

/* Returns the definitions to import, which the caller owns. `source` has the answers `definitions`,
 * `queues`, `exchanges`, `bindings` and `vhosts`. Added is what definitions do not have: queues
 * that are not durable (but exclusive ones), their exchanges and bindings; descriptions and tags of
 * vhosts. `vhost` (NULL: all): only what is in this vhost, and the users who have permissions
 * there. */
json_t *carried_definitions(const json_t *source, const char *vhost);

/* Returns Leveret's definitions (an object) as a RabbitMQ can import them, which the caller owns.
 * `source` is what that RabbitMQ says of itself. The names of users who begin there without a
 * password are added to the list `passwordless`. */
json_t *carried_back(const json_t *local, const json_t *source, const char *vhost,
                     json_t *passwordless);

/* Returns the queues whose messages are to be moved, in the order of their vhosts and names: a list
 * of objects, which the caller owns. `pattern` (NULL: all) is one of file names: "orders.*".
 *   vhost, name           texts
 *   ready, unacked, bytes as the source counts them: they may be some seconds old
 *   window                how many messages may be under way, so that they take little memory
 *   quorum, single_active booleans (mover.h)
 *   skipped               if there: a sentence that says why it cannot be moved */
json_t *carried_queues(const json_t *queues, const char *vhost, const char *pattern);

#endif
