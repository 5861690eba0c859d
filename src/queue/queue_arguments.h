/* The arguments of queues: which ones RabbitMQ knows, what types and values they may have, and
 * whether two declarations are equivalent. All texts are RabbitMQ's. */
#ifndef LEVERET_QUEUE_QUEUE_ARGUMENTS_H
#define LEVERET_QUEUE_QUEUE_ARGUMENTS_H

#include "topology/queue_entry.h"
#include "topology/topology.h"

enum queue_type { QUEUE_CLASSIC, QUEUE_QUORUM };
enum queue_overflow { OVERFLOW_DROP_HEAD, OVERFLOW_REJECT_PUBLISH, OVERFLOW_REJECT_PUBLISH_DLX };

enum { ARGUMENT_UNSET = -1, DELIVERY_LIMIT_NONE = -2 };

/* What a queue's arguments say, checked. Slices point into the raw table. */
struct queue_arguments {
    enum queue_type type;
    int64_t message_ttl_ms;      /* ARGUMENT_UNSET or >= 0 */
    int64_t expires_ms;          /* ARGUMENT_UNSET or > 0 */
    int64_t max_length;          /* ARGUMENT_UNSET or >= 0 */
    int64_t max_length_bytes;    /* ARGUMENT_UNSET or >= 0 */
    int64_t max_priority;        /* ARGUMENT_UNSET or 0..255 */
    int64_t delivery_limit;      /* ARGUMENT_UNSET, DELIVERY_LIMIT_NONE or >= 0 */
    int64_t consumer_timeout_ms; /* ARGUMENT_UNSET, 0 (none) or > 0 */
    bool has_overflow;
    enum queue_overflow overflow; /* OVERFLOW_DROP_HEAD if nothing else is set */
    bool has_dead_letter_exchange;
    bool has_dead_letter_routing_key;
    struct slice dead_letter_exchange;
    struct slice dead_letter_routing_key;
    bool has_dead_letter_strategy;
    bool dead_letters_at_least_once; /* x-dead-letter-strategy */
    bool single_active_consumer;
};

/* Reads and checks a table of arguments. Returns false with the error filled. x-queue-type stream
 * is refused with 540. */
bool queue_arguments_read(struct slice table, struct queue_flags flags, struct slice queue,
                          struct slice vhost, struct queue_arguments *ret,
                          struct broker_error *error);

/* Returns the n-th number in *values that a policy can lower, and the policies' key for it; NULL:
 * there are no more. *ret_is_time: it is in milliseconds. */
int64_t *queue_arguments_lowered(struct queue_arguments *values, size_t n, const char **ret_key,
                                 bool *ret_is_time);

/* Returns whether an argument of this name has a meaning for queues of some type. A name that does
 * not begin with "x-" is the client's own, and counts as known. */
bool queue_argument_is_known(struct slice name);

/* Returns false, with *ret unchanged, if the word is not an overflow behaviour. */
bool queue_overflow_parse(struct slice word, enum queue_overflow *ret);

/* Returns false with the error filled if a queue with these arguments cannot have a name that the
 * server generates, because of its type. */
bool queue_arguments_check_generated(struct slice table, struct broker_error *error);

/* Returns whether a declaration is equivalent to an existing queue: the flags durable and
 * auto_delete, and the arguments that RabbitMQ compares. `is_type_relaxed`: x-queue-type is not
 * compared. Returns false with the error filled. */
bool queue_is_equivalent(struct queue_flags have, struct slice have_table, struct queue_flags want,
                         struct slice want_table, bool is_type_relaxed, struct slice queue,
                         struct slice vhost, struct broker_error *error);

/* Fills in error 406: the argument belongs to another type of queue. Returns false. Private to the
 * files that read arguments (topology/argument_checks.h). */
struct argument_subject;
bool refuse_foreign(const struct argument_subject *s, struct slice argument, enum queue_type type);

#endif
