/* What the files of policies share.
 *
 *   policy.c        policies are checked, set, cleared and listed
 *   policy_apply.c  which policy applies to what, and applying it
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
    json_t *definition;  /* an object */
};

/* --- policy_apply.c --------------------------------------------------------------------------- */

/* Applies a change of the vhost's policies: `set` is the new policy, or NULL if one was cleared.
 * Queues and exchanges to which other policies apply now get them, and an event is emitted for each
 * such queue. A policy that was removed is freed only afterwards. The caller holds the policy lock,
 * and not the topology lock. */
void policy_apply(struct vhost *vhost, const struct policy *set);

/* Frees the vhost's effective policies; they are made again when they are needed. The topology lock
 * is held, or nobody else refers to the vhost. */
void policy_pairs_forget(struct vhost *vhost);

#endif
