/* The keys of policy definitions: their valid values, and how two definitions are merged. Any
 * thread. */
#ifndef LEVERET_TOPOLOGY_POLICY_KEYS_H
#define LEVERET_TOPOLOGY_POLICY_KEYS_H

#include "base/buffer.h"
#include "topology/effective_policy.h"

/* What a policy may apply to: a set of bits. */
enum {
    APPLIES_TO_CLASSIC = 1,
    APPLIES_TO_QUORUM = 2,
    APPLIES_TO_STREAM = 4,
    APPLIES_TO_EXCHANGES = 8,
    APPLIES_TO_QUEUES = APPLIES_TO_CLASSIC | APPLIES_TO_QUORUM | APPLIES_TO_STREAM,
    APPLIES_TO_ALL = APPLIES_TO_QUEUES | APPLIES_TO_EXCHANGES,
};

/* Returns false if the definition, a JSON object, is invalid, and appends RabbitMQ's sentence about
 * the first fault to `reason`. */
bool policy_check_definition(json_t *definition, enum policy_kind kind, struct lv_buffer *reason);

/* Returns the queue types to which a policy with this definition does not apply at all, because
 * they do not support one of its keys: APPLIES_TO_... bits. */
unsigned policy_not_for(json_t *definition);

/* Returns false if queues take a key of a policy, or an argument ("x-" left out), without its
 * having an effect on them, as docs/policies.md lists. */
bool policy_key_moves_queues(const char *name);

/* Merges the definitions of an ordinary policy and an operator policy, which are objects. If both
 * have a key, the smaller integer counts; for other values, and for queue-version, the ordinary
 * policy's value counts. The caller owns the result. */
json_t *policy_merge(json_t *ordinary, json_t *operator_s);

#endif
