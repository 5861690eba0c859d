/* Vhosts are created and deleted here: what a vhost has beyond its names, and its queues' end. */
#ifndef LEVERET_BROKER_VHOST_LIFE_H
#define LEVERET_BROKER_VHOST_LIFE_H

#include "broker/broker.h"
#include "broker/parameters.h"
#include "broker/policy.h"

/* What operators have said of a vhost. The broker's room alone looks at it. */
struct vhost_rules {
    struct parameter_list parameters;          /* under the lock */
    struct policy_list policies[POLICY_KINDS]; /* under the lock */
    struct policy_pairs policy_pairs;
};

/* Creates it with the predeclared exchanges (the default one, amq.direct, amq.fanout, amq.topic,
 * amq.headers, amq.match, amq.rabbitmq.trace); of the row all but the name may be empty.
 * CHANGE_DONE with *ret set also when it was there: then it is left as it is. With `store` false
 * nothing is written to the definitions (recovery). */
enum change_result vhost_create(struct broker *broker, const struct definition_vhost *row,
                                bool store, struct durable_done done, struct vhost **ret);

/* Unlinks it with its exchanges and bindings; its queues are told to go at their homes by mail.
 * Connections on it are the session's to close. ERR_NOT_FOUND when there is none; then, and only
 * then, `done` is not called (before this returns, when nothing is stored). */
int vhost_delete(struct broker *broker, struct slice name, struct durable_done done);

/* At the end of the process: unlinks it and all in it, storing nothing. The loops have stopped. */
void vhost_discard(struct vhost *vhost);

#endif
