/* What the topology's files ask of a vhost. */
#ifndef LEVERET_TOPOLOGY_VHOST_PRIVATE_H
#define LEVERET_TOPOLOGY_VHOST_PRIVATE_H

#include "topology/vhost.h"

/* 530 `vhost % not found`, which closes the connection, when it has been deleted meanwhile. The
 * lock is held. */
bool vhost_check(struct vhost *vhost, struct broker_error *error);

/* At the end of the process: unlinks it and all in it, storing nothing. The loops have stopped. */
void vhost_discard(struct vhost *vhost);

/* A name as it is declared: CR and LF dropped. It borrows from `name` or from `space`. Names longer
 * than a short string, which no client can send, are left as they are. */
enum { NAME_BYTES_MAX = 255 };
struct slice name_strip(struct slice name, uint8_t space[NAME_BYTES_MAX]);

#endif
