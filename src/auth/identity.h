/* Creating identities. Private to the room. */
#ifndef LEVERET_AUTH_IDENTITY_H
#define LEVERET_AUTH_IDENTITY_H

#include "auth/chain_private.h"

/* Appends the tags, which are separated by commas, without spaces around them. Leaves out empty
 * ones, and those that are there already. */
void tags_add(struct lv_buffer *to, struct slice tags);
/* Appends the tags of this user in the definitions, if there is one. */
void tags_add_internal(struct auth *auth, struct slice user, struct lv_buffer *to);

/* What is known of a user whom a chain has accepted. */
struct identity_facts {
    struct slice name;
    struct slice tags;
    struct slice client_id;
    struct slice peer_address;
    uint64_t expires_at_s; /* 0: never */
    struct auth_chain *chain;
    const struct auth_grant *grants;
    size_t grant_count;
};

/* Creates an identity. Takes the grants, whose array it copies, and begins a use of the chain.
 * Returns ERR_NOT_FOUND, taking nothing, if the internal backend is among the grants and there is
 * no such user. */
int identity_create(struct auth *auth, const struct identity_facts *facts,
                    struct auth_identity **ret);

#endif
