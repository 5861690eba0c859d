/* A backend: something that knows users. It answers two questions: who is this (authentication),
 * and may this user do that (authorization). The internal backend looks into the definitions
 * (auth.h); others ask a service elsewhere.
 *
 * A backend may block. Its functions are called on threads that exist for this, several at a
 * time and never on a loop, so they must be safe to call from any thread, and each call must
 * return within the backend's own timeout. */
#ifndef LEVERET_AUTH_BACKEND_H
#define LEVERET_AUTH_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth.h"
#include "base/buffer.h"
#include "base/slice.h"

struct auth_backend;

/* What a client says of itself, and what is known about its connection. */
struct auth_credentials {
    struct slice user;
    struct slice password; /* or a token */
    /* False: the client's certificate has authenticated it, and the backend only says whether it
     * knows the user, and with which tags. A backend that only authorizes gets the password, too:
     * it may be a token that says what the user may do. */
    bool has_password;
    struct slice vhost;     /* empty if the protocol does not tell it before the login */
    struct slice client_id; /* empty if the protocol has none */
    struct slice peer_address;
};

/* What a backend knows about a user who has logged in. The caller frees the buffers, and calls
 * forget() for `data`. */
struct auth_found {
    struct lv_buffer name; /* if it is not that of the credentials; else empty */
    struct lv_buffer tags; /* separated by commas */
    uint64_t expires_at_s; /* wall clock; the login ends then; 0: never */
    void *data;            /* the backend's own, for may(); NULL: none */
};

/* Return RabbitMQ's words: "configure", "write", "read"; "vhost", "queue", "exchange", "topic". */
static inline const char *auth_action_name(enum auth_action action)
{
    static const char *const names[] = {"configure", "write", "read"};
    return names[action];
}

static inline const char *auth_resource_name(enum auth_resource resource)
{
    static const char *const names[] = {"vhost", "queue", "exchange", "topic"};
    return names[resource];
}

/* May this user do this? */
struct auth_question {
    enum auth_resource resource;
    enum auth_action action; /* of AUTH_TOPIC: write or read; not used for AUTH_VHOST */
    struct slice vhost;
    struct slice name;        /* of the queue or exchange; the default exchange is "amq.default" */
    struct slice routing_key; /* of AUTH_TOPIC */
    struct slice user;
    struct slice tags;
    struct slice client_id;
    struct slice peer_address;
    void *data; /* what log_in() returned */
};

struct auth_backend_calls {
    /* Checks the credentials, and fills in *ret if they are AUTH_ALLOWED. Otherwise appends to
     * `reason` why not: for the log, never for the peer, and without the password. */
    enum auth_answer (*log_in)(struct auth_backend *backend,
                               const struct auth_credentials *credentials, struct auth_found *ret,
                               struct lv_buffer *reason);
    /* Answers the question. Appends to `reason` what is wrong if it is AUTH_UNANSWERED. */
    enum auth_answer (*may)(struct auth_backend *backend, const struct auth_question *question,
                            struct lv_buffer *reason);
    /* Like log_in() and may(), but only if the answer is known without asking anybody; otherwise
     * AUTH_UNANSWERED, with nothing appended. These do not block: also on a loop. NULL: the backend
     * never knows. */
    enum auth_answer (*log_in_known)(struct auth_backend *backend,
                                     const struct auth_credentials *credentials,
                                     struct auth_found *ret, struct lv_buffer *reason);
    enum auth_answer (*may_known)(struct auth_backend *backend,
                                  const struct auth_question *question);
    /* Takes over what an earlier backend with the same calls has learned, as far as it holds with
     * the new settings too. Called before anything is asked; must not block. NULL: nothing is. */
    void (*inherit)(struct auth_backend *backend, struct auth_backend *earlier);
    /* Frees what log_in() has returned in `data`. */
    void (*forget)(struct auth_backend *backend, void *data);
    /* Frees the backend. No other call is running, and all data are forgotten. */
    void (*free)(struct auth_backend *backend);
    /* Called once, when the backend is put in force: from here on it may connect to its service by
     * itself. Opening a backend connects nowhere, as that is also how its settings are checked.
     * NULL: it connects only when it is asked. */
    void (*begin)(struct auth_backend *backend);
    /* Has every answer asked for again that the backend keeps. Must not block. NULL: it keeps
     * none. */
    void (*clear)(struct auth_backend *backend);
};

/* The beginning of every backend. */
struct auth_backend {
    const struct auth_backend_calls *calls;
    const char *name;     /* "http", as in auth_backends.N; a static string */
    unsigned threads_max; /* how many calls may be under way at a time */
};

/* Calls begin(), if the backend has it. */
static inline void auth_backend_begin(struct auth_backend *backend)
{
    if (backend->calls->begin)
        backend->calls->begin(backend);
}

#endif
