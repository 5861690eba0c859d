/* The settings of the backend oauth2, from the keys auth_oauth2.* */
#ifndef LEVERET_LEVERETD_CONFIG_OAUTH2_H
#define LEVERET_LEVERETD_CONFIG_OAUTH2_H

#include "backends/oauth2_settings.h"
#include "leveretd/config.h"

/* Makes the settings. Reports each fault as an error, and each key that is not known, or has no
 * effect, as a warning. Returns 0 with a reference in *ret, or with NULL if no key is set; or
 * ERR_INVALID after an error. Looks whether files can be read. */
int config_oauth2(const struct config *config, struct oauth2_settings **ret, config_say say,
                  void *arg);

#endif
