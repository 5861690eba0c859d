/* Functions and types that only the files of exchanges, bindings and vhosts use. */
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

/* --- exchange.c; the caller holds the lock ---------------------------------------------------- */

/* Makes an exchange and inserts it into the vhost's table. Returns NULL if the name is taken. The
 * default exchange (the empty name) is not in the table; the caller sets vhost->default_exchange.
 */
struct exchange *exchange_create(struct vhost *vhost, const struct exchange_declaration *d,
                                 const struct exchange_type *type, bool is_predeclared);

/* Deletes an exchange with all bindings from it and to it, then the auto-delete exchanges that have
 * lost their last binding by that, and so on. Adds the deletions of durable exchanges to `changes`.
 */
void exchange_remove(struct exchange *exchange, struct durable_changes *changes);

/* Deletes an auto-delete exchange if it has no bindings left, as exchange_remove() does. Call it
 * after a binding from the exchange was dropped. */
void exchange_lost_binding(struct exchange *exchange, struct durable_changes *changes);

/* Frees an exchange that has no bindings and no readers. Call it only for the default exchange;
 * others are freed a grace period after exchange_remove(). */
void exchange_free(struct exchange *exchange);

/* Fills in error 503, `unknown exchange type '%'`, which closes the connection. Returns false. */
bool exchange_refuse_unknown_type(struct slice type, struct broker_error *error);
/* Fills in error 406 for an argument whose value has a type it cannot have. Returns false. */
bool exchange_refuse_type(const struct exchange_declaration *d, struct vhost *vhost,
                          const char *argument, const struct field *value,
                          struct broker_error *error);

/* --- exchange_default.c ----------------------------------------------------------------------- */

/* Returns the queue to which the default exchange routes this key, or NULL. Read side. */
struct queue_entry *exchange_default_find(struct vhost *vhost, struct slice routing_key);

/* --- binding.c; the caller holds the lock ----------------------------------------------------- */

/* Removes a binding from both its ends, the vhost's table and the index of the source's type. The
 * binding is freed a grace period later. */
void binding_drop(struct binding *binding);

#endif
