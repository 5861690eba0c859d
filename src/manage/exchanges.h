/* Exchanges and bindings, as an operator sees them. */
#ifndef LEVERET_MANAGE_EXCHANGES_H
#define LEVERET_MANAGE_EXCHANGES_H

#include "manage/listing.h"
#include "manage/manage.h"
#include "topology/binding.h"
#include "topology/exchange.h"

struct queue;
struct statistics_answer;

struct exchange_facts {
    struct slice vhost;
    struct slice name; /* empty: the default exchange */
    struct slice policy;
    struct slice arguments; /* raw table */
    const char *type;
    bool is_durable, is_auto_delete, is_internal;
    /* A reference to the queue of its delayed messages; NULL: it does not delay. */
    struct queue *delayed;
    uint64_t in, out; /* messages published to it, and copies routed to queues */
    bool is_counted;  /* messages_delayed is known */
    uint64_t messages_delayed;
    const struct statistics_answer *statistics; /* for whoever shows them; NULL */
};

struct binding_facts {
    struct slice vhost, source, destination, routing_key, arguments;
    bool is_to_queue; /* else to an exchange */
};

extern const struct column exchange_columns[], binding_columns[];

/* Lists the exchanges of the vhost by name. If `counts_delayed` is set, their delayed messages are
 * counted, too. */
bool manage_list_exchanges(struct manage *m, const struct actor *actor, struct slice vhost,
                           bool counts_delayed, struct listing *ret, struct manage_error *error);

/* Which bindings are listed: NULL means any. */
struct binding_ends {
    const struct slice *source, *destination;
    bool is_to_queue; /* what the destination is */
};

/* Lists the bindings of the vhost by source, destination, routing key and arguments. */
bool manage_list_bindings(struct manage *m, const struct actor *actor, struct slice vhost,
                          struct listing *ret, struct manage_error *error);
/* The same for those that are chosen. */
bool manage_find_bindings(struct manage *m, const struct actor *actor, struct slice vhost,
                          const struct binding_ends *choice, struct listing *ret,
                          struct manage_error *error);

/* --- changes: exchange_changes.c -------------------------------------------------------------- */

/* Declares an exchange as exchange.declare does: succeeds if an equivalent exchange exists
 * (*ret_created is then false). REFUSAL_PRECONDITION: another exchange of this name exists, or an
 * argument is invalid. */
bool manage_declare_exchange(struct manage *m, const struct actor *actor, struct slice vhost,
                             const struct exchange_declaration *d, bool *ret_created,
                             struct manage_error *error);
/* Deletes an exchange with its bindings. REFUSAL_NOT_FOUND: there is none. REFUSAL_IN_USE: it was
 * to be deleted only `if_unused`, and has bindings. */
bool manage_delete_exchange(struct manage *m, const struct actor *actor, struct slice vhost,
                            struct slice name, bool if_unused, struct manage_error *error);

/* Add and remove a binding as queue.bind, exchange.bind and their opposites do: adding one that
 * exists and removing one that does not succeed. Unlike a client's, connection_id is 0. */
bool manage_bind(struct manage *m, const struct actor *actor, struct slice vhost,
                 const struct binding_request *request, struct manage_error *error);
bool manage_unbind(struct manage *m, const struct actor *actor, struct slice vhost,
                   const struct binding_request *request, struct manage_error *error);

/* Says which of the bindings between two ends is meant. Called under the topology lock. */
struct binding_choice {
    bool (*fits)(void *arg, struct slice routing_key, struct slice arguments);
    void *arg;
};

/* Removes the first binding between these ends that fits; `ends` needs no routing key and no
 * arguments. REFUSAL_NOT_FOUND: there is none. */
bool manage_unbind_chosen(struct manage *m, const struct actor *actor, struct slice vhost,
                          const struct binding_request *ends, const struct binding_choice *choice,
                          struct manage_error *error);

#endif
