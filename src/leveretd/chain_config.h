/* The chain of backends that the configuration asks for. */
#ifndef LEVERET_LEVERETD_CHAIN_CONFIG_H
#define LEVERET_LEVERETD_CHAIN_CONFIG_H

#include "auth/chain.h"
#include "base/buffer.h"
#include "leveretd/config_private.h"

/* Returns the short name of a backend ("http") by that name or by RabbitMQ's module's
 * ("rabbit_auth_backend_http"); NULL if there is none. A static string. */
const char *chain_backend_named(const char *text);

/* Checks auth_backends.* without opening anything (config_checks.c). Reports each fault. */
int chain_check(const struct config *config, config_say say, void *arg);

/* Opens the backends that the configuration names, as chain_from_config() does, and frees them:
 * modules are loaded and files are read, but nothing is connected to. Reports the first backend
 * that cannot be opened. Call only with a config that chain_check() has accepted. Blocks. */
int chain_check_backends(const struct config *config, config_say say, void *arg);

/* Returns whether a login may ask the backend of this short name. */
bool chain_has(const struct config *config, const char *backend);

/* Opens the backends that the configuration names, and builds the chain, which the caller owns. If
 * none is named, that is the internal backend alone. Returns ERR_... with the reason appended to
 * `reason` if one cannot be opened. Call only with a config that chain_check() has accepted. */
int chain_from_config(const struct config *config, struct auth_chain **ret,
                      struct lv_buffer *reason);

#endif
