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

struct tls_settings;

struct tls_cipher_facts {
    const char *name;                              /* OpenSSL's */
    const char *key_exchange, *cipher, *mac, *prf; /* RabbitMQ's (Erlang's) words */
};
typedef void tls_cipher_visit(void *arg, const struct tls_cipher_facts *cipher);

/* Visits the ciphers that a listener with these settings offers, the preferred one first; with
 * `all`, those that the settings may name. Settings that are wrong do not count. Any thread. */
void tls_each_cipher(const struct tls_settings *settings, bool all, tls_cipher_visit *visit,
                     void *arg);

#endif
