/* The durable changes of one step under the topology lock, handed to the definitions in the order
 * they were made. Only the last one answers: it is committed after, or with, those before it. */
#ifndef LEVERET_TOPOLOGY_DURABLE_H
#define LEVERET_TOPOLOGY_DURABLE_H

#include "store/definitions.h"
#include "topology/topology.h"
#include "topology/vhost.h"

struct durable_changes {
    struct definitions *definitions; /* NULL: nothing is stored */
    struct definition_change *last;  /* owned */
};

/* Nothing of a deleted vhost is stored: its definitions went with it. */
void durable_begin(struct durable_changes *changes, struct vhost *vhost);

/* Whether it makes sense to construct a change. */
static inline bool durable_is_stored(const struct durable_changes *changes)
{
    return changes->definitions != NULL;
}

/* Takes the change. */
void durable_add(struct durable_changes *changes, struct definition_change *change);

/* CHANGE_PENDING when `done` will be called; CHANGE_DONE when nothing was to be stored, or nobody
 * asked. The lock
 * is still held: the definitions see changes in the order in which they took effect. */
enum change_result durable_submit(struct durable_changes *changes, struct durable_done done);

#endif
