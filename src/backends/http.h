/* The backend http: asks a web service who may log in, and what users may do. It sends what
 * RabbitMQ's plugin of this name sends, and understands the same answers
 * (docs/authentication.md). */
#ifndef LEVERET_BACKENDS_HTTP_H
#define LEVERET_BACKENDS_HTTP_H

#include <stdbool.h>

#include "auth/backend.h"
#include "backends/tls.h"
#include "base/buffer.h"

/* Strings are borrowed. A path is a whole URL, http:// or https://. */
struct auth_http_settings {
    bool is_post;
    const char *user_path;
    const char *vhost_path;
    const char *resource_path;
    const char *topic_path;
    int request_timeout_ms; /* from the first attempt to connect to the last byte of the answer */
    int connection_timeout_ms;
    struct backend_tls tls;
};

/* Opens the backend. Copies the settings. Asks nobody yet: the service may start later. Returns
 * ERR_INVALID if a path is not such a URL, or ERR_NOT_FOUND ... if a file of `tls` cannot be read;
 * `reason` names the setting. */
int auth_http_open(const struct auth_http_settings *settings, struct auth_backend **ret,
                   struct lv_buffer *reason);

#endif
