/* The events of exchanges, bindings, queues and vhosts (message/events.h): a call for each. Nothing
 * happens unless somebody listens. The topology lock is held. */
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
/* The vhost, and its predeclared exchanges before it. */
void event_vhost_created(struct vhost *vhost);
/* The vhost, and that it is down. */
void event_vhost_deleted(struct vhost *vhost);

#endif
