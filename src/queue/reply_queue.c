/* Reply queues are found in a table of their own, topology->reply_queues. */
#include "queue/reply_queue.h"

#include "queue/queue_private.h"
#include "topology/vhost.h"

struct queue *reply_queue_create(struct loop *home, struct vhost *vhost, struct slice name)
{
    lv_assert(!loop_current() || loop_current() == home);
    struct queue *q = queue_create_apart(vhost, home, name);
    topology_lock(vhost->topology);
    lv_table_insert(vhost->topology->reply_queues, &q->entry.by_name);
    topology_unlock(vhost->topology);
    return q;
}

/* Cached routes stay valid: routes to reply queues are never cached. */
void reply_queue_end(struct queue **queue)
{
    lv_assert((*queue)->entry.is_apart && lv_list_is_empty(&(*queue)->consumers));
    struct queue *q = *queue;
    *queue = NULL;
    struct topology *topology = q->entry.vhost->topology;
    topology_lock(topology);
    lv_table_remove(topology->reply_queues, &q->entry.by_name);
    topology_unlock(topology);
    queue_end_apart(q);
}
