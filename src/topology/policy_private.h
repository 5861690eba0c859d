/* What the files of policies share.
 *
 *   policy.c        a vhost's policies come and go
 *   policy_keys.c   what a definition may say
 *   policy_apply.c  which policy rules what, and telling it */
#ifndef LEVERET_TOPOLOGY_POLICY_PRIVATE_H
#define LEVERET_TOPOLOGY_POLICY_PRIVATE_H

#include "base/buffer.h"
#include "base/pattern.h"
#include "topology/effective_policy.h"
#include "topology/vhost.h"

/* What a policy may rule. */
enum {
    APPLIES_TO_CLASSIC = 1,
    APPLIES_TO_QUORUM = 2,
    APPLIES_TO_STREAM = 4,
    APPLIES_TO_EXCHANGES = 8,
    APPLIES_TO_QUEUES = APPLIES_TO_CLASSIC | APPLIES_TO_QUORUM | APPLIES_TO_STREAM,
    APPLIES_TO_ALL = APPLIES_TO_QUEUES | APPLIES_TO_EXCHANGES,
};

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

/* --- policy_keys.c ------------------------------------------------------------------------- */

/* Appends RabbitMQ's sentence for the first thing that is wrong with a definition. */
bool policy_check_definition(json_t *definition, enum policy_kind kind, struct lv_buffer *reason);

/* The queue types that know something the definition says to be beyond them: such a policy does
 * not rule them at all. */
unsigned policy_not_for(json_t *definition);

/* What an operator policy and an ordinary one say together: of a number that both give the
 * smaller one, of anything else the ordinary policy's. The caller owns it. */
json_t *policy_merge(json_t *ordinary, json_t *operator_s);

/* --- policy_apply.c ------------------------------------------------------------------------ */

/* The vhost's policies have changed: `set` is new, or, when it is NULL, one went. Queues and exchanges
 * that are ruled by others now are told, and of queues the event exchange. Policies that were taken out
 * are still alive. The policy lock is held, the topology lock is not. */
void policy_apply(struct vhost *vhost, const struct policy *set);

/* What has been made of its policies is made anew when it is needed. The topology lock is held. */
void policy_pairs_forget(struct vhost *vhost);

#endif
