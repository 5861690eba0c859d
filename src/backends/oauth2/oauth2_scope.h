/* What the scopes of a token allow.
 *
 * A scope is ACTION:VHOST/NAME or ACTION:VHOST/NAME/ROUTING_KEY, with the action read, write or
 * configure, or tag:TAG. VHOST, NAME and ROUTING_KEY are patterns. In the syntax `wildcard`, `*`
 * matches any bytes, %XX is a byte and + a space. In the syntax `regex` each is a regular
 * expression that must match as a whole.
 *
 * {vhost} in a pattern stands for the vhost in question, {CLAIM} for the text of that claim of the
 * token, literally: an asterisk or a slash in the claim's text matches only itself. A variable that
 * is no claim with a text stands for its own name.
 *
 * A scope that is none of these, or whose pattern is malformed, allows nothing. Pure. */
#ifndef LEVERET_BACKENDS_OAUTH2_SCOPE_H
#define LEVERET_BACKENDS_OAUTH2_SCOPE_H

#include <jansson.h>
#include <stdbool.h>

#include "auth/auth.h"
#include "backends/oauth2_settings.h"
#include "base/buffer.h"
#include "base/slice.h"

enum {
    /* A longer scope allows nothing; the length is that after its claims are inserted. */
    OAUTH2_SCOPE_BYTES_MAX = 4096,
    /* A token whose scopes are longer together is refused. */
    OAUTH2_SCOPES_BYTES_MAX = 1 << 20,
    /* A longer regular expression matches nothing. */
    OAUTH2_REGEX_BYTES_MAX = 2048,
};

struct oauth2_scopes; /* see oauth2_scope.c */

/* Returns scopes that allow nothing. The caller owns them. Once they are complete they never
 * change, so any thread may ask them. */
struct oauth2_scopes *oauth2_scopes_create(enum oauth2_pattern_syntax syntax);
/* Clears the pointer. NULL is fine. */
void oauth2_scopes_free(struct oauth2_scopes **scopes);

/* Adds a scope, without its prefix. `claims` are those of the token; borrowed for the call. Returns
 * ERR_TOO_LARGE if the scopes are then too long together. */
int oauth2_scopes_add(struct oauth2_scopes *scopes, struct slice scope, const json_t *claims);

/* Returns the tags, separated by commas and without duplicates; borrowed from the scopes. */
struct slice oauth2_scopes_tags(const struct oauth2_scopes *scopes);

/* Returns true if a scope allows anything in the vhost. */
bool oauth2_scopes_allow_vhost(const struct oauth2_scopes *scopes, struct slice vhost);
/* Returns true if a scope allows this to the queue or exchange of this name. */
bool oauth2_scopes_allow(const struct oauth2_scopes *scopes, enum auth_action action,
                         struct slice vhost, struct slice name);
/* Returns true if a scope that has a pattern for routing keys allows this one at this exchange. */
bool oauth2_scopes_allow_topic(const struct oauth2_scopes *scopes, enum auth_action action,
                               struct slice vhost, struct slice exchange, struct slice routing_key);

/* Returns true if the whole subject matches a pattern of the syntax `wildcard`; false too if the
 * pattern is malformed. */
bool oauth2_wildcard_matches(struct slice pattern, struct slice subject);

#endif
