/* The backend oauth2: a client's password is a token (JWT), signed by somebody whom the operator
 * trusts. Its claims say who the user is, until when, and what the user may do. The name with which
 * a client logs in does not matter. */
#ifndef LEVERET_BACKENDS_OAUTH2_H
#define LEVERET_BACKENDS_OAUTH2_H

#include "auth/backend.h"
#include "backends/oauth2_settings.h"
#include "base/buffer.h"

struct auth_oauth2_settings {
    struct oauth2_settings *shared; /* after oauth2_settings_finish() */
};

/* Opens the backend, which takes a reference to the settings. Reads the files of signing keys,
 * and begins to fetch keys, on a thread for each provider. Returns ERR_INVALID or ERR_NOT_FOUND
 * ... if a file cannot be used; `reason` names the setting. */
int auth_oauth2_open(const struct auth_oauth2_settings *settings, struct auth_backend **ret,
                     struct lv_buffer *reason);

#endif
