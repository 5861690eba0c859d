/* Exchanges: names that messages are published to, and the rule by which each type chooses among
 * its bindings. One file per type: exchange_direct.c, _fanout.c, _topic.c ...
 *
 * Routing is read-side (RCU), lock-free, from any loop; everything else runs under the topology
 * lock, which the functions take themselves unless they say otherwise. */
#ifndef LEVERET_TOPOLOGY_EXCHANGE_H
#define LEVERET_TOPOLOGY_EXCHANGE_H

#include "base/buffer.h"
#include "topology/binding.h"
#include "topology/topology.h"
#include "topology/vhost.h"

enum { EXCHANGE_MAGIC = 0x78c4a6e };

struct effective_policy;
struct exchange_counts;
struct dedup;
struct dedup_claims;
struct delivery;
struct exchange_declaration;
struct exchange_type;
struct message;
struct queue_entry;

struct exchange {
    unsigned magic;
    struct destination destination; /* what is bound to it from other exchanges; has its name */
    struct lv_table_node by_name;
    struct lv_rcu_head rcu;
    struct vhost *vhost;
    const struct exchange_type *type; /* the rule it routes by */
    const char *type_name;            /* what it was declared as */
    struct queue_entry *delayed;      /* referenced: where messages wait; see is_delaying */
    struct dedup *dedup;              /* owned; NULL: takes duplicates */
    bool is_durable;
    bool is_auto_delete;
    bool is_internal;
    bool is_predeclared;
    bool is_delaying;           /* messages with x-delay wait in `delayed` */
    bool is_event_exchange;     /* events.h */
    bool is_deleted;            /* under the lock */
    bool has_alternate;         /* by its argument, which may say that there is none */
    bool is_never_cached;       /* where a message goes depends on more than its routing key */
    struct lv_list doomed_link; /* while it is about to go for lack of bindings (exchange.c) */
    struct slice arguments;     /* the raw table, owned */
    struct slice alternate;     /* by its argument; empty: none. Points into arguments */
    struct effective_policy *_Atomic policy; /* RCU; what rules it; NULL: nothing */
    struct lv_list bindings_from; /* struct binding.from_link: bindings with this as their source */
    size_t bindings_from_count;
    void *state;                            /* the type's own */
    struct exchange_counts *_Atomic counts; /* owned: exchange_counts.h */
};

/* What a message shows to routing. */
struct routing_input {
    struct slice routing_key;
    struct slice headers; /* the raw headers table; empty when there is none */
    bool has_headers;
    /* The whole message, for types that look at its properties or keep it. NULL: nobody publishes,
     * somebody only asks where it would go. Borrowed for the call. */
    const struct delivery *message;
    /* Where exchanges that drop duplicates put what they claim: whoever gives it publishes by
     * dedup.h's rules. NULL: they drop nothing. */
    struct dedup_claims *claims;
};

struct route_set;

/* The rule of one exchange type. */
struct exchange_type {
    const char *name;
    /* The outcome depends on more than the routing key: such routes are never cached. create()
     * may say so for one exchange (exchange->is_never_cached). */
    bool is_never_cached;
    /* A message is shown to it once, with its routing key: keys in CC and BCC change nothing. */
    bool is_asked_once;
    /* exchange.declare: refuses arguments that make no sense to the type. NULL: takes all. Not
     * called for what is restored. */
    bool (*check_arguments)(struct vhost *vhost, const struct exchange_declaration *d,
                            struct broker_error *error);
    void (*create)(struct exchange *exchange);
    void (*destroy)(struct exchange *exchange); /* after a grace period, with no bindings left */
    /* Read-side: adds the destination of every binding that matches. */
    void (*route)(struct exchange *exchange, const struct routing_input *input,
                  struct route_set *ret);
    /* Under the lock. `check` (may be NULL) refuses what cannot be bound. */
    bool (*check)(struct exchange *exchange, struct slice routing_key, struct slice arguments,
                  struct broker_error *error);
    void (*bind)(struct exchange *exchange, struct binding *binding);
    void (*unbind)(struct exchange *exchange, struct binding *binding);
    /* Without the lock, in the turn of whoever made a new binding to this destination. May be
     * NULL. Not called for what is restored. */
    void (*bound)(struct exchange *exchange, struct destination *destination);
    /* Read-side; NULL: the type chooses among all its bindings at once. Whether route() takes this
     * one for this message; writes why, or why not, into the empty buffer (explain.h). */
    bool (*explain)(struct exchange *exchange, struct binding *binding,
                    const struct routing_input *input, struct lv_buffer *why);
};

/* What exchanges ask of later rooms, which set them when the broker is created
 * (topology->exchange_hooks). In the topology's own tests there are none, and no exchange
 * delays. */
struct exchange_hooks {
    /* A new exchange, which is in no table yet, gets what policies say of it. The lock is held. */
    void (*begin)(struct exchange *exchange);
    /* The exchange delays messages and has been declared: gives it the queue where they wait
     * (exchange->delayed, a reference). The lock is held. */
    void (*create_queue)(struct exchange *exchange);
    /* The exchange is being deleted, and its queue with it. The lock is held. */
    void (*delete_queue)(struct exchange *exchange);
    /* Publishes the message to this destination, as x-recent-history does for a new binding.
     * Without the lock, on a loop, in a turn. */
    void (*publish)(struct loop *loop, struct destination *to, struct message *message);
};

/* The type of this name ("direct"), or NULL. */
const struct exchange_type *exchange_type_find(struct slice name);

struct exchange_declaration {
    struct slice name;
    struct slice type;
    bool passive;
    bool only_if_there; /* as in queue_declaration */
    bool durable;
    bool auto_delete;
    bool internal;
    struct slice arguments;
};

/* exchange.declare as RabbitMQ answers it (BEHAVIOUR.md): equivalence, reserved names, unknown
 * types, passive. CR and LF are dropped from the name. *ret_created says whether it is new. */
enum change_result exchange_declare(struct vhost *vhost, const struct exchange_declaration *d,
                                    struct durable_done done, struct broker_error *error,
                                    bool *ret_created);

/* exchange.delete: if_unused counts bindings from it. Deleting what is not there is fine. */
enum change_result exchange_delete(struct vhost *vhost, struct slice name, bool if_unused,
                                   struct durable_done done, struct broker_error *error);

/* Read-side. The empty name is the default exchange. NULL when there is none. */
struct exchange *exchange_find(struct vhost *vhost, struct slice name);

/* Refuses with 404 `no exchange '%' in vhost '%'`. Returns false. */
bool exchange_refuse_missing(struct slice name, struct vhost *vhost, struct broker_error *error);

/* Recovery: puts an exchange in place without checks and without storing it. */
void exchange_restore(struct vhost *vhost, const struct exchange_declaration *d);

/* Read-side. The name of its alternate exchange, by its argument or else by policy; empty: none. */
struct slice exchange_alternate(const struct exchange *exchange);

static inline struct slice exchange_name(const struct exchange *exchange)
{
    return exchange->destination.name;
}

#endif
