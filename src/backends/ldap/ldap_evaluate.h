/* Evaluates the queries of the LDAP backend against a directory. The work is bounded: by the size
 * of the query, LDAP_SEARCHES_MAX searches, and LDAP_ENTRIES_MAX entries or values of a search.
 * Blocks as long as the directory does. */
#ifndef LEVERET_BACKENDS_LDAP_EVALUATE_H
#define LEVERET_BACKENDS_LDAP_EVALUATE_H

#include "backends/ldap/ldap_directory.h"
#include "backends/ldap/ldap_query.h"

enum { LDAP_SEARCHES_MAX = 1000, LDAP_ENTRIES_MAX = 10000 };

enum ldap_result {
    LDAP_RESULT_FALSE,
    LDAP_RESULT_TRUE,
    /* The query has no answer for this user: an entry is missing, `for` has no such case. That
     * counts as false, but its negation is no answer either. */
    LDAP_RESULT_NONE,
    /* The directory could not be asked; nothing is known. */
    LDAP_RESULT_FAILED,
};

/* One check. The members are borrowed. */
struct ldap_evaluation {
    struct directory *directory;
    struct ldap_variables variables;
    struct slice groups_base; /* where in_group_nested searches */
    unsigned searches;        /* made so far; begin with 0 */
    unsigned refusals;        /* searches that the server has refused; begin with 0 */
    struct lv_buffer *reason; /* why there is no answer, or why the directory failed */
    struct lv_buffer *trace;  /* gets what each query gave; NULL: not wanted */
};

/* Evaluates a query. On LDAP_RESULT_NONE and LDAP_RESULT_FAILED, *evaluation->reason has been
 * replaced. Call from one thread per evaluation. */
enum ldap_result ldap_evaluate(struct ldap_evaluation *evaluation, const struct ldap_query *query);

#endif
