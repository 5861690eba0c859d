/* Chains of backends: who is asked when a user logs in, and who is asked then what it may do.
 *
 * A chain is a list of links. A login tries one link after the other. The link's first backend
 * authenticates the user; then each of its other backends must know the user, with the same
 * password (but for the internal one), and these decide from then on what the user may do: all of
 * them must allow it. If a link has no other backends, its
 * first one decides. The first link that accepts the user ends the search. */
#ifndef LEVERET_AUTH_CHAIN_H
#define LEVERET_AUTH_CHAIN_H

#include "auth/backend.h"

enum { CHAIN_BACKENDS_MAX = 8, CHAIN_LINKS_MAX = 16 };

/* The number of the internal backend in every chain. */
enum { CHAIN_INTERNAL = 0 };

struct auth_chain; /* see chain.c */

/* Creates a chain without links, with the internal backend. The caller owns it, and passes it to
 * auth_set_chain() when it is complete. */
struct auth_chain *auth_chain_create(void);
/* Frees a chain that was not passed to auth_set_chain(), with its backends. Clears the pointer.
 * NULL is fine. */
void auth_chain_free(struct auth_chain **chain);

/* Adds a backend, which the chain owns from now on. Returns its number. At most CHAIN_BACKENDS_MAX
 * with the internal one. */
unsigned auth_chain_add_backend(struct auth_chain *chain, struct auth_backend *backend);
/* Adds a link: the numbers of the backend that authenticates, and of those that authorize (count 0:
 * the same one). At most CHAIN_LINKS_MAX. */
void auth_chain_add_link(struct auth_chain *chain, unsigned authenticates,
                         const unsigned *authorizes, size_t count);

/* Replaces the chain, and takes it. Users who have logged in keep the backends that accepted them.
 * NULL: the internal backend alone, as at first. Not on a thread of a backend. */
void auth_set_chain(struct auth *auth, struct auth_chain **chain);

/* Returns whether the chain in force asks backends elsewhere. Any thread. */
bool auth_asks_elsewhere(struct auth *auth);

#endif
