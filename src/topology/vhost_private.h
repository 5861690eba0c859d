/* The functions of vhosts that only the topology and broker/vhost_life.c call. */
#ifndef LEVERET_TOPOLOGY_VHOST_PRIVATE_H
#define LEVERET_TOPOLOGY_VHOST_PRIVATE_H

#include "topology/vhost.h"

/* Returns false, with error 530 `vhost % not found`, which closes the connection, if the vhost has
 * been deleted. The caller holds the topology lock. */
bool vhost_check(struct vhost *vhost, struct broker_error *error);

/* Makes a vhost with its predeclared exchanges: the default one, amq.direct, amq.fanout, amq.topic,
 * amq.headers, amq.match, amq.rabbitmq.trace; the vhost named topology->event_vhost gets the event
 * exchange, too. The caller inserts the vhost into topology->vhosts, which owns its only reference.
 * `free` is called a grace period after the last vhost_unref(), and ends with vhost_free(). The
 * caller holds the lock. */
struct vhost *vhost_make(struct topology *topology, const struct definition_vhost *row,
                         struct vhost_rules *rules, void (*free)(struct lv_rcu_refs *refs));

/* Frees the vhost and its default exchange. Call it only if the vhost has been unlinked and has no
 * queues and no readers. */
void vhost_free(struct vhost *vhost);

/* Removes the vhost from topology->vhosts and deletes its exchanges and bindings. Its queues stay
 * in vhost->queues. Call it once for each vhost. The caller holds the lock. */
void vhost_unlink(struct vhost *vhost);

/* Returns the name without CR and LF, which RabbitMQ drops as well; the result borrows from `name`
 * or from `space`. Names longer than a short string, which no client can send, are returned as they
 * are. */
enum { NAME_BYTES_MAX = 255 };
struct slice name_strip(struct slice name, uint8_t space[NAME_BYTES_MAX]);

#endif
