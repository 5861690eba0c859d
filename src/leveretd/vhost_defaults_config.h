/* What new vhosts begin with (manage/vhost_defaults.h), as the configuration says. */
#ifndef LEVERET_LEVERETD_VHOST_DEFAULTS_CONFIG_H
#define LEVERET_LEVERETD_VHOST_DEFAULTS_CONFIG_H

#include "leveretd/config.h"
#include "manage/vhost_defaults.h"

/* Reads default_limits.vhosts.*, default_policies.operator.* and default_users.* into *ret, which
 * the caller owns. Returns ERR_INVALID, with *ret unchanged, after reporting every bad value; an
 * unknown property is a warning. */
int vhost_defaults_read(const struct config *config, struct vhost_defaults **ret, config_say say,
                        void *arg);
/* A check for config_check(): reports what vhost_defaults_read() would. */
int vhost_defaults_check(const struct config *config, config_say say, void *arg);

#endif
