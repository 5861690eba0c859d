/* A binding: from a source exchange, under a routing key and arguments, to a destination, which is
 * a queue or another exchange. Two bindings that agree in all four are one.
 *
 * It stands in three places, so that each deletion costs its own bindings only: in its source's
 * list, in its destination's list, and in the vhost's table by identity; besides, the source's type
 * indexes it for routing. All under the topology lock. */
#ifndef LEVERET_TOPOLOGY_BINDING_H
#define LEVERET_TOPOLOGY_BINDING_H

#include "base/list.h"
#include "topology/topology.h"
#include "topology/vhost.h"

struct exchange;

enum destination_kind { DESTINATION_QUEUE, DESTINATION_EXCHANGE };

/* Embedded in struct queue and struct exchange. */
struct destination {
    enum destination_kind kind;
    bool is_durable;
    struct slice name;          /* owned by the queue or exchange */
    struct lv_list bindings_to; /* struct binding.to_link; under the lock */
};

struct binding {
    struct lv_table_node by_identity; /* in vhost->bindings; its key is owned by the binding */
    struct lv_list from_link;         /* in source->bindings_from */
    struct lv_list to_link;           /* in destination->bindings_to */
    struct lv_rcu_head rcu;
    struct exchange *source;
    struct destination *destination;
    struct slice routing_key; /* owned */
    struct slice arguments;   /* owned, raw table, its fields sorted by name */
    bool is_durable;          /* both ends are */
    void *indexed_at;         /* the source type's own */
    size_t index;             /* the source type's own; binding_set.h's, where that is used */
    uint8_t identity[];       /* source, destination, routing key, arguments: by_identity's key */
};

struct binding_request {
    struct slice source;
    struct slice destination;
    enum destination_kind destination_kind;
    struct slice routing_key;
    struct slice arguments;
    uint64_t connection_id; /* whose: an exclusive queue of another one refuses with 405 */
};

/* queue.bind and exchange.bind; queue.unbind and exchange.unbind, with RabbitMQ's answers.
 * Unbinding may delete auto-delete exchanges, in chains. Bindings to the default exchange's queues
 * are implied and not kept. */
enum change_result binding_add(struct vhost *vhost, const struct binding_request *request,
                               struct durable_done done, struct broker_error *error);
enum change_result binding_remove(struct vhost *vhost, const struct binding_request *request,
                                  struct durable_done done, struct broker_error *error);

/* Recovery: without checks and without storing. Missing ends are skipped (false). */
bool binding_restore(struct vhost *vhost, const struct binding_request *request);

void destination_init(struct destination *d, enum destination_kind kind, struct slice name,
                      bool is_durable);

/* Drops every binding to it, and auto-delete exchanges that lose their last binding by that.
 * The lock is held. Definitions of durable bindings go with the destination's own definition. */
void destination_unbind_all(struct vhost *vhost, struct destination *d);

/* Walks the bindings of a vhost, the implied ones of the default exchange included, for listings.
 * Read-side, without the lock, so that a long walk holds up nobody: what is bound or unbound
 * meanwhile may or may not be seen. The visitor must not change the topology. */
typedef void binding_visitor(void *arg, struct slice source, const struct destination *destination,
                             struct slice routing_key, struct slice arguments);
void binding_each(struct vhost *vhost, binding_visitor *visit, void *arg);

#endif
