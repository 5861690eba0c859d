/* Names of ciphers, as settings have them. */
#ifndef LEVERET_TLS_CIPHERS_H
#define LEVERET_TLS_CIPHERS_H

#include <stdbool.h>

#include "base/buffer.h"

/* Lists in OpenSSL's form, "A:B", ended by a zero byte that is not counted; empty: none was named.
 * All zero at first. */
struct tls_ciphers {
    struct lv_buffer tls_1_2;
    struct lv_buffer tls_1_3;
};

/* Adds a cipher, by OpenSSL's name or IANA's, to the list of its version. Returns false if OpenSSL
 * does not have it, with a sentence appended to `reason`. */
bool tls_cipher_add(const char *name, struct tls_ciphers *ciphers, struct lv_buffer *reason);
void tls_ciphers_free(struct tls_ciphers *ciphers);

#endif
