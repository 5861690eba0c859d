/* A call's conversation with the directory, as one user or account. The connection is taken when
 * the first search needs it, so a query that needs no search needs no connection. */
#ifndef LEVERET_BACKENDS_LDAP_LDAP_SESSION_H
#define LEVERET_BACKENDS_LDAP_LDAP_SESSION_H

#include "backends/ldap.h"
#include "backends/ldap/ldap_directory.h"
#include "backends/ldap/ldap_pool.h"

struct ldap_session {
    struct directory directory; /* the door for ldap_evaluate() */
    struct ldap_pool *pool;
    struct ldap_login login;
    uint64_t deadline_ms;
    struct ldap_lease lease; /* no connection: not taken */
    enum auth_ldap_log log;
    bool is_refused; /* the server has refused a search */
};

/* Begins a session. Borrows the pool and the login. End it with ldap_session_end(). */
void ldap_session_begin(struct ldap_session *session, struct ldap_pool *pool,
                        const struct ldap_login *login, uint64_t deadline_ms,
                        enum auth_ldap_log log);
/* Takes the connection, and so checks the login. Appends the reason if it is not LDAP_BIND_DONE. */
enum ldap_bind_answer ldap_session_bind(struct ldap_session *session, struct lv_buffer *reason);
/* Gives the connection back. */
void ldap_session_end(struct ldap_session *session);

#endif
