/* Policies: what an operator says of every queue and exchange whose name matches a pattern.
 *
 * Of those that match, the one with the highest priority rules (of equals, the first by name).
 * An operator policy rules besides it and can only make numbers smaller. What both say together
 * is an effective policy; queue_settings.h merges it with a queue's arguments.
 *
 * A vhost's policies are changed under two locks, the broker's policy lock and the topology
 * lock, so either is enough to read them. What follows from a change is computed under the first
 * alone, which no loop ever waits for: exchanges see it at once (RCU), queues by mail to their
 * homes. */
#ifndef LEVERET_BROKER_POLICY_H
#define LEVERET_BROKER_POLICY_H

#include "base/buffer.h"
#include "broker/broker.h"
#include "store/definitions.h"
#include "topology/effective_policy.h"

struct exchange;
struct policy; /* see policy_private.h */
struct queue;
struct vhost;

/* A vhost's, in the order in which they are asked. */
struct policy_list {
    struct policy **items; /* owned */
    size_t count;
};

/* What rules together in a vhost: policy_apply.c's. */
struct policy_pairs {
    struct policy_pair *items;
    size_t count;
};

/* --- management: any thread that is no loop and is registered with RCU ------------------------ */

/* Sets a policy, or replaces the one of the same name. The row's definition is JSON. 0: it is in
 * effect (at the homes of queues: with the mail that has been sent before this returns), and
 * `done` will be called once it is durable, or has been called. Negative, and `done` is not
 * called: ERR_EXISTS: it is set already, as it is; ERR_FORMAT: no JSON; ERR_NOT_FOUND: the vhost
 * has been deleted; ERR_INVALID: `reason` gets a line for each thing that is wrong, in
 * RabbitMQ's words. */
int policy_set(struct vhost *vhost, const struct definition_policy *row, struct lv_buffer *reason,
               struct durable_done done);

/* ERR_NOT_FOUND: there is none of this name. Else as policy_set(). */
int policy_clear(struct vhost *vhost, struct slice name, enum policy_kind kind,
                 struct durable_done done);

/* Recovery: puts it in place without storing it. What cannot be used of it is left out; a policy
 * that is no use at all is logged and skipped. */
void policy_restore(struct vhost *vhost, const struct definition_policy *row);

/* Visits them by name. The row is borrowed for the call, which must not call back into the broker;
 * its definition is JSON with sorted keys. Takes the lock. */
typedef void policy_visit(void *arg, const struct definition_policy *row);
void policy_each(struct vhost *vhost, enum policy_kind kind, policy_visit *visit, void *arg);

/* --- what applies; the lock is held ----------------------------------------------------------- */

/* A queue or an exchange that is not in its vhost's table yet gets what rules it. */
void policy_begin_queue(struct queue *q);
void policy_begin_exchange(struct exchange *x);

/* Frees the vhost's policies; nobody asks any more. */
void policies_free(struct vhost *vhost);

#endif
