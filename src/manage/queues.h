/* Queues, as an operator sees and changes them. */
#ifndef LEVERET_MANAGE_QUEUES_H
#define LEVERET_MANAGE_QUEUES_H

#include "broker/policy.h"
#include "manage/listing.h"
#include "manage/manage.h"
#include "queue/queue.h"

/* Of one queue, all of one turn of its home. */
struct queue_facts {
    struct queue *queue;             /* a reference: the slices point into it */
    struct effective_policy *policy; /* a reference; NULL: none */
    struct slice name;
    struct slice arguments; /* raw table */
    unsigned home;          /* the loop's index */
    bool is_durable, is_auto_delete, is_quorum;
    bool is_gone;                  /* it was deleted before it was asked: nothing below is known */
    uint64_t owner;                /* the connection it is exclusive to; 0: none */
    struct slice exclusive_tag;    /* owned; the exclusive consumer's ... */
    uint64_t exclusive_connection; /* ... and where it is; 0: there is none */
    uint16_t exclusive_channel;
    uint64_t consumers;
    uint64_t ready, ready_bytes;
    uint64_t unacked, unacked_bytes;
    uint64_t dead_letters, dead_letter_bytes; /* given up, and here until somebody has them */
    uint64_t disk_ready, disk_ready_bytes;    /* of what is ready: on disk alone */
    uint64_t persistent, persistent_bytes;
    uint64_t memory; /* bytes that bodies and their records take, near enough */
    double utilisation;
    bool has_head_time; /* the first ready message is in memory and has a timestamp ... */
    uint64_t head_time; /* ... this one, in seconds */
    struct queue_counters counters;
};

extern const struct column queue_columns[];

/* A row for each queue of the vhost, by name. */
bool manage_list_queues(struct manage *m, const struct actor *actor, struct slice vhost,
                        struct listing *ret, struct manage_error *error);

/* The queue, as a reference, or NULL after refusing: also where there is no such vhost. */
struct queue *manage_queue(struct manage *m, struct slice vhost, struct slice name,
                           struct manage_error *error);

/* A question to a queue's home. Of `call` the queue (referenced), run() and what it asks are the
 * caller's. */
struct home_call {
    struct queue_call call;
    struct question *question;
};

/* Runs the call at the queue's home, and waits until it is answered. ERR_CLOSED: the broker
 * stops. */
int home_call_run(struct manage *m, struct home_call *call);

/* Declares it as queue.declare does: fine where it exists as it is declared. d->name is not
 * empty. *ret_created: it is new. REFUSAL_PRECONDITION: it exists and is another, or an argument
 * is invalid. */
bool manage_declare_queue(struct manage *m, const struct actor *actor, struct slice vhost,
                          const struct queue_declaration *d, bool *ret_created,
                          struct manage_error *error);

/* Drops what is ready. *ret: how many messages that were. */
bool manage_purge_queue(struct manage *m, const struct actor *actor, struct slice vhost,
                        struct slice name, uint64_t *ret, struct manage_error *error);

struct queue_deletion {
    struct slice vhost, name;
    bool if_unused, if_empty;
};

/* *ret: how many messages were ready. REFUSAL_IN_USE, REFUSAL_NOT_EMPTY: what was asked for does
 * not hold. This machine's operator may delete what is exclusive to a connection. */
bool manage_delete_queue(struct manage *m, const struct actor *actor,
                         const struct queue_deletion *what, uint64_t *ret,
                         struct manage_error *error);

#endif
