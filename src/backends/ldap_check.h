/* Checks settings of the backend ldap without its module, so that `leveretd --check-config` finds
 * faults where they are written. Pure; any thread. */
#ifndef LEVERET_BACKENDS_LDAP_CHECK_H
#define LEVERET_BACKENDS_LDAP_CHECK_H

#include "base/buffer.h"

/* Checks a query, a list of tag queries, or a pattern with variables. Return ERR_INVALID if it is
 * none, with the reason appended: "line 1, column 2: there is no query 'in_grp'". */
int ldap_check_query(const char *text, struct lv_buffer *reason);
int ldap_check_tag_queries(const char *text, struct lv_buffer *reason);
int ldap_check_pattern(const char *text, struct lv_buffer *reason);

#endif
