/* The connections to a directory's servers. A call takes one, uses it alone, and puts it back for
 * the next call. Connections that are bound as somebody are kept apart from others, so nobody's
 * rights are used for somebody else. Any thread. */
#ifndef LEVERET_BACKENDS_LDAP_LDAP_POOL_H
#define LEVERET_BACKENDS_LDAP_LDAP_POOL_H

#include "backends/ldap/ldap_connection.h"
#include "backends/tls.h"

struct ldap_pool;

/* All is borrowed. */
struct ldap_pool_settings {
    const char *const *hosts; /* at least one */
    size_t host_count;
    uint16_t port;
    enum ldap_encryption encryption;
    struct backend_tls tls;
    bool takes_wildcards;    /* "*.example.com" in a certificate is good for ldap.example.com */
    const char *server_name; /* see struct ldap_endpoint */
    int64_t idle_timeout_ms; /* below 0: never */
    unsigned size;           /* the number of idle connections that are kept */
};

/* As whom a connection is used. */
enum ldap_role {
    LDAP_AS_USER, /* bound anew each time */
    LDAP_AS_NOBODY,
    LDAP_AS_LOOKUP_ACCOUNT, /* bound once */
    LDAP_AS_OTHER_ACCOUNT,
};

struct ldap_login {
    enum ldap_role role;
    struct slice dn; /* empty if LDAP_AS_NOBODY, else not */
    struct slice password;
};

/* A connection that a call has taken. */
struct ldap_lease {
    struct ldap_connection *connection;
    enum ldap_role role;
    size_t server;
    bool is_proven; /* if it fails, the server has failed: it is not just an old connection */
};

/* Makes a pool that has no connection yet. The caller frees *ret. Returns ERR_INVALID, with the
 * reason appended, if a file of `tls` cannot be used. */
int ldap_pool_new(const struct ldap_pool_settings *settings, struct ldap_pool **ret,
                  struct lv_buffer *reason);
/* Closes the connections and frees the pool. All leases have ended. */
void ldap_pool_free(struct ldap_pool **pool);

/* Takes a connection that is bound as the login says: an idle one, or a new one to the first server
 * that answers. The deadline is clock_up_ms(); none of several servers gets all of the time.
 * Appends the reason if it is not LDAP_BIND_DONE. Blocks. */
enum ldap_bind_answer ldap_pool_take(struct ldap_pool *pool, const struct ldap_login *login,
                                     uint64_t deadline_ms, struct ldap_lease *ret,
                                     struct lv_buffer *reason);
/* Ends a lease whose connection is good. */
void ldap_pool_put(struct ldap_pool *pool, struct ldap_lease *lease);
/* Ends a lease whose connection has failed. Other idle connections are closed, too, since they may
 * have failed for the same reason, and the next new one prefers another server. */
void ldap_pool_drop(struct ldap_pool *pool, struct ldap_lease *lease);

/* Appends the server's name and port. */
void ldap_pool_say_server(const struct ldap_pool *pool, const struct ldap_lease *lease,
                          struct lv_buffer *out);

#endif
