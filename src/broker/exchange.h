/* Exchanges: names that messages are published to, and the rule by which each type chooses among
 * its bindings. One file per type: exchange_direct.c, _fanout.c, _topic.c, _headers.c.
 *
 * Routing is read-side (RCU), lock-free, from any loop; everything else runs under the topology
 * lock, which the functions take themselves unless they say otherwise. */
#ifndef LEVERET_BROKER_EXCHANGE_H
#define LEVERET_BROKER_EXCHANGE_H

#include "broker/binding.h"
#include "broker/broker.h"
#include "broker/vhost.h"

enum { EXCHANGE_MAGIC = 0x78c4a6e };

struct exchange_type;

struct exchange {
    unsigned magic;
    struct destination destination; /* what is bound to it from other exchanges; has its name */
    struct lv_table_node by_name;
    struct lv_rcu_head rcu;
    struct vhost *vhost;
    const struct exchange_type *type; /* the rule it routes by */
    const char *type_name;            /* what it was declared as: delayed.h */
    struct queue *delayed;            /* referenced: where messages wait; see is_delaying */
    bool is_durable;
    bool is_auto_delete;
    bool is_internal;
    bool is_predeclared;
    bool is_delaying;           /* messages with x-delay wait in `delayed` */
    bool is_never_cached;       /* where a message goes depends on more than its routing key */
    bool is_deleted;            /* under the lock */
    struct lv_list doomed_link; /* while it is about to go for lack of bindings (exchange.c) */
    struct slice arguments;     /* the raw table, owned */
    struct slice alternate; /* name of the alternate exchange; empty: none. Points into arguments */
    struct lv_list bindings_from; /* struct binding.from_link: bindings with this as their source */
    size_t bindings_from_count;
    void *state; /* the type's own */
    /* Messages published to it, counted with relaxed atomics per loop by the session. */
    _Atomic uint64_t published_in;
    _Atomic uint64_t published_out;
};

/* What a message shows to routing. */
struct routing_input {
    struct slice routing_key;
    struct slice headers; /* the raw headers table; empty when there is none */
    bool has_headers;
};

struct route_set;

/* The rule of one exchange type. */
struct exchange_type {
    const char *name;
    /* True when the outcome depends on more than the routing key: such routes are never cached. */
    bool uses_headers;
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
};

/* The type of this name ("direct"), or NULL. */
const struct exchange_type *exchange_type_find(struct slice name);

struct exchange_declaration {
    struct slice name;
    struct slice type;
    bool passive;
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

/* Recovery: puts an exchange in place without checks and without storing it. */
void exchange_restore(struct vhost *vhost, const struct exchange_declaration *d);

static inline struct slice exchange_name(const struct exchange *exchange)
{
    return exchange->destination.name;
}

#endif
