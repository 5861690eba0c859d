/* The backend ldap: what its files share. */
#ifndef LEVERET_BACKENDS_LDAP_LDAP_PRIVATE_H
#define LEVERET_BACKENDS_LDAP_LDAP_PRIVATE_H

#include "backends/ldap.h"
#include "backends/ldap/ldap_evaluate.h"
#include "backends/ldap/ldap_query.h"
#include "backends/ldap/ldap_session.h"
#include "base/assert.h"

/* As whom the directory is asked. */
struct ldap_account {
    enum auth_ldap_bind_kind kind;
    char *dn;
    char *password;
};

/* Nothing here changes after auth_ldap_open(), except the pool, which has a lock. */
struct auth_ldap {
    struct auth_backend backend;
    struct ldap_pool *pool;
    uint64_t timeout_ms;
    enum auth_ldap_log log;
    struct ldap_template bind_pattern;
    struct ldap_template dn_pattern;
    char *dn_lookup_attribute; /* NULL: names are not looked up */
    char *dn_lookup_base;
    char *groups_base; /* NULL: no query has nested groups */
    struct ldap_account lookup_account;
    struct ldap_account other_account;
    struct ldap_tag_queries tag_queries;
    struct ldap_query vhost_query;
    struct ldap_query resource_query;
    struct ldap_query topic_query;
};

/* What log_in() leaves for may(). */
struct ldap_user {
    struct slice dn;       /* owned */
    struct slice password; /* owned, and cleared when freed; empty if it is not needed later */
};

static inline struct auth_ldap *ldap_of(struct auth_backend *backend)
{
    return lv_container_of(backend, struct auth_ldap, backend);
}

/* Fills in who is to be bound for everything but a login: the user, an account, or nobody. Returns
 * false, with the reason appended, if that is the user and the password is not known. */
bool ldap_other_login(const struct auth_ldap *ldap, const struct ldap_user *user,
                      struct ldap_login *ret, struct lv_buffer *reason);

/* Evaluates a query for a user; the variables are set. The session is that of the other login. */
enum ldap_result ldap_ask(const struct auth_ldap *ldap, struct ldap_session *session,
                          const struct ldap_variables *variables, const struct ldap_query *query,
                          struct lv_buffer *trace, struct lv_buffer *reason);

/* What struct auth_backend_calls says. */
enum auth_answer ldap_log_in(struct auth_backend *backend,
                             const struct auth_credentials *credentials, struct auth_found *ret,
                             struct lv_buffer *reason);
enum auth_answer ldap_may(struct auth_backend *backend, const struct auth_question *question,
                          struct lv_buffer *reason);
void ldap_forget(struct auth_backend *backend, void *data);

#endif
