/* Which certificates of a RabbitMQ are accepted when AMQP is spoken over TLS: those that are signed
 * by an authority that this machine trusts, or that the user names in its place, and that are for
 * the host that is connected to. */
#ifndef MIGRATE_TRUST_H
#define MIGRATE_TRUST_H

#include <openssl/ssl.h>

#include "base/buffer.h"

/* What to do about a certificate that is not accepted: the end of a sentence. */
#define TRUST_ADVICE                                                                               \
    "the certificate must be for the host that the URL names, and signed by an authority that "    \
    "this machine trusts or that is in the file given as --cacert FILE"

/* Makes handshakes of this context check the certificate for this host, a name or an address.
 * `ca_file`: the authorities in PEM; NULL: those that this machine trusts. Returns 0; or
 * ERR_INVALID if the file has none or the host is not one, with a sentence appended to `reason`. */
int trust_set_up(SSL_CTX *context, const char *ca_file, const char *host, struct lv_buffer *reason);

/* Returns why the last handshake on this thread has refused a certificate since trust_set_up(), or
 * NULL if none was refused. */
const char *trust_refused(void);

#endif
