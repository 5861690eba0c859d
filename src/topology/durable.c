/* Each change is submitted when the next one is added, and the last one by durable_submit(), with
 * the callback. */
#include "topology/durable.h"

void durable_begin(struct durable_changes *changes, struct vhost *vhost)
{
    lv_assert(topology_is_locked(vhost->topology));
    bool is_deleted = atomic_load_explicit(&vhost->is_deleted, memory_order_relaxed);
    changes->topology = vhost->topology;
    changes->definitions = is_deleted ? NULL : vhost->topology->definitions;
    changes->last = NULL;
}

void durable_add(struct durable_changes *changes, struct definition_change *change)
{
    lv_assert(durable_is_stored(changes));
    if (changes->last)
        definitions_submit(changes->definitions, changes->last, NULL, NULL);
    changes->last = change;
}

enum change_result durable_submit(struct durable_changes *changes, struct durable_done done)
{
    lv_assert(topology_is_locked(changes->topology));
    if (!changes->last)
        return CHANGE_DONE;
    definitions_submit(changes->definitions, changes->last, done.fn, done.arg);
    changes->last = NULL;
    return done.fn ? CHANGE_PENDING : CHANGE_DONE;
}
