/* What the files of policies share.
 *
 *   policy.c        a vhost's policies come and go
 *   policy_apply.c  which policy rules what, and telling it
 *
 * What a definition may say, and what two of them say together, is in topology/policy_keys.h. */
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
    unsigned applies_to; /* APPLIES_TO_...; less the queue types that cannot do what it says */
    json_t *definition;  /* an object */
};

/* --- policy_apply.c --------------------------------------------------------------------------- */

/* The vhost's policies have changed: `set` is new, or, when it is NULL, one went. Queues and
 * exchanges that are ruled by others now are told, and of queues the event exchange. Policies
 * that were taken out are still alive. The policy lock is held, the topology lock is not. */
void policy_apply(struct vhost *vhost, const struct policy *set);

/* What has been made of its policies is made anew when it is needed. The topology lock is held. */
void policy_pairs_forget(struct vhost *vhost);

#endif
