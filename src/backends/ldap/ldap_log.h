/* What the LDAP backend logs about its work, as `auth_ldap.log` asks. Any thread. */
#ifndef LEVERET_BACKENDS_LDAP_LDAP_LOG_H
#define LEVERET_BACKENDS_LDAP_LDAP_LOG_H

#include "backends/ldap.h"
#include "backends/ldap/ldap_pool.h"

/* Logs a bind, or a search, if network requests are logged. */
void ldap_log_bind(enum auth_ldap_log log, const struct ldap_login *login,
                   enum ldap_bind_answer answer);
void ldap_log_search(enum auth_ldap_log log, const struct directory_search *search,
                     enum directory_answer answer);

/* Appends a distinguished name without its values, which may tell who somebody is:
 * "cn=xxxx,ou=xxxx". A text that is not such a name becomes "xxxx". */
void ldap_scrub_dn(struct slice dn, struct lv_buffer *out);

#endif
