/* Logging in, without waiting: the answer comes by a call, at once or later.
 *
 * It comes at once if it is known without a slow hash or a question to somebody else: the password
 * was checked a short while ago, or its hash is a fast one, or it is blank. */
#ifndef LEVERET_AUTH_LOGIN_H
#define LEVERET_AUTH_LOGIN_H

#include "auth/backend.h"
#include "loop/loop.h"

struct auth_login; /* a login under way; see login.c */

struct auth_login_answer {
    /* A reference that the receiver gives back with auth_identity_unref(); NULL: refused. */
    struct auth_identity *identity;
    struct slice user; /* as the credentials have it; borrowed for the call */
    /* Why it is refused, for the log alone, borrowed for the call: "user 'guest' - invalid
     * credentials", "user 'guest' can only connect via localhost". It never contains the
     * password. */
    const char *reason;
};

struct auth_login_request {
    struct auth_credentials credentials; /* borrowed for the call */
    bool is_from_loopback;
    struct loop *loop; /* where done() is called; NULL: on any thread */
    void (*done)(void *arg, const struct auth_login_answer *answer);
    void *arg;
};

/* Begins a login. Returns NULL if done() has been called already, before this function returns.
 * Otherwise returns the login: it is over when done() is called, and the caller must not use it
 * then. Call on r->loop; if that is NULL, on any thread. */
struct auth_login *auth_log_in(struct auth *auth, const struct auth_login_request *r);
/* Like auth_login() (auth.h), for a caller that tells more of the login than user and password. */
bool auth_login_with(struct auth *auth, const struct auth_credentials *credentials,
                     bool is_from_loopback, struct auth_identity **ret, struct lv_buffer *reason);
/* Ends a login under way whose answer is no longer wanted: done() is not called. Clears the
 * pointer. NULL is fine. Call on the loop that asked. */
void auth_login_forget(struct auth_login **login);

#endif
