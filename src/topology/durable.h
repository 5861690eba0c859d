/* The durable changes of one operation under the topology lock. They are submitted to the
 * definitions in the order in which they were made. Only the last change has a callback: it is
 * committed after the others or together with them. */
#ifndef LEVERET_TOPOLOGY_DURABLE_H
#define LEVERET_TOPOLOGY_DURABLE_H

#include "store/definitions.h"
#include "topology/topology.h"
#include "topology/vhost.h"

struct durable_changes {
    const struct topology *topology;
    struct definitions *definitions; /* NULL: nothing is stored */
    struct definition_change *last;  /* owned; NULL: there is none */
};

/* Begins an operation without changes. In a deleted vhost nothing is stored: its definitions were
 * deleted with it. The caller holds the lock until durable_submit() has returned. */
void durable_begin(struct durable_changes *changes, struct vhost *vhost);

/* Returns whether changes are stored, and may therefore be added. */
static inline bool durable_is_stored(const struct durable_changes *changes)
{
    return changes->definitions != NULL;
}

/* Adds a change, and takes ownership of it. The caller has checked durable_is_stored(). */
void durable_add(struct durable_changes *changes, struct definition_change *change);

/* Submits the last change. Returns CHANGE_PENDING if `done` will be called, or CHANGE_DONE if there
 * was no change to store or done.fn is NULL. Call it before the lock is released, so that the
 * definitions see changes in the order in which they took effect. */
enum change_result durable_submit(struct durable_changes *changes, struct durable_done done);

#endif
