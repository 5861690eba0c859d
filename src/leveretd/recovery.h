/* Recovery: vhosts, users, exchanges, queues and bindings are created from the definitions. */
#ifndef LEVERET_LEVERETD_RECOVERY_H
#define LEVERET_LEVERETD_RECOVERY_H

#include <stddef.h>

#include "auth/auth.h"
#include "broker/broker.h"
#include "leveretd/config.h"
#include "manage/vhost_defaults.h"
#include "store/definitions.h"

struct recovery {
    size_t vhosts;
    size_t users;
    size_t exchanges;
    size_t queues;
    size_t bindings;
    size_t skipped; /* rows that could not be loaded: their vhost ... does not exist */
};

/* Loads everything into auth and broker. A row whose vhost does not exist is logged and skipped.
 * Returns a negative error if the definitions cannot be read. Blocks. Call before loops_start(), on
 * a thread that is registered with RCU. */
int recovery_load(struct definitions *definitions, struct auth *auth, struct broker *broker,
                  struct recovery *ret);

/* Creates and stores the default vhost, the default user with its permissions, and what new vhosts
 * begin with, if there is neither a vhost nor a user: at the first start. As in RabbitMQ, not if
 * definitions are to be loaded (load_definitions), whatever is in them. Returns true if it did;
 * then done(arg) is called as auth_bootstrap() says, and the caller holds the definitions back
 * until then. Call on the thread that called recovery_load(), and after it. */
bool recovery_first_boot(const struct config *config, const struct vhost_defaults *defaults,
                         struct auth *auth, struct broker *broker, void (*done)(void *arg),
                         void *arg);

/* Sets and stores the global parameter internal_cluster_id, at random, unless there is one: once
 * for all starts in a data directory. Call on the thread that called recovery_load(), and after
 * it. */
void recovery_ensure_cluster_id(struct broker *broker);

#endif
