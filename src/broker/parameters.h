/* Runtime parameters: JSON values by component and name in a vhost; and global ones, by name alone.
 *
 * A row of the table in parameters.c says which values a component may have and what they do. A
 * value of an unknown component is refused, but kept if it comes out of the definitions. Operator
 * policies are a component too: they may also be set, cleared and listed here. */
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

/* Frees all parameters and empties the list. The caller holds the topology lock, or nobody else
 * knows the list. */
void parameters_free(struct parameter_list *list);

/* --- of a vhost: called on threads that are no loop's and are registered with RCU ------------- */

/* Sets a parameter. Returns 0 if it is in effect: `done` is called when it is durable, perhaps
 * before this returns. Else `done` is not called, and the result is
 *   - ERR_EXISTS: it has this value already;
 *   - ERR_FORMAT: the value is not JSON;
 *   - ERR_NOT_FOUND: the vhost has been deleted;
 *   - ERR_REFUSED: the component is "policy", which has its own commands;
 *   - ERR_INVALID: `reason` gets a line in RabbitMQ's words for each thing that is wrong. */
int parameter_set(struct vhost *vhost, const struct definition_parameter *row,
                  struct lv_buffer *reason, struct durable_done done);
/* Returns whether parameters may have this component: one of the table, or "policy". */
bool parameter_has_component(struct slice component);
/* Returns 0 if parameter_set() would set this parameter; else ERR_FORMAT, ERR_REFUSED or
 * ERR_INVALID, as it does. */
int parameter_check(const struct definition_parameter *row, struct lv_buffer *reason);
/* Clears a parameter. Returns 0 as parameter_set() does, or ERR_NOT_FOUND. */
int parameter_clear(struct vhost *vhost, struct slice component, struct slice name,
                    struct durable_done done);
/* Puts a parameter from the definitions into effect without storing it. A value that is not JSON is
 * logged and skipped; one that its component does not accept is logged and kept without effect.
 * Call only before the loops start. */
void parameter_restore(struct vhost *vhost, const struct definition_parameter *row);

/* Visits the parameters of a component in the order of component and name, operator policies last.
 * An empty component means all. The row is borrowed for the call. `visit` must not call back into
 * the broker, since it runs with the topology lock held. */
typedef void parameter_visit(void *arg, const struct definition_parameter *row);
void parameter_each(struct vhost *vhost, struct slice component, parameter_visit *visit, void *arg);

/* --- global ones: called on the same threads -------------------------------------------------- */

/* These work as parameter_set(), parameter_clear(), parameter_restore() and parameter_each() do.
 * Setting fails with ERR_FORMAT alone; a parameter that has the value already is set again. */
int global_parameter_set(struct broker *broker, struct slice name, struct slice value,
                         struct durable_done done);
int global_parameter_clear(struct broker *broker, struct slice name, struct durable_done done);
void global_parameter_restore(struct broker *broker, const struct definition_global_parameter *row);
typedef void global_parameter_visit(void *arg, const struct definition_global_parameter *row);
void global_parameter_each(struct broker *broker, global_parameter_visit *visit, void *arg);

/* Frees all global parameters. Call only after the loops have stopped. */
void global_parameters_free(struct broker *broker);

/* Returns the global parameter cluster_name, or `configured` if it is not set. Valid until the end
 * of the turn. Any loop. */
struct slice cluster_name_now(struct broker *broker, const char *configured);
/* Returns the global parameter internal_cluster_id, which names this cluster for ever, or an empty
 * slice. Valid until the end of the turn. Any loop. */
struct slice cluster_id_now(struct broker *broker);

#endif
