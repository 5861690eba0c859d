/* A connection to a server, for blocking calls that end: each ends at the stream's deadline at the
 * latest, whatever the server sends or does not send. TLS is OpenSSL's. libldap reads and writes
 * through it (ldap_connection.c), since its own sockets and its own TLS can block for longer than
 * they are told. */
#ifndef LEVERET_BACKENDS_LDAP_LDAP_STREAM_H
#define LEVERET_BACKENDS_LDAP_LDAP_STREAM_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"

struct ldap_stream;

/* Connects to the host, a name or an address, within the deadline (clock_up_ms()), and takes it for
 * the stream's deadline. The caller frees *ret. Returns ERR_NOT_FOUND if the name has no address,
 * ERR_TIMED_OUT or ERR_IO; the reason is appended to `reason`. One thread at a time. */
int ldap_stream_connect(const char *host, uint16_t port, uint64_t deadline_ms,
                        struct ldap_stream **ret, struct lv_buffer *reason);
/* Closes and frees the stream, and clears the pointer. NULL is fine. */
void ldap_stream_free(struct ldap_stream **stream);

/* Begins TLS with the context, as a client. `name` is sent as the server's name unless it is NULL;
 * the certificate must be for `host`. Returns ERR_REFUSED if it is not, or not trusted, or ERR_IO;
 * the reason is appended. The stream can then only be freed. */
int ldap_stream_start_tls(struct ldap_stream *stream, SSL_CTX *context, const char *host,
                          const char *name, struct lv_buffer *reason);

void ldap_stream_set_deadline(struct ldap_stream *stream, uint64_t deadline_ms);
int ldap_stream_descriptor(const struct ldap_stream *stream);

/* Like read(2) and write(2): some bytes, 0 at the end, or -1 with errno, which is ETIMEDOUT after
 * the deadline. */
ssize_t ldap_stream_read(struct ldap_stream *stream, void *p, size_t n);
ssize_t ldap_stream_write(struct ldap_stream *stream, const void *p, size_t n);
/* Returns whether a read returns bytes that the socket does not have any longer. */
bool ldap_stream_has_bytes(const struct ldap_stream *stream);
/* Returns whether nothing has arrived on a connection that awaits nothing. False means that the
 * server has closed it, or is about to. */
bool ldap_stream_is_quiet(const struct ldap_stream *stream);

#endif
