/* A queue: messages wait in it, in order, until a consumer's session acknowledges them.
 *
 * What the topology knows of it (name, flags, arguments, home) is its struct queue_entry, with
 * which it begins. Its messages and consumers belong to its home loop alone; other loops send mail.
 * Each function says where it may be called: *any loop*, or *home*.
 *
 * A message that arrives is given to a consumer at once if one can take it and nothing waits before
 * it; otherwise it is ready in the backlog until a consumer has credit.
 *
 *   (1) Messages are ready only while no consumer can take one, or a delivery run is scheduled.
 *   (2) A deleted queue has no messages, no consumers and no name. A message that still arrives for
 *       it by mail is not taken: the answer is CONFIRM_GONE. */
#ifndef LEVERET_QUEUE_QUEUE_H
#define LEVERET_QUEUE_QUEUE_H

#include <stddef.h>

#include "base/progress.h"
#include "message/confirm.h"
#include "message/death.h"
#include "paging/lane.h"
#include "queue/consumer.h"
#include "queue/queue_arguments.h"
#include "topology/effective_policy.h"
#include "topology/queue_entry.h"
#include "topology/route.h"
#include "topology/topology.h"

struct queue; /* see queue_private.h */

/* Counted at home since the queue was made. */
struct queue_counters {
    uint64_t published;
    uint64_t delivered; /* to consumers that acknowledge */
    uint64_t delivered_no_ack;
    uint64_t got;
    uint64_t got_no_ack;
    uint64_t got_empty; /* how often there was nothing to get */
    uint64_t redelivered;
    uint64_t acked;
    uint64_t replaced; /* by a newer message with the same value (conflation.h) */
    struct lane_counters disk;
    uint64_t dead_lettered[DEATH_COUNT]; /* sent to the dead-letter exchange, by reason */
    uint64_t dropped[DEATH_COUNT];       /* given up without a dead-letter exchange: lost */
    /* Sent to the dead-letter exchange at least the QUEUE_ROUNDS_MANYth time from this queue; or
     * not sent, as they would circulate for ever. */
    uint64_t circled;
};
enum { QUEUE_ROUNDS_MANY = 10 };

/* --- what never changes, or is atomic: any thread --------------------------------------------- */

/* Returns the queue as the topology knows it: its flags and arguments, its exclusive owner ... */
static inline struct queue_entry *queue_entry(const struct queue *q)
{
    return (struct queue_entry *)q; /* it begins with one */
}

static inline struct loop *queue_home(const struct queue *q)
{
    return queue_entry(q)->home;
}

static inline struct vhost *queue_vhost(const struct queue *q)
{
    return queue_entry(q)->vhost;
}

static inline bool queue_is_deleted(const struct queue *q)
{
    return atomic_load_explicit(&queue_entry(q)->is_deleted, memory_order_relaxed);
}

static inline struct slice queue_name(const struct queue *q)
{
    return queue_entry_name(queue_entry(q));
}

/* Returns the queue of an entry of a vhost's table or of a route. */
static inline struct queue *queue_of_entry(struct queue_entry *entry)
{
    return (struct queue *)entry;
}

static inline struct queue *queue_of_node(struct lv_table_node *node)
{
    return queue_of_entry(queue_entry_of_node(node));
}

/* --- names: any loop -------------------------------------------------------------------------- */

/* Returns the vhost's queue of this name, or NULL. It is valid until the end of the turn;
 * queue_ref() keeps it longer. */
struct queue *queue_find(struct vhost *vhost, struct slice name);

/* Takes a reference. */
struct queue *queue_ref(struct queue *q);
/* Drops a reference and clears the pointer. With the last one the queue is freed at its home, a
 * grace period later. */
void queue_unref(struct queue **queue);

struct queue_declaration {
    struct slice name; /* not empty: the session generates names */
    bool is_generated; /* by the session: it may begin with "amq." */
    bool passive;
    /* The user's permissions were checked for a queue that exists. If there is none by now, and the
     * declaration is not passive, the answer is CHANGE_REFUSED without an error. */
    bool only_if_there;
    struct queue_flags flags;
    struct slice arguments;
    uint64_t connection_id;
};

/* Declares a queue, and answers as RabbitMQ answers queue.declare. *ret is valid until the end of
 * the turn. A new queue's user is events_actor(). An exclusive queue is at home on the calling
 * loop, others on each loop in turn. Any loop. */
enum change_result queue_declare(struct loop *loop, struct vhost *vhost,
                                 const struct queue_declaration *d, struct durable_done done,
                                 struct broker_error *error, struct queue **ret, bool *ret_created);

/* Returns whether queue_declare() would accept this now, unless a limit on the number of queues is
 * reached; else fills in the error. The vhost may be a draft (vhost.h). Any thread. */
bool queue_check(struct vhost *vhost, const struct queue_declaration *d,
                 struct broker_error *error);

/* Recovery: makes a durable queue without checking or storing it. The user is who declared it;
 * empty: that is not known. Before the loops start. */
struct queue *queue_restore(struct vhost *vhost, struct slice name, struct queue_flags flags,
                            struct slice arguments, struct slice user, uint64_t id);

/* Returns whether the queue belongs to an exchange that delays messages: they wait in it until they
 * are due. Any thread. */
bool queue_is_delaying(const struct queue *q);

/* Returns the queue's type, which never changes. Any thread. */
enum queue_type queue_type(const struct queue *q);
/* Returns what x-queue-type calls the type: "quorum". Valid for ever. Any thread. */
const char *queue_type_name(enum queue_type type);

/* Returns how many consumers the queue has; it may have changed since. Any thread. */
size_t queue_consumer_count(const struct queue *q);

/* Returns the queue's id in the store, which no other queue has or ever had. Any thread. */
uint64_t queue_id(const struct queue *q);

/* Returns how many bytes the queue itself takes, without messages. Any thread. */
size_t queue_memory(const struct queue *q);

/* --- publishing: any loop --------------------------------------------------------------------- */

/* Puts the message into one queue: now if the queue is at home on this loop, otherwise by mail. The
 * message is shared: a reference is taken. With a sink, CONFIRM_LATER promises one answer with this
 * number: from another loop, or when a persistent message is safe on disk. Without a sink the
 * return value means nothing. */
enum confirm_answer queue_publish(struct loop *loop, struct queue *q, struct message *message,
                                  struct confirm_sink *sink, uint64_t number);

/* Like queue_publish(), for a message that comes from another queue, which keeps it if it is
 * refused. It is never dropped as a duplicate, and never dead-lettered when it is refused. */
enum confirm_answer queue_publish_again(struct loop *loop, struct queue *q, struct message *message,
                                        struct confirm_sink *sink, uint64_t number);

/* Asks for an answer with number 0 when everything that was settled in the queue before this call
 * is stored. Returns CONFIRM_TOOK if there is nothing to wait for. */
enum confirm_answer queue_ask_settled(struct loop *loop, struct queue *q,
                                      struct confirm_sink *sink);

/* Returns whether publishers to this queue should pause: too much mail is under way to its home, or
 * the log, the queue's dead letters or deduplication have fallen behind. Any loop. */
bool queue_is_behind(const struct queue *q);

/* The fast path: gives the bytes to the next consumer where they are, without making a message.
 * Returns false, and has done nothing, unless the queue is at home on this loop, has no ready
 * message, no limit of length and no deduplication, and its next consumer is on this loop, does not
 * acknowledge and has no limit of credit. */
bool queue_pass_through(struct loop *loop, struct queue *q, const struct delivery *delivery);

/* --- calls: any loop asks, home answers ------------------------------------------------------- */

/* What a queue holds and has counted. */
struct queue_status {
    uint64_t ready, ready_bytes;
    uint64_t unacked, unacked_bytes;
    uint64_t dead_letters, dead_letter_bytes; /* given up; kept until their targets have them */
    uint64_t disk_ready, disk_ready_bytes;    /* of the ready ones: only on disk */
    uint64_t persistent, persistent_bytes;    /* ready or unacked, and kept across a restart */
    uint64_t consumers;
    double utilisation; /* queue_use.h */
    bool has_head_time; /* the first ready message is in memory and has a timestamp ... */
    uint64_t head_time; /* ... this one */
    struct queue_counters counters;
};

/* One question to a queue's home. The caller owns the struct, and keeps it until done() is called
 * on its loop: within queue_call_start() if home is here and the answer is known, otherwise by mail
 * in a later turn. The caller holds a reference of the queue meanwhile.
 *
 * run() is one of the queue_call_... functions below, or one of broker/'s, which keeps its inputs
 * and its answer with the owner. Each function below uses the member of the union that is named
 * after it; its inputs are set before queue_call_start(), everything else is zero. */
struct queue_call {
    struct queue *queue;
    struct loop *from;
    void (*run)(struct queue_call *call);
    void (*done)(struct queue_call *call);
    void *owner;       /* the caller's */
    struct slice user; /* who asks, for events (events.h); lives as long as the call */
    /* Not the caller's: used at home while the call runs. */
    struct lv_list waiting_link; /* in queue->waiting_calls */
    bool is_waiting;             /* run() has no answer yet: it comes later */
    /* The answer of every question: whether it is refused, and why. */
    bool refused;
    struct broker_error error;
    struct consumer *consumer; /* consume, cancel; get: the getter that holds the message */
    union {
        struct queue_status status;
        struct {
            struct queue_status status;
            bool is_gone; /* the queue was deleted after it was found: there is no status */
        } redeclare;
        struct {
            bool returns_all; /* the session returns all that it holds right after this */
        } cancel;
        struct {
            bool no_ack;
            struct delivery got; /* valid in done(), which owns got.message (NULL: none) */
            uint64_t ready;      /* how many messages are ready after this */
        } get;
        struct {
            struct progress *progress; /* NULL: nobody looks. Lives as long as the call */
            uint64_t dropped;          /* how many messages */
        } purge;
        struct {
            bool if_unused, if_empty;
            bool is_hasty;    /* answered at once, before the deletion is stored */
            uint64_t dropped; /* how many ready messages were in it */
        } deletion;
    };
};

/* Sends the question to the queue's home. Call only on the loop call->from. */
void queue_call_start(struct queue_call *call);

/* The functions that call->run can be. They refuse the call with 404 if the queue is deleted,
 * unless the comment says otherwise. Home. */
void queue_call_status(struct queue_call *call);
void queue_call_redeclare(struct queue_call *call); /* deleted: is_gone, not refused */
void queue_call_consume(struct queue_call *call);   /* attaches call->consumer */
void queue_call_cancel(struct queue_call *call);    /* detaches call->consumer; not refused */
void queue_call_get(struct queue_call *call);
void queue_call_purge(struct queue_call *call);
void queue_call_delete(struct queue_call *call); /* of a deleted queue: 0 dropped, not refused */

/* Deletes the queue without conditions, at its home, by mail. `from` is the calling loop; NULL: the
 * caller is on any thread. */
void queue_delete_by_mail(struct loop *from, struct queue *q);

/* --- home ------------------------------------------------------------------------------------- */

/* Has every queue at home on this loop page out what it can. Called after
 * topology->is_short_of_memory was set. */
void queues_relieve(struct topology *topology, struct loop *loop);

/* Returns whether the messages that the log has of the queue are still being read (held.h). Then
 * nothing is known of what the queue holds and has counted. */
bool queue_is_restoring(const struct queue *q);

/* Fills in what the queue holds and has counted. Only if it is not being restored; nor are the
 * functions below that return lengths and counters. */
void queue_read_status(struct queue *q, struct queue_status *ret);

struct queue_lengths {
    uint64_t ready, unacked, dead_letters; /* as in struct queue_status */
};
/* Return the queue's lengths, and its counters: what statistics read, often and of every queue. */
struct queue_lengths queue_lengths(const struct queue *q);
const struct queue_counters *queue_counters(const struct queue *q);

/* Returns the queue's settings (queue_settings.h). Borrowed until the end of the turn. */
const struct queue_arguments *queue_settings(const struct queue *q);

/* Returns the policy that applies to the queue, borrowed until the end of the turn; NULL: none. */
struct effective_policy *queue_policy(const struct queue *q);

/* Has the traces of this queue (topology/lives.h) follow the messages too that are in it now, from
 * their delivery on; of a queue with priorities, only those of the lowest. */
void queue_trace_held(struct queue *q);

/* Returns the exclusive consumer, or NULL. Borrowed until the end of the turn. */
const struct consumer *queue_exclusive_consumer(const struct queue *q);
/* Returns the single active consumer, or NULL: there is none, or it has been cancelled and holds
 * deliveries. Borrowed until the end of the turn. */
const struct consumer *queue_active_consumer(const struct queue *q);

/* Adds an exclusive queue to the list of the connection that owns it; returns the first queue of
 * such a list, or NULL. A queue is removed from the list when it is deleted. The connection is on
 * the same loop. */
void queue_add_owned(struct lv_list *owned, struct queue *q);
struct queue *queue_first_owned(const struct lv_list *owned);

/* Deletes the queue: its name and bindings at once, then its messages; its consumers are told, and
 * the deletion is stored if the queue is durable. Returns how many messages were ready. */
uint64_t queue_delete(struct queue *q);

/* Adds the consumer: it gets its turn, or waits to become the single active one. The caller has
 * checked that the queue admits it, as queue_call_consume() does. */
void queue_attach(struct queue *q, struct consumer *consumer);

/* Removes the consumer; it keeps what it holds. `returns_all`: the session returns all that the
 * consumer holds right after this; the next single active consumer takes over only after that, so
 * that the order is kept. Does nothing if the consumer is not attached. */
void queue_detach(struct queue *q, struct consumer *consumer, bool returns_all);

#endif
