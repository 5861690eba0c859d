/* The door of the module leveret_migrate.so: what leveretctl needs to look at a running RabbitMQ.
 * The module has libcurl, which takes longer to load than everything else of leveretctl. */
#ifndef MIGRATE_MIGRATE_H
#define MIGRATE_MIGRATE_H

#include <jansson.h>

#include "base/buffer.h"

struct migrate_module {
    const char *version; /* LEVERET_VERSION of the build: another one is not to be used */

    /* Reads what a RabbitMQ says of itself over its HTTP API; changes nothing there. The URL has
     * the user, the password, the host and the port. `timeout_ms`, above 0, is for each request.
     * Returns 0 with an object in *ret, which the caller owns: the answer to each path by its name
     * (management.c), and `unread`, a list of {"path", "reason"} of those that could not be read.
     * Or returns a negative error with a sentence appended to `reason`: the URL is not one, nobody
     * answers, the user is refused or is not an administrator. */
    int (*read)(const char *url, int timeout_ms, json_t **ret, struct lv_buffer *reason);

    /* Returns the report on what was read, which the caller owns: `findings` (severity, rule, what,
     * count, where, instead, remedy; the gravest first), the counts `blocks`, `differs` and
     * `notes`, `source` (version, node, nodes), and how many `rules` there are. `source` may have
     * any shape, and is borrowed. It may have members about this machine (check_rules.h). */
    json_t *(*check)(const json_t *source);
};

/* The name by which the module exports its struct migrate_module. */
#define MIGRATE_MODULE "migrate_module"

#endif
