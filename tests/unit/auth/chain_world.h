/* A world for tests of chains: an auth, a chain that is being built, and backends that say what the
 * test wants. */
#ifndef LEVERET_TESTS_CHAIN_WORLD_H
#define LEVERET_TESTS_CHAIN_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <semaphore.h>
#include <stdatomic.h>

#include "auth/chain.h"
#include "auth/login.h"
#include "loop/sim/loop_sim.h"

#define S(text) slice_str(text)

/* --- a backend -------------------------------------------------------------------------------- */

struct fake {
    struct auth_backend backend;
    _Atomic enum auth_answer log_in; /* its answers */
    _Atomic enum auth_answer may;
    const char *name; /* log_in() finds the user under this name; NULL: as it is */
    const char *tags;
    uint64_t expires_at_s;
    _Atomic unsigned logins; /* how often it was asked */
    _Atomic unsigned questions;
    _Atomic int data;   /* how many it has given out */
    sem_t *blocks;      /* log_in() and may() wait for it; NULL: they do not */
    sem_t *begun;       /* posted before that */
    bool blocks_at_end; /* free() waits, too */
    bool had_password;
};

/* Creates one that accepts everybody and allows everything. It is freed with its chain, or by its
 * call free(). */
struct fake *fake_create(const char *name);

/* --- the world -------------------------------------------------------------------------------- */

struct world {
    struct loops *loops;
    struct loop *loop;
    struct auth *auth;
    struct auth_chain *chain; /* being built */
    struct auth_identity *identity;
    char reason[512];
};

/* The user ann is in the definitions, with the password secret and the tag monitoring. */
void world_start(struct world *w);
void world_stop(struct world *w);
/* Adds a backend and a link for it alone. */
struct fake *link_alone(struct world *w, const char *name);
/* Logs in, and keeps the identity, or the reason why not. */
bool logs_in(struct world *w, const char *user, const char *password);
/* Whether the user may read from the queue. */
enum auth_answer may_read(struct world *w, const char *queue);

#endif
