/* Exchanges and bindings, as an operator sees them. */
#ifndef LEVERET_MANAGE_EXCHANGES_H
#define LEVERET_MANAGE_EXCHANGES_H

#include "manage/listing.h"
#include "manage/manage.h"

struct queue;

struct exchange_facts {
    struct slice name; /* empty: the default exchange */
    struct slice policy;
    struct slice arguments; /* raw table */
    const char *type;
    bool is_durable, is_auto_delete, is_internal;
    /* A reference: the queue of messages that it delays; NULL: it delays none. */
    struct queue *delayed;
    uint64_t in, out; /* messages published to it, and queues that they went to */
    bool is_counted;  /* the next is known */
    uint64_t messages_delayed;
};

struct binding_facts {
    struct slice source, destination, routing_key, arguments;
    bool is_to_queue; /* else to an exchange */
};

extern const struct column exchange_columns[], binding_columns[];

/* A row for each exchange of the vhost, by name. `counts_delayed`: asks the queues of those that
 * delay. */
bool manage_list_exchanges(struct manage *m, const struct actor *actor, struct slice vhost,
                           bool counts_delayed, struct listing *ret, struct manage_error *error);

/* A row for each binding of the vhost, by source, destination, routing key and arguments. */
bool manage_list_bindings(struct manage *m, const struct actor *actor, struct slice vhost,
                          struct listing *ret, struct manage_error *error);

#endif
