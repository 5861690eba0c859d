/* Vhosts are created and deleted here, with their policies and parameters, and their queues. */
#ifndef LEVERET_BROKER_VHOST_LIFE_H
#define LEVERET_BROKER_VHOST_LIFE_H

#include "broker/broker.h"
#include "broker/parameters.h"
#include "broker/policy.h"

/* The policies and parameters of a vhost. Private to broker/. */
struct vhost_rules {
    struct parameter_list parameters;          /* under the topology lock */
    struct policy_list policies[POLICY_KINDS]; /* under two locks: policy.h */
    struct policy_pairs policy_pairs;          /* under the topology lock */
};

/* Creates a vhost with its predeclared exchanges (the default one, amq.direct, amq.fanout,
 * amq.topic, amq.headers, amq.match, amq.rabbitmq.trace). Of the row, only the name is needed. A
 * vhost that exists is left as it is; the result is CHANGE_DONE, with *ret set. With `store` false
 * nothing is written to the definitions (recovery). Any thread that is registered with RCU. */
enum change_result vhost_create(struct broker *broker, const struct definition_vhost *row,
                                bool store, struct durable_done done, struct vhost **ret);

/* Unlinks the vhost with its exchanges and bindings, and mails its queues' homes to delete them.
 * The caller closes its connections, with sessions_close_matching(). Returns ERR_NOT_FOUND if there
 * is no such vhost, ERR_REFUSED if it is protected; else `done` is called, before this returns if
 * nothing is stored. Any thread that is registered with RCU. */
int vhost_delete(struct broker *broker, struct slice name, struct durable_done done);

/* Unlinks the vhost and deletes all in it, and stores nothing. Call only after the loops have
 * stopped. */
void vhost_discard(struct vhost *vhost);

#endif
