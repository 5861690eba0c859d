/* A provider of tokens: its keys from files, and those that it publishes.
 *
 * A thread of its own fetches the published keys: when the provider begins, every
 * OAUTH2_REFRESH_MS, and when a token names a key that is not known, but not more often than
 * oauth2_fetch_budget.h allows. The keys fetched last are used until others are fetched; a key that
 * is no longer published is no longer used then. While a provider cannot be asked, the keys that
 * are known go on being used. */
#ifndef LEVERET_BACKENDS_OAUTH2_PROVIDER_H
#define LEVERET_BACKENDS_OAUTH2_PROVIDER_H

#include "auth/backend.h"
#include "backends/oauth2/oauth2_token.h"
#include "backends/oauth2_settings.h"
#include "base/buffer.h"

enum {
    OAUTH2_CONNECT_TIMEOUT_MS = 4000,
    OAUTH2_REQUEST_TIMEOUT_MS = 8000,
    OAUTH2_REFRESH_MS = 600000, /* after keys were fetched */
    OAUTH2_RETRY_MS = 30000,    /* after they could not be */
    /* How long a login waits for a key. */
    OAUTH2_WAIT_MS = 9000,
};

struct oauth2_provider; /* see oauth2_provider.c */

/* Reads the files of the provider's signing keys, and starts the thread, if the provider publishes
 * keys; it fetches nothing before oauth2_provider_begin(). Borrows the settings. When some keys are
 * known, at most waiting_max calls of oauth2_provider_verify() wait at a time for a key that is
 * not. Returns ERR_INVALID, ERR_NOT_FOUND ... with `reason`. */
int oauth2_provider_create(const struct oauth2_provider_settings *settings, unsigned waiting_max,
                           struct oauth2_provider **ret, struct lv_buffer *reason);
/* Has the thread fetch the published keys, from now on. Any thread. */
void oauth2_provider_begin(struct oauth2_provider *provider);
/* Takes over the keys that an earlier provider has fetched, if it is asked the same and trusts the
 * same, and this one has fetched none yet. Any thread. */
void oauth2_provider_inherit(struct oauth2_provider *provider, struct oauth2_provider *earlier);
/* Waits for the thread, which a request that is under way can hold for OAUTH2_REQUEST_TIMEOUT_MS.
 * Clears the pointer. NULL is fine. */
void oauth2_provider_free(struct oauth2_provider **provider);

/* Verifies the token's signature. AUTH_REFUSED or AUTH_UNANSWERED (the key may exist, but cannot be
 * fetched): appends to `reason` why. Waits for a key that is not known. Any thread. */
enum auth_answer oauth2_provider_verify(struct oauth2_provider *provider,
                                        const struct oauth2_token *token, struct lv_buffer *reason);

#endif
