/* Policies, parameters, global parameters, and the limits of vhosts, which are stored as a
 * parameter. A change returns once it is durable; a change of policies once the home of every queue
 * has applied it, too. */
#ifndef LEVERET_MANAGE_POLICIES_H
#define LEVERET_MANAGE_POLICIES_H

#include <jansson.h>

#include "broker/policy.h"
#include "manage/listing.h"
#include "manage/manage.h"

struct policy_facts {
    struct slice vhost, name, pattern, apply_to;
    struct slice definition; /* JSON */
    int64_t priority;
};

struct parameter_facts {
    struct slice vhost, component; /* empty: a global one */
    struct slice name;
    struct slice value; /* JSON */
};

extern const struct column policy_columns[], parameter_columns[];

/* Lists the policies of a vhost. Who may see the vhost may see them. */
bool manage_list_policies(struct manage *m, const struct actor *actor, struct slice vhost,
                          enum policy_kind kind, struct listing *ret, struct manage_error *error);
/* Lists the policies that match a queue, or an exchange, which need not exist; the first one
 * applies. REFUSAL_NOT_FOUND: there is no such queue. Who may see the vhost may see them. */
bool manage_list_matching_policies(struct manage *m, const struct actor *actor, struct slice vhost,
                                   bool is_queue, struct slice name, struct listing *ret,
                                   struct manage_error *error);
/* Sets the policy in row->vhost. REFUSAL_MALFORMED: the definition is not JSON.
 * REFUSAL_PRECONDITION: the definition is invalid, and the text says why, in RabbitMQ's words. If
 * the same policy is set already, this succeeds and sends no event. *ret_is_new (NULL is fine)
 * tells whether there was none of this name. */
bool manage_set_policy(struct manage *m, const struct actor *actor,
                       const struct definition_policy *row, bool *ret_is_new,
                       struct manage_error *error);
bool manage_clear_policy(struct manage *m, const struct actor *actor, struct slice vhost,
                         struct slice name, enum policy_kind kind, struct manage_error *error);

/* --- previews --------------------------------------------------------------------------------- */

/* A queue or exchange that a policy would concern. */
struct preview_facts {
    struct slice name, other;
    bool is_queue, has_other;
    const char *type;
    enum policy_effect effect;
    int64_t other_priority;
};

enum { PREVIEW_ROWS_MAX = 100 };

struct policy_preview_counts {
    uint64_t by_effect[2][POLICY_LOST + 1]; /* of exchanges, of queues */
};

/* Returns "in_force", "hidden", "unsupported" or "lost". */
const char *policy_effect_name(enum policy_effect effect);

/* Finds out what setting this policy would concern (broker/policy.h), and sets nothing: the first
 * PREVIEW_ROWS_MAX as struct preview_facts, queues before exchanges and by name, and how many there
 * are. ret->columns is not set. Who may set the policy may ask. Refuses as manage_set_policy()
 * does, but that an empty definition is fine. */
bool manage_preview_policy(struct manage *m, const struct actor *actor,
                           const struct definition_policy *row, struct listing *ret,
                           struct policy_preview_counts *ret_counts, struct manage_error *error);

/* Lists the parameters of this component in the vhost, or of all components if it is empty. The
 * actor must be a policymaker; to see limits alone ("vhost-limits"), it must see the vhost. */
bool manage_list_parameters(struct manage *m, const struct actor *actor, struct slice vhost,
                            struct slice component, struct listing *ret,
                            struct manage_error *error);
/* Refuses as manage_set_policy() does, and with REFUSAL_RESERVED and SUBJECT_POLICY if the
 * component is "policy": policies are not set as parameters. */
bool manage_set_parameter(struct manage *m, const struct actor *actor,
                          const struct definition_parameter *row, struct manage_error *error);
bool manage_clear_parameter(struct manage *m, const struct actor *actor, struct slice vhost,
                            struct slice component, struct slice name, struct manage_error *error);

bool manage_list_global_parameters(struct manage *m, const struct actor *actor, struct listing *ret,
                                   struct manage_error *error);
bool manage_set_global_parameter(struct manage *m, const struct actor *actor, struct slice name,
                                 struct slice value, struct manage_error *error);
bool manage_clear_global_parameter(struct manage *m, const struct actor *actor, struct slice name,
                                   struct manage_error *error);

/* Sets the limits of a vhost: JSON, {"max-connections": 5}, which replaces those set before. */
bool manage_set_vhost_limits(struct manage *m, const struct actor *actor, struct slice vhost,
                             struct slice limits, struct manage_error *error);
/* Sets one of a vhost's limits and keeps the others. `value` is JSON; NULL: the limit is cleared,
 * which succeeds also if it was not set. Changes by this function are made one after the other. */
bool manage_change_vhost_limit(struct manage *m, const struct actor *actor, struct slice vhost,
                               struct slice limit, const json_t *value, struct manage_error *error);
bool manage_clear_vhost_limits(struct manage *m, const struct actor *actor, struct slice vhost,
                               struct manage_error *error);
/* Lists, in parameter_columns, the limits of one vhost, or (NULL) of each vhost that has limits, by
 * vhost. */
bool manage_list_vhost_limits(struct manage *m, const struct actor *actor,
                              const struct slice *vhost, struct listing *ret,
                              struct manage_error *error);

#endif
