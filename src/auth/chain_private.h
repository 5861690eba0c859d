/* What chain.c, login.c, decisions.c and auth.c share. */
#ifndef LEVERET_AUTH_CHAIN_PRIVATE_H
#define LEVERET_AUTH_CHAIN_PRIVATE_H

#include "auth/ask.h"
#include "auth/auth_private.h"
#include "auth/chain.h"

struct chain_backend {
    struct auth_backend *backend; /* NULL: the internal one */
    struct ask_pool *pool;        /* of its threads */
};

struct chain_link {
    unsigned authenticates;
    unsigned authorizes[CHAIN_BACKENDS_MAX];
    size_t count; /* 0: the one that authenticates authorizes too */
};

struct auth_chain {
    struct lv_list link;  /* in auth.chains */
    _Atomic size_t users; /* logins under way, and identities, that use it */
    struct ask end;       /* the freeing of it, on a thread that may wait */
    struct chain_backend backends[CHAIN_BACKENDS_MAX];
    size_t backend_count;
    struct chain_link links[CHAIN_LINKS_MAX];
    size_t link_count;
};

/* What a backend gave to a user who has logged in. */
struct auth_grant {
    struct chain_backend *from;
    void *data; /* the backend's own */
};

/* Returns the chain in force, counted as used. */
struct auth_chain *chain_use(struct auth *auth);
/* Ends a use. The chain is freed later, not here: this may be a thread of its own. */
void chain_leave(struct auth_chain *chain);

void chains_init(struct auth *auth);
/* Gives the backends of all chains threads, and takes them away after what is under way. */
void chains_start_threads(struct auth *auth);
void chains_stop_threads(struct auth *auth);
/* Has the backends of all chains ask again for the answers that they keep. */
void chains_clear(struct auth *auth);
/* Frees all chains; none is used. */
void chains_free(struct auth *auth);

static inline bool chain_backend_is_internal(const struct chain_backend *b)
{
    return b->backend == NULL;
}

static inline const char *chain_backend_name(const struct chain_backend *b)
{
    return b->backend ? b->backend->name : "internal";
}

/* Gives back what a backend gave. */
void grant_forget(struct auth_grant *grant);

#endif
