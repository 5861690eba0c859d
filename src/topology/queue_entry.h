/* A queue entry: the part of a queue that the topology knows, with its name, flags, arguments and
 * home loop.
 *
 * struct queue (queue/queue.h) begins with an entry: a route is an array of entries, and
 * queue_of_entry() casts an entry to its queue. The topology uses nothing but the entry.
 *
 * Entries are found without a lock (RCU) and are valid until the end of the turn; code that keeps
 * one longer takes a reference. Entries are inserted into tables and removed from them under the
 * topology lock. */
#ifndef LEVERET_TOPOLOGY_QUEUE_ENTRY_H
#define LEVERET_TOPOLOGY_QUEUE_ENTRY_H

#include "base/rcu.h"
#include "topology/binding.h"
#include "topology/queue_user.h"

/* The queue of an exchange that delays messages is named by this prefix and the exchange's name. */
#define DELAYED_QUEUE_PREFIX "amq.delayed-"

/* The names of reply consumers' queues begin with this (queue/reply_queue.h). */
#define REPLY_QUEUE_PREFIX "amq.rabbitmq.reply-to."

enum { QUEUE_ENTRY_MAGIC = 0x90e0e };

struct dedup;

struct queue_flags {
    bool durable;
    bool exclusive;
    bool auto_delete;
};

struct queue_entry {
    unsigned magic;
    struct lv_rcu_refs refs;
    struct destination destination; /* has the queue's name */
    struct lv_table_node by_name;   /* in vhost->queues, or in topology->reply_queues */
    struct vhost *vhost;            /* holds a reference */
    struct loop *home;              /* the loop that owns its messages and consumers */
    struct queue_flags flags;
    struct slice argument_table; /* owned, raw */
    struct queue_user *user;     /* who declared it, a reference; NULL: that is not known */
    struct dedup *dedup;         /* owned; NULL: duplicates are enqueued */
    uint64_t exclusive_owner;    /* a connection's id; 0: none */
    bool is_companion;           /* an exchange's own queue (exchange.h): clients cannot use it */
    bool is_apart;               /* a reply consumer's: in topology->reply_queues */
    _Atomic bool is_deleted;     /* no longer in a table; set under the lock, read by any loop */
};

static inline struct slice queue_entry_name(const struct queue_entry *entry)
{
    return entry->destination.name;
}

static inline struct queue_entry *queue_entry_of_destination(struct destination *d)
{
    lv_assert(d->kind == DESTINATION_QUEUE);
    return lv_container_of(d, struct queue_entry, destination);
}

static inline struct queue_entry *queue_entry_of_node(struct lv_table_node *node)
{
    return lv_container_of(node, struct queue_entry, by_name);
}

/* Returns the vhost's queue of this name, or NULL. Read side, or with the lock held. */
struct queue_entry *queue_entry_find(struct vhost *vhost, struct slice name);

/* Returns whether a reply consumer's queue may have this name. */
bool reply_queue_is_name(struct slice name);
/* Returns the reply consumer's queue of this name, or NULL. Read side, or with the lock held. */
struct queue_entry *reply_queue_find(struct topology *topology, struct slice name);

/* Takes a reference. Any loop. */
struct queue_entry *queue_entry_ref(struct queue_entry *entry);
/* Drops a reference and clears the pointer. The queue is freed, by entry->refs.free(), a grace
 * period after its last reference. Any loop. */
void queue_entry_unref(struct queue_entry **entry);

/* Returns false, with error 405, if the queue is exclusive to another connection. */
bool queue_entry_check_access(const struct queue_entry *entry, uint64_t connection_id,
                              struct broker_error *error);

/* Fills in error 405, as queue_entry_check_access() does. Returns false. */
bool queue_entry_refuse_locked(const struct queue_entry *entry, struct broker_error *error);

/* Fills in error 403 for an operation that clients may not do on an exchange's own queue. Returns
 * false. */
bool queue_entry_refuse_companion(const struct queue_entry *entry, struct broker_error *error);

/* Fills in error 404, `no queue '%' in vhost '%'`. Returns false. */
bool queue_entry_refuse_missing(struct slice name, struct vhost *vhost, struct broker_error *error);

#endif
