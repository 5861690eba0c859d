/* Declarations shared by the files of this room. */
#ifndef LEVERET_TLS_TLS_PRIVATE_H
#define LEVERET_TLS_TLS_PRIVATE_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "net/net.h"
#include "tls/ciphers.h"
#include "tls/tickets.h"
#include "tls/tls.h"

struct tls_context {
    _Atomic unsigned refs;
    SSL_CTX *ssl;
    struct tls_named *hosts;
    size_t host_count;
    struct tls_file *files;
    size_t file_count;
    struct tls_tickets *tickets;
};

/* A certificate of its own for one host. */
struct tls_named {
    char *name;
    SSL_CTX *ssl;
};

/* --- making a context: a step reports all of its faults, and the next step follows ------------ */

struct tls_maker {
    const struct tls_settings *settings;
    tls_say *say;
    void *say_arg;
    bool has_failed;
    struct tls_context *context;
    SSL_CTX *ssl; /* the one being made: context->ssl, or that of a host */
};

void tls_fail(struct tls_maker *m, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void tls_warn(struct tls_maker *m, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Opens a file for reading. Returns NULL after reporting why it cannot be read. */
BIO *tls_file_open(struct tls_maker *m, const char *key, const char *path);
/* Reads the certificates of a file. Returns NULL after reporting why there are none. The caller
 * frees them. Notes the file in the context, and warns if one of them is not valid now or expires
 * soon. */
STACK_OF(X509) * tls_file_certificates(struct tls_maker *m, const char *key, const char *path);

/* Gives m->ssl the certificate with its chain, and its key. `prefix` is put before the keys:
 * "sni.HOST.", "". keypair.c */
void tls_use_keypair(struct tls_maker *m, const char *prefix, const char *certfile,
                     const char *keyfile, const char *password);
/* Gives m->ssl the CAs and what is asked of clients. trust.c */
void tls_use_trust(struct tls_maker *m);
/* Returns what a cipher is called; the texts are static. describe.c */
struct tls_cipher_facts tls_describe_cipher(const SSL_CIPHER *cipher);
/* Gives m->ssl versions, groups, ciphers and DHE's parameters. ciphers.c */
void tls_use_ciphers(struct tls_maker *m);

/* --- words ------------------------------------------------------------------------------------ */

/* Returns why the last call of OpenSSL on this thread failed, in its words: "bad decrypt". */
const char *tls_openssl_reason(void);

/* Notes on this thread which certificate OpenSSL has just refused. */
void tls_note_refused(X509_STORE_CTX *store);
/* Returns why a handshake has failed: the reason of OpenSSL's error in plain words, and what an
 * operator can do about it. The text is valid until the next call on this thread. */
const char *tls_handshake_reason(SSL *ssl);
/* Returns what a peer speaks whose first bytes are no TLS: "AMQP without TLS". NULL: they are TLS.
 */
const char *tls_foreign_protocol(const uint8_t *p, size_t n);

/* Fills in the names that RabbitMQ has for the connection's protocol and cipher. */
void tls_describe(SSL *ssl, struct net_tls *ret);

#endif
