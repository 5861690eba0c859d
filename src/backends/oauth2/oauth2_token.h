/* A token as text: HEADER.PAYLOAD.SIGNATURE, each in base64url, header and payload JSON objects
 * (RFC 7515, compact serialization). Its signature is not verified here (oauth2_keys.h). Pure. */
#ifndef LEVERET_BACKENDS_OAUTH2_TOKEN_H
#define LEVERET_BACKENDS_OAUTH2_TOKEN_H

#include <jansson.h>
#include <stdbool.h>

#include "backends/oauth2_settings.h"
#include "base/buffer.h"
#include "base/slice.h"

enum { OAUTH2_TOKEN_BYTES_MAX = 65536 };

enum oauth2_key_type { OAUTH2_RSA, OAUTH2_EC, OAUTH2_OCT };
enum oauth2_curve { OAUTH2_CURVE_0, OAUTH2_CURVE_P_256, OAUTH2_CURVE_P_384, OAUTH2_CURVE_P_521 };

struct oauth2_algorithm {
    const char *name;
    enum oauth2_key_type type; /* of the keys that it takes */
    enum oauth2_curve curve;   /* of type OAUTH2_EC */
};

/* Returns the algorithm, a static one, or NULL: also for "none". */
const struct oauth2_algorithm *oauth2_algorithm_find(const char *name);

struct oauth2_token {
    struct slice text; /* borrowed from the caller of oauth2_token_parse() */
    json_t *header;
    json_t *payload; /* the claims */
    const struct oauth2_algorithm *algorithm;
    const char *key_id; /* borrowed from the header; NULL: it names no key */
};

/* Reads a token. Returns ERR_TOO_LARGE or ERR_FORMAT, with *ret unchanged, after appending to
 * `reason` what is wrong with it, in words that contain nothing of the token. The caller frees *ret
 * with oauth2_token_free(). */
int oauth2_token_parse(struct slice text, struct oauth2_token *ret, struct lv_buffer *reason);
void oauth2_token_free(struct oauth2_token *token);

#endif
