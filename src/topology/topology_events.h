/* These functions emit the events of exchanges, bindings, queues and vhosts (message/events.h).
 * They do nothing unless a binding from the event exchange exists. The caller holds the topology
 * lock. */
#ifndef LEVERET_TOPOLOGY_TOPOLOGY_EVENTS_H
#define LEVERET_TOPOLOGY_TOPOLOGY_EVENTS_H

#include "message/events.h"

struct binding;
struct exchange;
struct queue_entry;
struct vhost;

void event_exchange_created(const struct exchange *exchange);
void event_exchange_deleted(const struct exchange *exchange);
void event_binding_created(const struct binding *binding);
void event_binding_deleted(const struct binding *binding);
void event_queue_created(const struct queue_entry *queue);
void event_queue_deleted(const struct queue_entry *queue);
/* Emits vhost.created, after exchange.created for each of the predeclared exchanges. */
void event_vhost_created(struct vhost *vhost);
/* Emits vhost.deleted and vhost.down. */
void event_vhost_deleted(struct vhost *vhost);

#endif
