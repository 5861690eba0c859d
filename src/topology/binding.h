/* A binding: from a source exchange, with a routing key and arguments, to a destination, which is a
 * queue or another exchange. Source, destination, routing key and arguments identify it: binding a
 * second time changes nothing.
 *
 * A binding is in its source's list, in its destination's list and in the vhost's table by
 * identity, so that deleting an exchange or a queue looks at no other bindings than its own. It is
 * also in the index by which the source's type routes. All four are changed under the topology
 * lock.
 */
#ifndef LEVERET_TOPOLOGY_BINDING_H
#define LEVERET_TOPOLOGY_BINDING_H

#include "base/list.h"
#include "topology/topology.h"
#include "topology/vhost.h"

struct exchange;

enum destination_kind { DESTINATION_QUEUE, DESTINATION_EXCHANGE };

/* The end of a binding: embedded in struct queue_entry and struct exchange. */
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
    void *indexed_at;         /* by the source's type: where in its index the binding is */
    size_t index;             /* its position in a binding set (binding_set.h) */
    uint8_t identity[];       /* source, destination, routing key, arguments: by_identity's key */
};

struct binding_request {
    struct slice source;
    struct slice destination;
    enum destination_kind destination_kind;
    struct slice routing_key;
    struct slice arguments;
    uint64_t connection_id; /* the client's; exclusive queues of others are refused */
};

/* Adds a binding (queue.bind, exchange.bind) or removes it (queue.unbind, exchange.unbind), with
 * RabbitMQ's refusals. Adding one that exists and removing one that does not are CHANGE_DONE.
 * Removing may delete auto-delete exchanges, in chains. Both are refused for the default exchange,
 * whose bindings are implied. Any thread; but where an exchange may replay messages to a new
 * binding (x-recent-history), only a loop, or any thread before the loops have started. */
enum change_result binding_add(struct vhost *vhost, const struct binding_request *request,
                               struct durable_done done, struct broker_error *error);
enum change_result binding_remove(struct vhost *vhost, const struct binding_request *request,
                                  struct durable_done done, struct broker_error *error);

/* Recreates a binding from its definition, at recovery, without storing it again or asking the
 * exchange's type whether it is allowed. Returns false if an end does not exist or the definition
 * is invalid. */
bool binding_restore(struct vhost *vhost, const struct binding_request *request);

/* Initialises a destination without bindings. `name` is borrowed for the life of the destination.
 */
void destination_init(struct destination *d, enum destination_kind kind, struct slice name,
                      bool is_durable);

/* Removes every binding to the destination, and deletes the auto-delete exchanges that lose their
 * last binding by that. The definitions of durable bindings are not deleted here: the caller
 * deletes that of the destination, and they go with it. The caller holds the lock. */
void destination_unbind_all(struct vhost *vhost, struct destination *d);

/* Calls `visit` for each binding of the vhost, including the implied ones of the default exchange.
 * For listings: read side, so that a long walk delays nobody; bindings that are added or removed
 * meanwhile may or may not be visited. The visitor must not change the topology. */
typedef void binding_visitor(void *arg, struct slice source, const struct destination *destination,
                             struct slice routing_key, struct slice arguments);
void binding_each(struct vhost *vhost, binding_visitor *visit, void *arg);

#endif
