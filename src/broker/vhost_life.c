/* Vhosts are created and deleted under the topology lock. A new one is complete, with its
 * predeclared exchanges, before it is in the table. The names in a deleted one are gone at once;
 * its queues are deleted at their homes, by mail. */
#include "broker/vhost_life.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "queue/queue.h"
#include "topology/durable.h"
#include "topology/exchange.h"
#include "topology/topology_events.h"
#include "topology/vhost_private.h"

/* Frees a vhost that nobody refers to, and whose queues have been freed. Call only without the
 * topology lock. Any loop. */
static void vhost_is_unused(struct lv_rcu_refs *refs)
{
    struct vhost *vhost = lv_container_of(refs, struct vhost, refs);
    policies_free(vhost);
    parameters_free(&vhost->rules->parameters);
    free(vhost->rules);
    vhost_free(vhost);
}

enum change_result vhost_create(struct broker *broker, const struct definition_vhost *row,
                                bool store, struct durable_done done, struct vhost **ret)
{
    enum change_result result = CHANGE_DONE;
    topology_lock(&broker->topology);
    struct vhost *vhost = vhost_find(&broker->topology, row->name);
    if (!vhost) {
        vhost = vhost_make(&broker->topology, row, lv_calloc(1, sizeof(struct vhost_rules)),
                           vhost_is_unused);
        lv_table_insert(broker->topology.vhosts, &vhost->by_name);
        topology_moved(&broker->topology);
        struct durable_changes changes;
        durable_begin(&changes, vhost);
        if (store && durable_is_stored(&changes))
            durable_add(&changes, definition_put_vhost(row));
        result = durable_submit(&changes, done);
        if (store)
            event_vhost_created(vhost);
    }
    topology_unlock(&broker->topology);
    *ret = vhost;
    return result;
}

/* --- deleting --------------------------------------------------------------------------------- */

/* Deletes all queues by mail to their homes. The caller holds the topology lock; it is released now
 * and then, so that others need not wait until all the mail is sent. */
static void vhost_delete_queues(struct vhost *vhost)
{
    enum { QUEUES_AT_ONCE = 256 };
    struct loop *from = loop_current();
    struct lv_table_iter it;
    unsigned count = 0;
    for (struct lv_table_node *node = lv_table_first(vhost->queues, &it); node;
         node = lv_table_next(vhost->queues, &it)) {
        queue_delete_by_mail(from, queue_of_node(node));
        if (++count % QUEUES_AT_ONCE == 0) {
            topology_unlock(vhost->topology);
            topology_lock(vhost->topology);
        }
    }
}

int vhost_delete(struct broker *broker, struct slice name, struct durable_done done)
{
    topology_lock(&broker->topology);
    struct vhost *vhost = vhost_find(&broker->topology, name);
    if (!vhost || vhost->is_protected) {
        topology_unlock(&broker->topology);
        return vhost ? ERR_REFUSED : ERR_NOT_FOUND;
    }
    struct durable_changes changes;
    durable_begin(&changes, vhost);
    vhost_unlink(vhost);
    if (durable_is_stored(&changes))
        durable_add(&changes, definition_delete_vhost(name));
    enum change_result result = durable_submit(&changes, done);
    vhost_delete_queues(vhost);
    event_exchange_deleted(vhost->default_exchange); /* the one that vhost_unlink() leaves */
    event_vhost_deleted(vhost);
    topology_unlock(&broker->topology);
    vhost_unref(&vhost);
    if (result == CHANGE_DONE && done.fn)
        done.fn(done.arg, 0);
    return 0;
}

void vhost_discard(struct vhost *vhost)
{
    lv_assert(!loop_current()); /* the loops have stopped */
    topology_lock(vhost->topology);
    vhost_unlink(vhost);
    topology_unlock(vhost->topology);
    struct lv_table_iter it;
    for (struct lv_table_node *node = lv_table_first(vhost->queues, &it); node;
         node = lv_table_next(vhost->queues, &it))
        queue_delete(queue_of_node(node));
    vhost_unref(&vhost);
}
