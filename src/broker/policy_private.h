/* What the files of policies share.
 *
 *   policy.c        policies are checked, set, cleared and listed
 *   policy_apply.c  which policy applies to what, and applying it
 *   policy_preview.c  what a policy would apply to
 *
 * The keys of a definition, and how two definitions are merged, are in topology/policy_keys.h. */
#ifndef LEVERET_BROKER_POLICY_PRIVATE_H
#define LEVERET_BROKER_POLICY_PRIVATE_H

#include "base/pattern.h"
#include "broker/policy.h"
#include "topology/policy_keys.h"
#include "topology/vhost.h"

/* Immutable. */
struct policy {
    enum policy_kind kind;
    struct slice name; /* owned, as the next two */
    struct slice apply_to;
    struct slice text; /* the definition, with sorted keys */
    struct pattern *pattern;
    int64_t priority;
    unsigned applies_to; /* APPLIES_TO_...; without queue types that do not support a key of it */
    unsigned asked_for;  /* APPLIES_TO_...: what its apply-to says */
    json_t *definition;  /* an object */
};

/* --- policy.c --------------------------------------------------------------------------------- */

/* Makes a policy of a row, which the caller frees with policy_free(). Returns 0, or ERR_FORMAT or
 * ERR_INVALID as policy_set() does. `is_draft`: an empty definition is not checked, and has no
 * keys. */
int policy_read(const struct definition_policy *row, bool is_draft, struct lv_buffer *reason,
                struct policy **ret);
void policy_free(struct policy *p);
/* Returns which of two policies is matched first: a negative number if it is `a`. */
int policy_compare(const struct policy *a, const struct policy *b);

/* --- policy_apply.c --------------------------------------------------------------------------- */

/* Returns whether the policy's pattern matches a name. */
bool policy_matches(const struct policy *p, struct slice name);
/* Returns the APPLIES_TO_... bit of a queue, or 0 for one that no policy applies to. */
unsigned policy_kind_of_queue(const struct queue *q);

/* Applies a change of the vhost's policies: `set` is the new policy, or NULL if one was cleared.
 * Queues and exchanges to which other policies apply now get them, and an event is emitted for each
 * such queue. A policy that was removed is freed only afterwards. The caller holds the policy lock,
 * and not the topology lock. */
void policy_apply(struct vhost *vhost, const struct policy *set);

/* Frees the vhost's effective policies; they are made again when they are needed. The topology lock
 * is held, or nobody else refers to the vhost. */
void policy_pairs_forget(struct vhost *vhost);

#endif
