/* A vhost: a name space of exchanges, queues and bindings.
 *
 * Vhosts are found without a lock (RCU), and created and deleted under the topology lock. A pointer
 * to a vhost stays valid until the end of the loop's turn; code that keeps it longer takes a
 * reference. */
#ifndef LEVERET_TOPOLOGY_VHOST_H
#define LEVERET_TOPOLOGY_VHOST_H

#include "store/definitions.h"
#include "topology/topology.h"
#include "topology/vhost_limits.h"

struct exchange;
struct exchange_type;
struct vhost_rules;

enum { VHOST_MAGIC = 0x7668e01, VHOST_ENDED_COUNTS_MAX = 16 };

struct vhost {
    unsigned magic;
    struct lv_rcu_refs refs;
    struct lv_table_node by_name;
    struct topology *topology;
    struct lv_table *exchanges; /* of struct exchange, by name */
    struct lv_table *queues;    /* of struct queue_entry, by name */
    size_t delaying_queues;     /* how many of `queues` belong to exchanges; under the lock */
    struct lv_table *bindings;  /* of struct binding, by identity (binding.c) */
    struct exchange *default_exchange;
    struct slice description;        /* owned, like the next two; under the lock */
    struct slice tags;               /* separated by commas */
    struct slice default_queue_type; /* empty: the broker's */
    bool is_protected;               /* from deletion; under the lock */
    struct vhost_limits limits;
    struct vhost_rules *rules; /* its policies and parameters, broker/vhost_life.h; NULL in tests */
    _Atomic bool is_deleted;
    _Atomic unsigned watch;      /* enum vhost_watch: what is looked at in its messages */
    struct flows *_Atomic flows; /* owned; flows.h; NULL: nobody looks */
    _Atomic uint64_t ended_counts[VHOST_ENDED_COUNTS_MAX]; /* session/channel_counts.h */
};

/* For whom something is done with every message of the vhost. On the path of a message all of them
 * are one load and one branch: vhost_is_watched(). */
enum vhost_watch {
    VHOST_WATCH_FIREHOSE = 1, /* broker/trace.h */
    VHOST_WATCH_FLOWS = 2,    /* flows.h */
    VHOST_WATCH_LIVES = 4,    /* lives.h */
};

/* Begin and end watching. Any thread; take effect at once. */
static inline void vhost_watch(struct vhost *vhost, enum vhost_watch what)
{
    atomic_fetch_or_explicit(&vhost->watch, (unsigned)what, memory_order_acq_rel);
}
static inline void vhost_unwatch(struct vhost *vhost, enum vhost_watch what)
{
    atomic_fetch_and_explicit(&vhost->watch, ~(unsigned)what, memory_order_acq_rel);
}

/* Returns which of enum vhost_watch are on. */
static inline unsigned vhost_watches(const struct vhost *vhost)
{
    return atomic_load_explicit(&vhost->watch, memory_order_relaxed);
}

/* Returns whether any is on. */
static inline bool vhost_is_watched(const struct vhost *vhost)
{
    return __builtin_expect(vhost_watches(vhost) != 0, false);
}

/* Returns the vhost of this name, or NULL. Any loop. */
struct vhost *vhost_find(struct topology *topology, struct slice name);

/* A draft stands for a vhost that is to be created, so that exchange_check() and queue_check() can
 * be asked about it: it has a name and a default queue type (empty: the broker's), nothing in it,
 * and is in no table. The caller owns it. Any thread that is registered with RCU. */
struct vhost *vhost_draft(struct topology *topology, struct slice name,
                          struct slice default_queue_type);
/* Frees a draft and clears the pointer. NULL is fine. */
void vhost_draft_free(struct vhost **draft);

/* Replaces the description, and the tags, a list separated by commas; NULL: that stays as it is.
 * Returns ERR_NOT_FOUND, without calling `done`, if the vhost has been deleted; else 0. If nothing
 * is stored, `done` is called before this function returns. Any thread; takes the topology lock. */
int vhost_describe(struct vhost *vhost, const struct slice *description, const struct slice *tags,
                   struct durable_done done);

/* Protects the vhost from vhost_delete(), or ends that. Returns, and calls `done`, as
 * vhost_describe() does. Any thread; takes the topology lock. */
int vhost_protect(struct vhost *vhost, bool is_protected, struct durable_done done);

/* Returns the type of the exchange of this name that every vhost has from the beginning
 * ("amq.direct"), or NULL if there is none. */
const struct exchange_type *vhost_predeclared_type(struct slice name);
enum { VHOST_PREDECLARED = 7 }; /* how many there are, with the default one */

/* Returns whether x-queue-type may have this value: "classic", "quorum" or "stream". */
bool vhost_is_queue_type(struct slice word);

/* Takes a reference. Any thread. */
void vhost_ref(struct vhost *vhost);
/* Drops a reference and clears the pointer; NULL is fine. The vhost is freed a grace period after
 * its last reference. Any thread that is registered with RCU. */
void vhost_unref(struct vhost **vhost);

static inline struct slice vhost_name(const struct vhost *vhost)
{
    return vhost->by_name.key;
}

#endif
