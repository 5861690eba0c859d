/* Keys in PEM. */
#ifndef LEVERET_BACKENDS_OAUTH2_PEM_H
#define LEVERET_BACKENDS_OAUTH2_PEM_H

#include <cjose/jwk.h>

#include "base/slice.h"

/* Returns the public RSA or EC key of a PEM text that has a public key, a certificate or a private
 * key without a password; NULL if it has none of these. The caller releases it. */
cjose_jwk_t *oauth2_pem_read(struct slice text);

#endif
