/* Policies: settings of every queue and exchange whose name matches a pattern.
 *
 * Of the policies that match, the one with the highest priority applies (of equals, the first by
 * name). So does the operator policy chosen in the same way, which can only lower limits. Both
 * together are an effective policy; queue_settings.h merges it with a queue's arguments.
 *
 * A vhost's policies are changed under two locks, the broker's policy lock and the topology lock,
 * so either is enough to read them. A change is applied under the policy lock alone, which no loop
 * ever waits for: exchanges see it at once (RCU), queues by mail to their homes. */
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

/* The policies of a vhost, in the order in which they are matched. */
struct policy_list {
    struct policy **items; /* owned */
    size_t count;
};

/* The effective policies of a vhost, made once each (policy_apply.c). */
struct policy_pairs {
    struct policy_pair *items;
    size_t count;
};

/* --- changes: called on threads that are no loop's and are registered with RCU ---------------- */

/* Sets a policy, or replaces the one of the same name. The row's definition is JSON. Returns 0 if
 * it is in effect (for queues: when their homes get the mail that was sent before this returns):
 * `done` is called when it is durable, perhaps before this returns; *ret_is_new (NULL is fine)
 * tells whether there was none of this name. Else `done` is not called, and the result is
 *   - ERR_EXISTS: it is set already, as it is;
 *   - ERR_FORMAT: the definition is not JSON;
 *   - ERR_NOT_FOUND: the vhost has been deleted;
 *   - ERR_INVALID: `reason` gets a line in RabbitMQ's words for each thing that is wrong. */
int policy_set(struct vhost *vhost, const struct definition_policy *row, struct lv_buffer *reason,
               struct durable_done done, bool *ret_is_new);

/* Returns 0 if policy_set() would set this policy; else ERR_FORMAT or ERR_INVALID, as it does. */
int policy_check(const struct definition_policy *row, struct lv_buffer *reason);

/* What a policy would do to a queue or an exchange if it were set. */
enum policy_effect {
    POLICY_IN_FORCE,    /* it would apply */
    POLICY_HIDDEN,      /* it would match, but `other` would apply: it comes before it */
    POLICY_UNSUPPORTED, /* it would match, but this type of queue does not support one of its keys */
    POLICY_LOST,        /* the policy of its name applies now, and would no longer */
};

struct policy_preview_row {
    bool is_queue; /* else an exchange */
    struct slice name;
    const char *type; /* "classic", "fanout" ... */
    enum policy_effect effect;
    /* POLICY_HIDDEN: the policy that would apply. POLICY_IN_FORCE: the one of another name that
     * applies now, and would no longer. POLICY_LOST: the one that would apply instead. */
    bool has_other;
    struct slice other;
    int64_t other_priority;
};

/* Visits the vhost's queues and exchanges that would be concerned if policy_set() were called with
 * this row, in no order. An empty definition is not checked: it has no keys yet. Returns 0, or
 * ERR_FORMAT or ERR_INVALID as policy_set() does, without a visit. The row is borrowed for the
 * call, during which the policy lock is held: `visit` must not call back into the broker. Takes as
 * long as setting a policy does. Call on a thread that is no loop's and is registered with RCU. */
typedef void policy_preview_visit(void *arg, const struct policy_preview_row *row);
int policy_preview(struct vhost *vhost, const struct definition_policy *row,
                   struct lv_buffer *reason, policy_preview_visit *visit, void *arg);

/* Clears a policy. Returns 0 as policy_set() does, or ERR_NOT_FOUND. */
int policy_clear(struct vhost *vhost, struct slice name, enum policy_kind kind,
                 struct durable_done done);

/* Puts a policy from the definitions into effect without storing it. Keys that cannot be used are
 * ignored; a policy that cannot be used at all is logged and skipped. Call only before the loops
 * start. */
void policy_restore(struct vhost *vhost, const struct definition_policy *row);

/* Visits the vhost's policies in the order of their names. The row, whose definition is JSON with
 * sorted keys, is borrowed for the call. `visit` must not call back into the broker, since it runs
 * with the topology lock held. */
typedef void policy_visit(void *arg, const struct definition_policy *row);
void policy_each(struct vhost *vhost, enum policy_kind kind, policy_visit *visit, void *arg);

/* Visits the vhost's policies whose pattern and apply-to match a thing of this name, in the order
 * in which they are matched: the first one applies. `queue` NULL: an exchange, which need not
 * exist. As policy_each(). */
void policy_each_match(struct vhost *vhost, enum policy_kind kind, const struct queue *queue,
                       struct slice name, policy_visit *visit, void *arg);

/* --- new queues and exchanges; the topology lock is held -------------------------------------- */

/* Give its effective policy to a queue or exchange that is not in its vhost's table yet. */
void policy_begin_queue(struct queue *q);
void policy_begin_exchange(struct exchange *x);

/* Frees the vhost's policies. Call only when nobody else refers to the vhost. */
void policies_free(struct vhost *vhost);

#endif
