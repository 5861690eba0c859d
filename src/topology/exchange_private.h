/* What the files of exchanges and bindings share among themselves. */
#ifndef LEVERET_TOPOLOGY_EXCHANGE_PRIVATE_H
#define LEVERET_TOPOLOGY_EXCHANGE_PRIVATE_H

#include "topology/durable.h"
#include "topology/exchange.h"

struct field;

extern const struct exchange_type exchange_default;
extern const struct exchange_type exchange_direct;
extern const struct exchange_type exchange_fanout;
extern const struct exchange_type exchange_topic;
extern const struct exchange_type exchange_headers;
extern const struct exchange_type exchange_consistent_hash;
extern const struct exchange_type exchange_random;
extern const struct exchange_type exchange_local_random;
extern const struct exchange_type exchange_modulus_hash;
extern const struct exchange_type exchange_recent_history;
extern const struct exchange_type exchange_deduplication;

/* --- exchange.c; the lock is held ------------------------------------------------------------- */

/* Makes an exchange and puts it in place, unless there is one of that name (NULL). The default
 * exchange (the empty name) stands outside the vhost's table. */
struct exchange *exchange_create(struct vhost *vhost, const struct exchange_declaration *d,
                                 const struct exchange_type *type, bool is_predeclared);

/* Takes it out with all bindings from it and to it, and then whatever auto-delete exchange lost its
 * last binding by that, in chains and loops. What was durable is added to `changes`. */
void exchange_remove(struct exchange *exchange, struct durable_changes *changes);

/* A binding from it has gone: an auto-delete exchange without bindings from it goes. */
void exchange_lost_binding(struct exchange *exchange, struct durable_changes *changes);

/* Frees the default exchange; no reader is left. */
void exchange_free(struct exchange *exchange);

/* 503 `unknown exchange type '%'`, which closes the connection. Returns false. */
bool exchange_refuse_unknown_type(struct slice type, struct broker_error *error);
/* 406 for an argument of a type that it cannot have. Returns false. */
bool exchange_refuse_type(const struct exchange_declaration *d, struct vhost *vhost,
                          const char *argument, const struct field *value,
                          struct broker_error *error);

/* --- binding.c; the lock is held -------------------------------------------------------------- */

/* Takes a binding out of everything it stands in; freed after a grace period. */
void binding_drop(struct binding *binding);

#endif
