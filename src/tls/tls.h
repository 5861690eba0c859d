/* TLS, by OpenSSL: what a listener needs of it (certificates, who is let in), and the layer that
 * puts it on a socket (net/stream.h). Nothing here knows what the bytes mean, or which setting has
 * which name: reports begin with the last part of RabbitMQ's key ("certfile").
 *
 *   settings ── tls_context_create() ──> context: read from files once, never changed
 *   tls_server: the context that new connections of a listener get; a reload replaces it
 *
 * A connection keeps the context that it began with, so replacing it ends no connection. Each
 * context has ticket keys of its own: a client whose certificate is no longer welcome cannot come
 * back with a ticket from before the reload. */
#ifndef LEVERET_TLS_TLS_H
#define LEVERET_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "net/stream.h"

struct tls_context;
struct tls_server;

/* --- settings --------------------------------------------------------------------------------- */

enum { TLS_1_2 = 1, TLS_1_3 = 2 };

enum tls_crl_check {
    TLS_CRL_NONE,
    TLS_CRL_CHAIN,       /* every certificate of the client's chain needs a list that is in force */
    TLS_CRL_PEER,        /* only the client's own certificate does */
    TLS_CRL_BEST_EFFORT, /* lists are used where there are any */
};

/* The certificate for clients that ask for this host (SNI). */
struct tls_host {
    const char *name; /* "mq.example.com" or "*.example.com" */
    const char *certfile;
    const char *keyfile;
    const char *password;
};

/* Texts are never NULL; an empty one is not set. Everything is borrowed for the call. */
struct tls_settings {
    const char *certfile;   /* PEM: the server's certificate, then those between it and its CA */
    const char *keyfile;    /* PEM; not set: the key is in certfile */
    const char *password;   /* of an encrypted key */
    const char *cacertfile; /* PEM: CAs of clients, and of the server's certificate */
    const char *crlfile;    /* PEM: lists of revoked certificates */
    const char *dhfile;     /* PEM: parameters for DHE; not set: OpenSSL chooses them */
    bool verifies_peer;     /* asks clients for a certificate, and refuses a bad one */
    bool requires_certificate;
    unsigned depth;             /* of certificates between a client's own and its CA */
    unsigned versions;          /* of TLS_1_2, TLS_1_3 */
    const char *const *ciphers; /* in OpenSSL's words or IANA's */
    size_t cipher_count;        /* 0: the secure ones of OpenSSL, AES-128 before AES-256 */
    bool
        honors_cipher_order; /* the server's order decides, unless ChaCha20 is the client's first */
    bool reuses_sessions;    /* gives out tickets */
    enum tls_crl_check crl_check;
    const struct tls_host *hosts;
    size_t host_count;
};

/* --- contexts --------------------------------------------------------------------------------- */

/* Reports one line: an error (there is no context) or a warning about the setting `key`: "keyfile",
 * "ciphers", "sni.HOST.certfile" ... The texts are borrowed for the call. */
typedef void tls_say(void *arg, enum log_level level, const char *key, const char *text);

/* Reads the files and checks all settings. Every fault is reported; after an error returns
 * ERR_INVALID. *ret is a reference. Blocks. Any thread. */
int tls_context_create(const struct tls_settings *settings, tls_say *say, void *arg,
                       struct tls_context **ret);
void tls_context_ref(struct tls_context *context);
/* Clears the pointer. NULL is fine. Any thread. */
void tls_context_unref(struct tls_context **context);

/* A file with certificates. */
struct tls_file {
    const char *path;
    const char *key;     /* of the setting that names it */
    int64_t ends_at_s;   /* when the first of its certificates expires, since 1970 */
    const char *subject; /* of that certificate */
};
/* Returns the files with certificates that the context was made from: *ret_count of them, valid as
 * long as the context. */
const struct tls_file *tls_context_files(const struct tls_context *context, size_t *ret_count);

/* Appends what identifies the present content of the settings' files (size, times, inode), so that
 * two texts are equal if no file has been changed meanwhile. Blocks. Any thread. */
struct lv_buffer;
void tls_files_stamp(const struct tls_settings *settings, struct lv_buffer *out);

/* --- listeners -------------------------------------------------------------------------------- */

/* Creates a server without a context: it refuses every connection. */
struct tls_server *tls_server_create(void);
/* Clears the pointer. NULL is fine. Call only when no listener uses it any longer. */
void tls_server_free(struct tls_server **server);

/* Gives connections to come this context, of which a reference is taken (NULL: none), and this many
 * milliseconds for their handshake. Any thread. */
void tls_server_use(struct tls_server *server, struct tls_context *context,
                    uint32_t handshake_timeout_ms);
/* Returns a reference of the context, or NULL. Any thread. */
struct tls_context *tls_server_context(struct tls_server *server);

/* A net_layer_fn, for net_listener_set_layer(). `arg` is the struct tls_server. */
int tls_server_layer(void *arg, struct net_stream **stream);

#endif
