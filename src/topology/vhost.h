/* A vhost: a name space of exchanges, queues and bindings.
 *
 * Found lock-free; created and deleted under the topology lock. What is found stays valid until
 * the loop's next quiescent state (the end of its turn); who keeps it longer holds a reference. */
#ifndef LEVERET_TOPOLOGY_VHOST_H
#define LEVERET_TOPOLOGY_VHOST_H

#include "store/definitions.h"
#include "topology/topology.h"
#include "topology/vhost_limits.h"

struct exchange;
struct vhost_rules;

enum { VHOST_MAGIC = 0x7668e01 };

struct vhost {
    unsigned magic;
    struct lv_rcu_refs refs;
    struct lv_table_node by_name;
    struct topology *topology;
    struct lv_table *exchanges; /* of struct exchange, by name */
    struct lv_table *queues;    /* of struct queue_entry, by name */
    size_t delaying_queues;     /* so many of them are exchanges' (delayed.h); under the lock */
    struct lv_table *bindings;  /* of struct binding, by identity (binding.c); writer side only */
    struct exchange *default_exchange;
    struct slice description;        /* owned, as the next two; under the lock */
    struct slice tags;               /* separated by commas */
    struct slice default_queue_type; /* empty: the broker's */
    struct vhost_limits limits;
    struct vhost_rules *rules; /* its policies and parameters, broker/vhost_life.h; NULL in tests */
    _Atomic bool is_deleted;
    _Atomic bool is_traced; /* trace.h */
};

/* The vhost of this name, or NULL. Any loop. */
struct vhost *vhost_find(struct topology *topology, struct slice name);

/* Replaces the tags, which are separated by commas. ERR_NOT_FOUND: it has been deleted; then `done`
 * is not called. */
int vhost_set_tags(struct vhost *vhost, struct slice tags, struct durable_done done);

/* A word that x-queue-type may say: "classic", "quorum", "stream". */
bool vhost_is_queue_type(struct slice word);

void vhost_ref(struct vhost *vhost);
/* Clears the pointer. Freed after a grace period. */
void vhost_unref(struct vhost **vhost);

static inline struct slice vhost_name(const struct vhost *vhost)
{
    return vhost->by_name.key;
}

#endif
