/* The backend ldap: asks a directory (LDAP) who may log in, and what users may do, like RabbitMQ's
 * plugin of this name (docs/authentication.md). */
#ifndef LEVERET_BACKENDS_LDAP_H
#define LEVERET_BACKENDS_LDAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/backend.h"
#include "backends/tls.h"
#include "base/buffer.h"

enum auth_ldap_bind_kind { AUTH_LDAP_AS_USER, AUTH_LDAP_ANONYMOUS, AUTH_LDAP_ACCOUNT };

/* As whom the directory is asked. The members below are those of AUTH_LDAP_ACCOUNT. */
struct auth_ldap_bind {
    enum auth_ldap_bind_kind kind;
    const char *user_dn;
    const char *password;
};

enum auth_ldap_log {
    AUTH_LDAP_LOG_NOTHING,
    AUTH_LDAP_LOG_DECISIONS,      /* every decision, and the queries that led to it */
    AUTH_LDAP_LOG_NETWORK,        /* and every request, without the values in names */
    AUTH_LDAP_LOG_NETWORK_UNSAFE, /* with them; passwords are never logged */
};

enum { AUTH_LDAP_TIMEOUT_MS_MAX = 60000 };

/* Strings are borrowed; NULL, "" and "none" mean that a setting is not set. */
struct auth_ldap_settings {
    const char *const *servers; /* names or addresses; asked in this order */
    size_t server_count;
    uint16_t port;
    const char *user_bind_pattern; /* not set: user_dn_pattern */
    const char *user_dn_pattern;   /* not set: ${username} */
    const char *dn_lookup_attribute;
    const char *dn_lookup_base;
    struct auth_ldap_bind dn_lookup_bind;
    struct auth_ldap_bind other_bind;
    const char *group_lookup_base; /* not set: dn_lookup_base */
    bool use_ssl;
    bool use_starttls;
    struct backend_tls tls;
    const char *server_name; /* sent in TLS; not set: the server's; "none": none */
    bool refuses_wildcards;  /* in the server's certificate */
    int64_t timeout_ms;      /* of a whole call; AUTH_LDAP_TIMEOUT_MS_MAX at most */
    int64_t idle_timeout_ms; /* a connection that is idle for longer is closed; below 0: never */
    unsigned connection_pool_size; /* how many calls may be under way, each with a connection */
    enum auth_ldap_log log;
    /* Erlang terms (ldap/ldap_query.h); not set: what RabbitMQ does without them */
    const char *tag_queries;
    const char *vhost_access_query;
    const char *resource_access_query;
    const char *topic_access_query;
};

/* Opens the backend. Copies the settings. Asks nobody yet: a directory may start later. Returns
 * ERR_INVALID if a setting makes no sense, a query is not understood, or a file of `tls` cannot be
 * used; `reason` names the setting. */
int auth_ldap_open(const struct auth_ldap_settings *settings, struct auth_backend **ret,
                   struct lv_buffer *reason);

#endif
