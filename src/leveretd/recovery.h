/* Recovery: what the definitions know becomes vhosts, users, exchanges, queues and bindings. */
#ifndef LEVERET_LEVERETD_RECOVERY_H
#define LEVERET_LEVERETD_RECOVERY_H

#include <stddef.h>

#include "auth/auth.h"
#include "broker/broker.h"
#include "leveretd/config.h"
#include "store/definitions.h"

struct recovery {
    size_t vhosts;
    size_t users;
    size_t exchanges;
    size_t queues;
    size_t bindings;
    size_t skipped; /* rows whose vhost, exchange or queue is not there */
};

/* Loads everything into auth and broker. Blocks. A row that has lost its vhost is logged and
 * skipped. Before loops_start(), on a thread that has registered with RCU. */
int recovery_load(struct definitions *definitions, struct auth *auth, struct broker *broker,
                  struct recovery *ret);

/* On the first boot (no vhost and no user) makes the default vhost and the default user with its
 * permissions, and stores them. True when it did. The same thread. */
bool recovery_first_boot(const struct config *config, struct auth *auth, struct broker *broker);

#endif
