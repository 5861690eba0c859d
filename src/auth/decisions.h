/* What backends elsewhere have said an identity may do. Private to the room. */
#ifndef LEVERET_AUTH_DECISIONS_H
#define LEVERET_AUTH_DECISIONS_H

#include "auth/chain_private.h"

struct decisions; /* see decisions.c */

/* Creates an empty set. The caller owns it. */
struct decisions *decisions_create(void);
/* Call only if nothing is being asked: what is asked holds a reference to the identity. Clears the
 * pointer. NULL is fine. */
void decisions_free(struct decisions **decisions);

/* Returns what the identity's backends have said; asks them if that is not known, or is old. */
enum auth_answer decisions_find(struct auth_identity *identity, const struct auth_request *request);

#endif
