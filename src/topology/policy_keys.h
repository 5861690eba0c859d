/* The keys of a policy's definition: what each may say, and how two definitions are merged.
 * Pure. */
#ifndef LEVERET_TOPOLOGY_POLICY_KEYS_H
#define LEVERET_TOPOLOGY_POLICY_KEYS_H

#include "base/buffer.h"
#include "topology/effective_policy.h"

/* What a policy may rule. */
enum {
    APPLIES_TO_CLASSIC = 1,
    APPLIES_TO_QUORUM = 2,
    APPLIES_TO_STREAM = 4,
    APPLIES_TO_EXCHANGES = 8,
    APPLIES_TO_QUEUES = APPLIES_TO_CLASSIC | APPLIES_TO_QUORUM | APPLIES_TO_STREAM,
    APPLIES_TO_ALL = APPLIES_TO_QUEUES | APPLIES_TO_EXCHANGES,
};

/* Appends RabbitMQ's sentence for the first thing that is wrong with a definition. */
bool policy_check_definition(json_t *definition, enum policy_kind kind, struct lv_buffer *reason);

/* The queue types that know something the definition says to be beyond them: such a policy does
 * not rule them at all. */
unsigned policy_not_for(json_t *definition);

/* What an operator policy and an ordinary one say together: of a number that both give the
 * smaller one, of anything else the ordinary policy's. The caller owns it. */
json_t *policy_merge(json_t *ordinary, json_t *operator_s);

#endif
