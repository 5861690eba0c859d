/* What rules a queue or an exchange: the policy and the operator policy that were found for it,
 * merged into one definition. Which policies there are, and which is found, is broker/'s business
 * (broker/policy.h).
 *
 * Immutable and shared by count. It is freed a grace period after the last reference has gone, so a
 * reader who found it may use it until the end of the turn. */
#ifndef LEVERET_TOPOLOGY_EFFECTIVE_POLICY_H
#define LEVERET_TOPOLOGY_EFFECTIVE_POLICY_H

#include <jansson.h>

#include "base/rcu.h"
#include "base/slice.h"

enum policy_kind { POLICY_ORDINARY, POLICY_OPERATOR, POLICY_KINDS };

struct effective_policy {
    struct lv_rcu_refs refs;
    bool has[POLICY_KINDS]; /* at least one of them */
    struct slice names[POLICY_KINDS];
    json_t *definition;     /* an object; owned; not to be changed */
    struct slice alternate; /* alternate-exchange; empty: none. Points into the definition */
};

/* Makes one, with one reference, of the names of its policies (copied; NULL: there is none of that
 * kind) and their merged definition (taken). */
struct effective_policy *effective_policy_make(const struct slice *names[POLICY_KINDS],
                                               json_t *definition);

/* Takes a reference; NULL is fine. Any thread. */
struct effective_policy *effective_policy_ref(struct effective_policy *policy);
/* Drops a reference and clears the pointer; NULL is fine. Any thread. */
void effective_policy_unref(struct effective_policy **policy);

#endif
