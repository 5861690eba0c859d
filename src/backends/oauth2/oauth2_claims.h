/* What the claims of a token say: for whom it is, until when, of which user, and with which scopes.
 * The signature must be verified before anything of this is relied on, except for the choice of the
 * resource server, which decides with whose keys to verify it. Pure. */
#ifndef LEVERET_BACKENDS_OAUTH2_CLAIMS_H
#define LEVERET_BACKENDS_OAUTH2_CLAIMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "backends/oauth2/oauth2_scope.h"
#include "backends/oauth2_settings.h"
#include "base/buffer.h"
#include "base/slice.h"

enum {
    /* Scopes of a token, after the prefix has told which count. */
    OAUTH2_SCOPES_MAX = 2048,
    /* A token is taken this long before its nbf: clocks differ. */
    OAUTH2_NBF_LEEWAY_S = 60,
    OAUTH2_USER_BYTES_MAX = 255,
};

/* The functions append to `reason` why a token is refused; it names claims, and their values where
 * an operator needs them. */

/* Returns the resource server that the token's audience (aud) names, or NULL if it names none or
 * several. If it names none, the only resource server that does not verify the audience is it. */
const struct oauth2_resource_server *oauth2_claims_server(const struct oauth2_settings *settings,
                                                          const json_t *claims,
                                                          struct lv_buffer *reason);

/* Checks exp, nbf and iss at this time of the wall clock. Returns true with *ret_expires_at_s,
 * which is 0 if the token does not expire. */
bool oauth2_claims_check(const struct oauth2_resource_server *server,
                         const struct oauth2_provider_settings *provider, const json_t *claims,
                         uint64_t now_s, uint64_t *ret_expires_at_s, struct lv_buffer *reason);

/* Returns true if this names the provider's issuer; true too if the token names none (NULL), or
 * none is known, or the provider is set not to verify it. A slash at the end makes no
 * difference. */
bool oauth2_claims_issuer_is(const struct oauth2_provider_settings *provider, const json_t *iss,
                             struct lv_buffer *reason);

/* Returns the user's name, borrowed from the claims: the first claim of preferred_username_claims
 * that is a text and not empty; "unknown" if none is. Returns false if the name is too long. */
bool oauth2_claims_user(const struct oauth2_resource_server *server, const json_t *claims,
                        struct slice *ret, struct lv_buffer *reason);

/* Returns what the token's scopes allow, or NULL if they are too many. The caller owns it. */
struct oauth2_scopes *oauth2_claims_scopes(const struct oauth2_resource_server *server,
                                           const json_t *claims, struct lv_buffer *reason);

#endif
