/* Keys that verify signatures, and where they come from: a set in JSON (JWKS, RFC 7517), or a file
 * of the operator's. Reads no file itself. */
#ifndef LEVERET_BACKENDS_OAUTH2_KEYS_H
#define LEVERET_BACKENDS_OAUTH2_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/oauth2/oauth2_token.h"
#include "base/buffer.h"
#include "base/slice.h"

enum {
    OAUTH2_KEYS_MAX = 256,           /* of a set */
    OAUTH2_KEYS_BYTES_MAX = 1 << 20, /* of a set's text */
    OAUTH2_RSA_BITS_MIN = 2048,
    OAUTH2_RSA_BITS_MAX = 8192,
    OAUTH2_OCT_BITS_MIN = 256,
};

/* Keys with their ids. Complete keys never change, and are shared by reference count. */
struct oauth2_keys;

/* Returns a reference to keys without any key. */
struct oauth2_keys *oauth2_keys_create(void);
struct oauth2_keys *oauth2_keys_ref(struct oauth2_keys *keys);
/* Clears the pointer. NULL is fine. Any thread. */
void oauth2_keys_unref(struct oauth2_keys **keys);
size_t oauth2_keys_count(const struct oauth2_keys *keys);

/* Reads a set that was fetched: {"keys": [...]}. Keys that are not for signatures are left out, and
 * so are those that cannot be used: of another type, too short, malformed, or symmetric, since what
 * everybody can fetch is not a secret. Returns a reference in *ret, or ERR_TOO_LARGE or ERR_FORMAT
 * if the text is no set or none of its keys can be used; `reason` then says why. */
int oauth2_keys_parse(struct slice text, struct oauth2_keys **ret, struct lv_buffer *reason);

/* Adds the key of an operator's file: PEM of a public key, of a certificate, or of a private
 * key; or a JWK in JSON, which may be symmetric. Returns ERR_INVALID if it cannot be used;
 * `reason` then says why. */
int oauth2_keys_add_text(struct oauth2_keys *keys, const char *id, struct slice text,
                         struct lv_buffer *reason);

/* Returns true if there is a key of this id; NULL: any key. */
bool oauth2_keys_have(const struct oauth2_keys *keys, const char *id);

/* Returns true if a key of this id verifies the token; NULL: any key does, of at most
 * OAUTH2_KEYS_TRIED_MAX that fit the algorithm. Only keys of the algorithm's type and curve are
 * tried, and a key that names its algorithm verifies no other. */
bool oauth2_keys_verify(const struct oauth2_keys *keys, const char *id,
                        const struct oauth2_token *token);

enum { OAUTH2_KEYS_TRIED_MAX = 8 };

#endif
