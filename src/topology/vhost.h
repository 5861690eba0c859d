/* A vhost: a name space of exchanges, queues and bindings.
 *
 * Found lock-free; created and deleted under the topology lock. What is found stays valid until
 * the loop's next quiescent state (the end of its turn); who keeps it longer holds a reference. */
#ifndef LEVERET_TOPOLOGY_VHOST_H
#define LEVERET_TOPOLOGY_VHOST_H

#include "broker/broker.h"
#include "broker/limits.h"
#include "broker/parameters.h"
#include "broker/policy.h"

struct exchange;
struct queue;

enum { VHOST_MAGIC = 0x7668e01 };

struct vhost {
    unsigned magic;
    struct lv_rcu_refs refs;
    struct lv_table_node by_name;
    struct broker *broker;
    struct lv_table *exchanges; /* of struct exchange, by name */
    struct lv_table *queues;    /* of struct queue, by name */
    size_t delaying_queues;     /* so many of them are exchanges' (delayed.h); under the lock */
    struct lv_table *bindings;  /* of struct binding, by identity (binding.c); writer side only */
    struct exchange *default_exchange;
    struct slice description;        /* owned, as the next two; under the lock */
    struct slice tags;               /* separated by commas */
    struct slice default_queue_type; /* empty: the broker's */
    struct vhost_limits limits;
    struct parameter_list parameters;          /* under the lock */
    struct policy_list policies[POLICY_KINDS]; /* under the lock */
    struct policy_pairs policy_pairs;
    _Atomic bool is_deleted;
    _Atomic bool is_traced; /* trace.h */
};

/* The vhost of this name, or NULL. Any loop. */
struct vhost *vhost_find(struct broker *broker, struct slice name);

/* Creates it with the predeclared exchanges (the default one, amq.direct, amq.fanout, amq.topic,
 * amq.headers, amq.match, amq.rabbitmq.trace). CHANGE_DONE with *ret set also when it was there.
 * With `store` false nothing is written to the definitions (recovery). */
enum change_result vhost_create(struct broker *broker, struct slice name, bool store,
                                struct durable_done done, struct vhost **ret);

/* The same with a description, tags and a type of queues (none: empty), which are left as they are
 * when the vhost was there. */
enum change_result vhost_create_described(struct broker *broker, const struct definition_vhost *row,
                                          bool store, struct durable_done done, struct vhost **ret);

/* Replaces the tags, which are separated by commas. ERR_NOT_FOUND: it has been deleted; then `done` is
 * not called. */
int vhost_set_tags(struct vhost *vhost, struct slice tags, struct durable_done done);

/* A word that x-queue-type may say: "classic", "quorum", "stream". */
bool vhost_is_queue_type(struct slice word);

/* Unlinks it with its exchanges and bindings; its queues are told to go at their homes by mail.
 * Connections on it are the session's to close. ERR_NOT_FOUND when there is none; then, and only
 * then, `done` is not called (before this returns, when nothing is stored). */
int vhost_delete(struct broker *broker, struct slice name, struct durable_done done);

void vhost_ref(struct vhost *vhost);
/* Clears the pointer. Freed after a grace period. */
void vhost_unref(struct vhost **vhost);

static inline struct slice vhost_name(const struct vhost *vhost)
{
    return vhost->by_name.key;
}

#endif
