/* Runtime parameters: values (JSON) by component and name in a vhost; and global ones, by name
 * alone.
 *
 * What a value of a component may be and what it does is a row of the table in parameters.c. A
 * value of a component that is not known is refused, but kept when it comes out of the
 * definitions. Operator policies are a component, too: they are set, cleared and listed here as
 * well. */
#ifndef LEVERET_BROKER_PARAMETERS_H
#define LEVERET_BROKER_PARAMETERS_H

#include "base/buffer.h"
#include "broker/broker.h"
#include "store/definitions.h"

struct parameter; /* see parameters.c */
struct vhost;

struct parameter_list {
    struct parameter **items; /* owned; by component and name */
    size_t count;
};

void parameters_free(struct parameter_list *list);

/* --- a vhost's: any thread that is no loop and is registered with RCU ------------------------- */

/* 0: it is in effect, and `done` will be called once it is durable, or has been. Negative, and
 * `done` is not called: ERR_EXISTS: it is set already, as it is. ERR_FORMAT: no JSON.
 * ERR_NOT_FOUND: the vhost has been deleted. ERR_REFUSED: it is the component "policy", which
 * has its own commands. ERR_INVALID: `reason` gets a line for each thing that is wrong, in
 * RabbitMQ's words. */
int parameter_set(struct vhost *vhost, const struct definition_parameter *row,
                  struct lv_buffer *reason, struct durable_done done);
/* ERR_NOT_FOUND: there is none. */
int parameter_clear(struct vhost *vhost, struct slice component, struct slice name,
                    struct durable_done done);
/* Recovery. A value that cannot be used is logged, kept, and has no effect. */
void parameter_restore(struct vhost *vhost, const struct definition_parameter *row);

/* Visits them by component and name, operator policies behind them. The row is borrowed for the
 * call, which must not call back into the broker. An empty component means every one. Takes the
 * lock. */
typedef void parameter_visit(void *arg, const struct definition_parameter *row);
void parameter_each(struct vhost *vhost, struct slice component, parameter_visit *visit, void *arg);

/* --- global ones: the same threads ------------------------------------------------------------ */

/* ERR_FORMAT: no JSON. Else as above. */
int global_parameter_set(struct broker *broker, struct slice name, struct slice value,
                         struct durable_done done);
int global_parameter_clear(struct broker *broker, struct slice name, struct durable_done done);
void global_parameter_restore(struct broker *broker, const struct definition_global_parameter *row);
typedef void global_parameter_visit(void *arg, const struct definition_global_parameter *row);
void global_parameter_each(struct broker *broker, global_parameter_visit *visit, void *arg);

/* At the end of the process. */
void global_parameters_free(struct broker *broker);

/* The global parameter cluster_name, or else `configured`. Valid until the end of the turn. */
struct slice cluster_name_now(struct broker *broker, const char *configured);

#endif
