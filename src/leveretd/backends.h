/* Opens the backends that the configuration names, each with its settings. */
#ifndef LEVERET_LEVERETD_BACKENDS_H
#define LEVERET_LEVERETD_BACKENDS_H

#include "auth/backend.h"
#include "base/buffer.h"
#include "leveretd/config.h"

/* Opens the backend of this name ("http"), which is one that asks a service elsewhere: `internal`
 * and `cache` are in auth/. Returns 0 with a backend that the caller frees by its calls->free(); or
 * ERR_NOT_FOUND if there is no such backend or its module is not installed, or ERR_... if its
 * settings cannot be used. Then the reason is appended to `reason`, for the operator. Blocks. */
int backend_from_config(const struct config *config, const char *name, struct auth_backend **ret,
                        struct lv_buffer *reason);

#endif
