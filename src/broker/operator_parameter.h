/* Operator policies as runtime parameters, as RabbitMQ's tools see them: the component
 * "operator_policy", with values {"pattern": ..., "definition": ..., "priority": ...,
 * "apply-to": ...}. */
#ifndef LEVERET_BROKER_OPERATOR_PARAMETER_H
#define LEVERET_BROKER_OPERATOR_PARAMETER_H

#include <jansson.h>

#include "broker/parameters.h"

#define OPERATOR_COMPONENT "operator_policy"

/* parameter_check(), parameter_set() and parameter_each() for this component (parameters.h).
 * `value` is borrowed. */
int operator_parameter_check(struct slice name, json_t *value, struct lv_buffer *reason);
int operator_parameter_set(struct vhost *vhost, struct slice name, json_t *value,
                           struct lv_buffer *reason, struct durable_done done);
void operator_parameter_each(struct vhost *vhost, parameter_visit *visit, void *arg);

#endif
