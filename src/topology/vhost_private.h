/* What the topology's files ask of a vhost. */
#ifndef LEVERET_TOPOLOGY_VHOST_PRIVATE_H
#define LEVERET_TOPOLOGY_VHOST_PRIVATE_H

#include "topology/vhost.h"

/* 530 `vhost % not found`, which closes the connection, when it has been deleted meanwhile. The
 * lock is held. */
bool vhost_check(struct vhost *vhost, struct broker_error *error);

/* Makes a vhost with its predeclared exchanges (the default one, amq.direct, amq.fanout, amq.topic,
 * amq.headers, amq.match, amq.rabbitmq.trace, and the event exchange where that is). It is not in
 * the topology's table yet; the one reference is the table's. The last vhost_unref() calls `free`,
 * which ends with vhost_free(). The lock is held. */
struct vhost *vhost_make(struct topology *topology, const struct definition_vhost *row,
                         struct vhost_rules *rules, void (*free)(struct lv_rcu_refs *refs));

/* Frees it with its default exchange. Nobody knows it any more, and its queues have gone. */
void vhost_free(struct vhost *vhost);

/* Takes the vhost out of the table, with its exchanges and bindings. Its queues keep their names.
 * The lock is held. */
void vhost_unlink(struct vhost *vhost);

/* A name as it is declared: CR and LF dropped. It borrows from `name` or from `space`. Names longer
 * than a short string, which no client can send, are left as they are. */
enum { NAME_BYTES_MAX = 255 };
struct slice name_strip(struct slice name, uint8_t space[NAME_BYTES_MAX]);

#endif
