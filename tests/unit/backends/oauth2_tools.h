/* What the tests of the backend oauth2 share: settings from lines, claims from JSON, keys, and
 * tokens that these have signed. */
#ifndef LEVERET_TESTS_BACKENDS_OAUTH2_TOOLS_H
#define LEVERET_TESTS_BACKENDS_OAUTH2_TOOLS_H

#include <cjose/cjose.h>
#include <jansson.h>

#include "backends/oauth2_settings.h"
#include "base/buffer.h"

/* Returns settings of these lines, "KEY = VALUE", each of which must be taken; ended by NULL. */
struct oauth2_settings *settings_of(const char *line, ...) __attribute__((sentinel));
/* Like settings_of(), and finishes them. */
struct oauth2_settings *finished_settings_of(const char *line, ...) __attribute__((sentinel));

/* Returns JSON of a text in which an apostrophe stands for a quotation mark. */
json_t *json_of(const char *text);

/* Checks that the buffer holds the text, and frees it. */
void check_text(struct lv_buffer *buffer, const char *expected);

/* Return the token that the key has signed, as text that the caller frees. `header` is without its
 * alg. */
char *token_sign(const cjose_jwk_t *key, const char *algorithm, const char *header,
                 const char *payload);
/* Returns the text of any header, payload and signature, for tokens that nobody would sign. */
char *token_forge(const char *header, const char *payload, const char *signature);

/* Returns a new key; the caller releases it. */
cjose_jwk_t *rsa_key(void);
cjose_jwk_t *ec_key(cjose_jwk_ec_curve curve);
cjose_jwk_t *oct_key(size_t bytes);

/* Appends a set of this key's public part (its secret, if it is symmetric), with the members that
 * are given as JSON, such as "'kid': 'a'". */
void key_set_print(struct lv_buffer *out, const cjose_jwk_t *key, const char *members);

#endif
