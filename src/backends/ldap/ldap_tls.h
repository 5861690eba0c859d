/* The TLS context for connections to a directory. */
#ifndef LEVERET_BACKENDS_LDAP_LDAP_TLS_H
#define LEVERET_BACKENDS_LDAP_LDAP_TLS_H

#include <openssl/ssl.h>

#include "backends/tls.h"
#include "base/buffer.h"

/* Makes a context: TLS 1.2 and newer; the server's certificate must be trusted and be for its host
 * unless the settings say that it is not verified. Reads the files. The caller frees *ret with
 * SSL_CTX_free(). Returns ERR_INVALID, with the reason appended, if a file cannot be used. Any
 * thread. */
int ldap_tls_context(const struct backend_tls *settings, bool takes_wildcards, SSL_CTX **ret,
                     struct lv_buffer *reason);

#endif
