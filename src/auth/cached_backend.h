/* A backend that keeps the answers of another one for a while: auth_backends.N = cache.
 *
 * It keeps logins that were accepted, with the password, and what their users may do, for all
 * logins with these credentials; and refusals, if it is told to. The other backend is asked about
 * anything else, and again when an answer is old. That it could not be asked is not kept. Passwords
 * are not kept either (answer_table.h). */
#ifndef LEVERET_AUTH_CACHED_BACKEND_H
#define LEVERET_AUTH_CACHED_BACKEND_H

#include "auth/backend.h"

/* Creates the backend. Takes `inner`. Answers are kept for `ttl_ms`. The caller owns what is
 * returned, and frees it by its call free(). */
struct auth_backend *cached_backend_create(struct auth_backend *inner, uint64_t ttl_ms,
                                           bool keeps_refusals);

#endif
