/* A connection to one LDAP server: it is opened, bound, searched and closed. libldap encodes and
 * decodes; the bytes go through a stream with a deadline (ldap_stream.h). Used by one thread at a
 * time. */
#ifndef LEVERET_BACKENDS_LDAP_LDAP_CONNECTION_H
#define LEVERET_BACKENDS_LDAP_LDAP_CONNECTION_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "backends/ldap/ldap_directory.h"

struct ldap_connection;

enum ldap_encryption { LDAP_PLAIN, LDAP_TLS, LDAP_STARTTLS };

/* How a server is reached. Strings are borrowed. */
struct ldap_endpoint {
    const char *host;
    uint16_t port;
    enum ldap_encryption encryption;
    SSL_CTX *context;        /* NULL if LDAP_PLAIN */
    const char *server_name; /* sent in TLS; NULL: the host; "none": none */
};

enum ldap_bind_answer {
    LDAP_BIND_DONE,
    LDAP_BIND_REFUSED, /* the name or the password is wrong, or may not be used */
    LDAP_BIND_FAILED,  /* the server cannot be asked */
};

/* Opens a connection by the deadline (clock_up_ms()), which is also that of all its next calls.
 * The caller closes *ret. Returns ERR_..., with the reason appended, if it cannot be opened. */
int ldap_connection_open(const struct ldap_endpoint *endpoint, uint64_t deadline_ms,
                         struct ldap_connection **ret, struct lv_buffer *reason);
/* Closes and frees the connection, and clears the pointer. NULL is fine. Does not wait. */
void ldap_connection_close(struct ldap_connection **connection);

void ldap_connection_set_deadline(struct ldap_connection *connection, uint64_t deadline_ms);
/* Returns whether an idle connection is still good, as far as one can tell without asking. */
bool ldap_connection_is_good(const struct ldap_connection *connection);

/* Binds with a password (simple bind). Neither `dn` nor `password` may be empty: the server would
 * take that for an anonymous bind, and say yes. Appends the reason if it is not LDAP_BIND_DONE. */
enum ldap_bind_answer ldap_connection_bind(struct ldap_connection *connection, struct slice dn,
                                           struct slice password, struct lv_buffer *reason);

/* Searches. Referrals are not followed. See struct directory. */
enum directory_answer ldap_connection_search(struct ldap_connection *connection,
                                             const struct directory_search *search,
                                             struct lv_buffer *reason);

#endif
