/* Exchanges: what messages are published to. Each type has its own rule for choosing among an
 * exchange's bindings, and its own file: exchange_direct.c, _fanout.c, _topic.c ...
 *
 * Any loop routes without a lock, under RCU. Everything else is done under the topology lock, which
 * the functions here take unless their comments say otherwise.
 *
 * "Read side" here and in other headers of topology/: without the lock, on a thread that is online
 * for RCU (a loop in its turn). What was found is valid until the end of the turn. */
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
    struct destination destination; /* of bindings to this exchange; has its name */
    struct lv_table_node by_name;
    struct lv_rcu_head rcu;
    struct vhost *vhost;
    const struct exchange_type *type; /* the rule it routes by */
    const char *type_name;            /* the type it was declared with */
    struct queue_entry *delayed;      /* the queue of waiting messages, a reference; else NULL */
    struct dedup *dedup;              /* owned; NULL: duplicates are routed */
    bool is_durable;
    bool is_auto_delete;
    bool is_internal;
    bool is_predeclared;
    bool is_delaying;           /* messages with x-delay wait in `delayed` */
    bool is_event_exchange;     /* events.h */
    bool is_deleted;            /* under the lock */
    bool has_alternate;         /* the argument is set: it overrides policies, even if empty */
    bool is_never_cached;       /* where a message goes depends on more than its routing key */
    struct lv_list doomed_link; /* in the list of auto-delete exchanges to delete (exchange.c) */
    struct slice arguments;     /* the raw table, owned */
    struct slice alternate;     /* the argument; empty: none. Points into `arguments` */
    struct effective_policy *_Atomic policy; /* RCU; NULL: no policy applies */
    struct lv_list bindings_from; /* struct binding.from_link: bindings with this as their source */
    size_t bindings_from_count;
    void *state;                            /* the type's own */
    struct exchange_counts *_Atomic counts; /* owned: exchange_counts.h */
};

/* The parts of a message that routing looks at. */
struct routing_input {
    struct slice routing_key;
    struct slice headers; /* the raw headers table; empty when there is none */
    bool has_headers;
    /* The whole message, for types that look at its properties or keep it; borrowed for the call.
     * NULL: the caller does not publish, it asks where a message would go. */
    const struct delivery *message;
    /* Deduplicating exchanges add the values they claim here; the caller then publishes as dedup.h
     * says. NULL: no exchange deduplicates. */
    struct dedup_claims *claims;
};

struct route_set;

/* The rule of one exchange type. */
struct exchange_type {
    const char *name;
    /* The route depends on more than the routing key, so it is never cached. create() can set
     * exchange->is_never_cached for a single exchange. */
    bool is_never_cached;
    /* route() is called once for a message, with its own routing key: keys in CC and BCC have no
     * effect. */
    bool is_asked_once;
    /* Returns false, with the error filled in, if exchange.declare has arguments that the type
     * rejects. NULL: it accepts all. Not called for restored exchanges. */
    bool (*check_arguments)(struct vhost *vhost, const struct exchange_declaration *d,
                            struct broker_error *error);
    /* Sets up exchange->state, before any reader can find the exchange. */
    void (*create)(struct exchange *exchange);
    /* Frees exchange->state. Called when there are no bindings and no readers left. */
    void (*destroy)(struct exchange *exchange);
    /* Adds the destination of every binding that matches. Read side. */
    void (*route)(struct exchange *exchange, const struct routing_input *input,
                  struct route_set *ret);
    /* Returns false, with the error filled in, if the type does not allow such a binding. NULL: it
     * allows all. Any thread. */
    bool (*check)(struct slice routing_key, struct slice arguments, struct broker_error *error);
    /* Adds a binding to the index that route() reads, or removes it. The caller holds the lock. */
    void (*bind)(struct exchange *exchange, struct binding *binding);
    void (*unbind)(struct exchange *exchange, struct binding *binding);
    /* Called on the loop that has made a new binding to this destination, in the same turn, without
     * the lock. NULL: nothing to do. Not called for restored bindings. */
    void (*bound)(struct exchange *exchange, struct destination *destination);
    /* Returns whether route() would take this binding for this message, and writes the reason into
     * the empty buffer (explain.h). NULL: the type chooses among all its bindings at once. Read
     * side. */
    bool (*explain)(struct exchange *exchange, struct binding *binding,
                    const struct routing_input *input, struct lv_buffer *why);
};

/* Functions of broker/ that exchanges call; broker_create() sets topology->exchange_hooks. The
 * topology's own tests have no hooks, and no exchange that delays messages. */
struct exchange_hooks {
    /* Applies policies to a new exchange, which readers cannot find yet. The caller holds the lock.
     */
    void (*begin)(struct exchange *exchange);
    /* Creates the queue where the messages of a new exchange that delays them wait, and sets
     * exchange->delayed to a reference to it. The caller holds the lock. */
    void (*create_queue)(struct exchange *exchange);
    /* Deletes exchange->delayed; the exchange is being deleted. The caller holds the lock. */
    void (*delete_queue)(struct exchange *exchange);
    /* Publishes a message to this destination; x-recent-history does so for a new binding. Called
     * on the loop, in a turn, without the lock. */
    void (*publish)(struct loop *loop, struct destination *to, struct message *message);
};

/* Returns the name of the n-th type of exchanges, from 0; NULL after the last one. Any thread. */
const char *exchange_type_name(size_t n);
/* Returns the exchange type of this name ("direct"), or NULL. */
const struct exchange_type *exchange_type_find(struct slice name);

struct exchange_declaration {
    struct slice name;
    struct slice type;
    bool passive;
    bool only_if_there; /* if it does not exist, refuse, without an error (queue_declaration) */
    bool durable;
    bool auto_delete;
    bool internal;
    struct slice arguments;
};

/* Declares an exchange; if it exists, checks that it is equivalent; if d->passive, only checks that
 * it exists. Refuses what RabbitMQ refuses: inequivalent arguments, reserved names, unknown types.
 * CR and LF are dropped from the name. *ret_created: whether the exchange is new. Any thread. */
enum change_result exchange_declare(struct vhost *vhost, const struct exchange_declaration *d,
                                    struct durable_done done, struct broker_error *error,
                                    bool *ret_created);

/* Returns whether exchange_declare() would accept this now, unless a limit on the number of
 * exchanges is reached; else fills in the error. The vhost may be a draft. Any thread. */
bool exchange_check(struct vhost *vhost, const struct exchange_declaration *d,
                    struct broker_error *error);
/* Returns the type by whose rule the declared exchange will route, or NULL if there is no such
 * type. A declaration of type x-delayed-message names that type in x-delayed-type. */
const struct exchange_type *exchange_type_of(const struct exchange_declaration *d);

/* Deletes an exchange with its bindings; with if_unused only if there are no bindings from it.
 * Returns CHANGE_DONE if it does not exist. Any thread. */
enum change_result exchange_delete(struct vhost *vhost, struct slice name, bool if_unused,
                                   struct durable_done done, struct broker_error *error);

/* Returns the exchange of this name, or NULL; the empty name is that of the default exchange. Read
 * side, or with the lock held. */
struct exchange *exchange_find(struct vhost *vhost, struct slice name);

/* Fills in error 404, `no exchange '%' in vhost '%'`. Returns false. */
bool exchange_refuse_missing(struct slice name, struct vhost *vhost, struct broker_error *error);

/* Recreates an exchange from its definition, at recovery; the definition is neither checked nor
 * stored again. An exchange of an unknown type is skipped, with a warning. */
void exchange_restore(struct vhost *vhost, const struct exchange_declaration *d);

/* Returns the name of the alternate exchange, from the exchange's argument or else from its policy;
 * empty: none. Read side, or with the lock held. */
struct slice exchange_alternate(const struct exchange *exchange);

static inline struct slice exchange_name(const struct exchange *exchange)
{
    return exchange->destination.name;
}

#endif
