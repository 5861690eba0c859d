/* The effective policy of a queue or an exchange: the policy and the operator policy that apply to
 * it, merged into one definition. The policies themselves, and which of them apply, are in
 * broker/policy.h.
 *
 * It is immutable and reference-counted. It is freed a grace period after its last reference, so a
 * reader that has found it may use it until the end of the turn. */
#ifndef LEVERET_TOPOLOGY_EFFECTIVE_POLICY_H
#define LEVERET_TOPOLOGY_EFFECTIVE_POLICY_H

#include <jansson.h>

#include "base/rcu.h"
#include "base/slice.h"

enum policy_kind { POLICY_ORDINARY, POLICY_OPERATOR, POLICY_KINDS };

struct effective_policy {
    struct lv_rcu_refs refs;
    bool has[POLICY_KINDS]; /* which kinds apply: at least one */
    struct slice names[POLICY_KINDS];
    json_t *definition;     /* an object; owned; not to be changed */
    struct slice alternate; /* alternate-exchange; empty: none. Points into the definition */
};

/* Makes an effective policy, with one reference. Copies the names of its policies (NULL: none of
 * that kind applies) and takes the merged definition, a JSON object. */
struct effective_policy *effective_policy_make(const struct slice *names[POLICY_KINDS],
                                               json_t *definition);

/* Takes a reference; NULL is fine. Any thread. */
struct effective_policy *effective_policy_ref(struct effective_policy *policy);
/* Drops a reference and clears the pointer; NULL is fine. Any thread. */
void effective_policy_unref(struct effective_policy **policy);

#endif
