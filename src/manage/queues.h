/* Queues, as an operator sees and changes them. */
#ifndef LEVERET_MANAGE_QUEUES_H
#define LEVERET_MANAGE_QUEUES_H

#include "base/progress.h"
#include "broker/policy.h"
#include "manage/listing.h"
#include "manage/manage.h"
#include "manage/statistics.h"
#include "queue/queue.h"

struct statistics_answer;

/* The facts of a queue, all from one turn of its home. */
struct queue_facts {
    struct queue *queue;             /* a reference: the slices point into it */
    struct effective_policy *policy; /* a reference; NULL: none */
    struct slice name;
    struct slice arguments; /* raw table */
    unsigned home;          /* the loop's index */
    bool is_durable, is_auto_delete, is_quorum;
    bool is_gone;                  /* deleted meanwhile: below, only owner is known */
    bool is_restoring;             /* its messages are still being read: of what it holds and has
                                    * counted, nothing is known */
    uint64_t owner;                /* the connection it is exclusive to; 0: none */
    struct slice exclusive_tag;    /* owned; of the exclusive consumer */
    uint64_t exclusive_connection; /* of the exclusive consumer; 0: there is none */
    uint16_t exclusive_channel;
    struct slice active_tag; /* owned; of the single active consumer */
    uint64_t consumers;
    uint64_t ready, ready_bytes;
    uint64_t unacked, unacked_bytes;
    uint64_t dead_letters, dead_letter_bytes; /* kept until their targets have confirmed them */
    uint64_t disk_ready, disk_ready_bytes;    /* ready messages that are only on disk */
    uint64_t persistent, persistent_bytes;
    uint64_t memory; /* bytes that messages take in memory, approximately */
    double utilisation;
    bool has_head_time; /* the first ready message is in memory and has a timestamp */
    uint64_t head_time; /* that timestamp, in seconds */
    struct queue_counters counters;
    const struct statistics_answer *statistics; /* for whoever shows them; NULL */
};

extern const struct column queue_columns[];

/* Fills in, for f->queue, the members of *f that are numbers, is_gone and is_restoring. Call on the
 * queue's home. */
void queue_facts_count(struct queue_facts *f);

/* Returns whether the user of this name has declared the queue. Any thread. */
bool queue_is_of_user(const struct queue *q, struct slice user);

/* Lists the queues of the vhost by name; only those that this user has declared, unless the user is
 * NULL. */
bool manage_list_queues(struct manage *m, const struct actor *actor, struct slice vhost,
                        const struct slice *user, struct listing *ret, struct manage_error *error);

/* Lists this queue alone. */
bool manage_show_queue(struct manage *m, const struct actor *actor, struct slice vhost,
                       struct slice name, struct listing *ret, struct manage_error *error);

/* One page of a listing of queues. The queues of a vhost, or of all that the actor may see, are
 * chosen and put in order by what is known without asking their homes: their names, and what the
 * sampler has last seen (statistics.h). Only the rows of the page are gathered. So a page costs
 * little, however many queues there are. */
struct queue_page {
    const struct slice *vhost; /* NULL: all that the actor may see */
    const struct slice *user;  /* only queues that it has declared; NULL: all */
    /* Returns whether a queue of this name is one of those to be shown. It must not wait. NULL:
     * every one is. */
    bool (*matches)(void *arg, struct slice name);
    void *arg;
    /* The order. BY_KEY: of key(), which must not wait; the queue is valid for the call. */
    enum { BY_VHOST_AND_NAME, BY_STATISTIC, BY_KEY } order;
    enum statistic statistic;
    bool is_rate; /* ... of the statistic */
    int64_t (*key)(const struct queue *q);
    bool is_descending;
    size_t first, count; /* which rows, of those that match */
};

/* Gathers a page. Queues of equal keys are in the order of vhosts and names. Sets *ret_total to the
 * number of queues, of the user if one is given, and *ret_matching to the number of those that
 * match. */
bool manage_page_queues(struct manage *m, const struct actor *actor, const struct queue_page *page,
                        struct listing *ret, size_t *ret_total, size_t *ret_matching,
                        struct manage_error *error);

/* Returns a reference to the queue, or NULL after refusing, also if the vhost does not exist. */
struct queue *manage_queue(struct manage *m, struct slice vhost, struct slice name,
                           struct manage_error *error);

/* A question to a queue's home. The caller sets in `call` the queue, run() and run()'s arguments.
 * It holds a reference to the queue until the call has ended. */
struct home_call {
    struct queue_call call;
    struct question *question;
};

/* Runs the call at the queue's home and waits for its answer; first for the queue's messages, if
 * they are still being read. Returns 0, or ERR_CLOSED if the broker has stopped. */
int home_call_run(struct manage *m, struct home_call *call);

/* Declares a queue as queue.declare does: succeeds if an equivalent queue exists (*ret_created is
 * then false). d->name may not be empty. REFUSAL_PRECONDITION: another queue of this name exists,
 * or an argument is invalid. */
bool manage_declare_queue(struct manage *m, const struct actor *actor, struct slice vhost,
                          const struct queue_declaration *d, bool *ret_created,
                          struct manage_error *error);

/* Drops the queue's ready messages. Sets *ret to their number. REFUSAL_LOCKED: the queue is
 * exclusive, and the actor is not the operator of this machine. */
bool manage_purge_queue(struct manage *m, const struct actor *actor, struct slice vhost,
                        struct slice name, struct progress *progress, uint64_t *ret,
                        struct manage_error *error);

struct queue_deletion {
    struct slice vhost, name;
    bool if_unused, if_empty;
};

/* Deletes a queue. Sets *ret to the number of messages that were ready. REFUSAL_IN_USE,
 * REFUSAL_NOT_EMPTY: the deletion was to be only if_unused or if_empty, and the queue is not. The
 * operator of this machine may delete an exclusive queue. */
bool manage_delete_queue(struct manage *m, const struct actor *actor,
                         const struct queue_deletion *what, uint64_t *ret,
                         struct manage_error *error);

#endif
