/* A queue: messages wait in it, in order, until a consumer's session acknowledges them.
 *
 * What the topology knows of it (name, flags, arguments, home) is its struct queue_entry, with
 * which it begins. Its messages and consumers belong to its home loop alone; other loops send mail.
 * Each function says where it may be called: *any loop*, or *home*.
 *
 * A message that comes goes to a consumer at once if one can take it and nothing waits before it;
 * else it is ready in the backlog until a consumer has credit.
 *
 *   (1) Messages are ready only while no consumer can take one, or a delivery run is scheduled.
 *   (2) A deleted queue has no messages, no consumers and no name. What still arrives for it by
 *       mail is answered with CONFIRM_GONE: it was not taken. */
#ifndef LEVERET_QUEUE_QUEUE_H
#define LEVERET_QUEUE_QUEUE_H

#include <stddef.h>

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
    uint64_t redelivered;
    uint64_t acked;
    uint64_t replaced; /* by a newer message of the same value (conflation.h) */
    struct lane_counters disk;
    uint64_t dead_lettered[DEATH_COUNT]; /* sent to the dead-letter exchange, by reason */
};

/* --- what never changes, or may be read by anybody: any thread -------------------------------- */

/* The queue as the topology knows it: its flags and arguments, its exclusive owner ... */
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

/* The queue of an entry that has one: every entry in a vhost's table, or in a route. */
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
    struct slice name; /* not empty: the session makes up names */
    bool is_generated; /* the session has made it up: it may begin with "amq." */
    bool passive;
    /* The user's permissions were checked for a queue that exists. If it does not, and the
     * declaration is not passive, the answer is CHANGE_REFUSED without an error. */
    bool only_if_there;
    struct queue_flags flags;
    struct slice arguments;
    uint64_t connection_id;
};

/* queue.declare as RabbitMQ answers it. *ret is valid until the end of the turn. A new queue is at
 * home on the calling loop when it is exclusive, else on the next loop in turn. */
enum change_result queue_declare(struct loop *loop, struct vhost *vhost,
                                 const struct queue_declaration *d, struct durable_done done,
                                 struct broker_error *error, struct queue **ret, bool *ret_created);

/* Recovery: makes a durable queue, without checks and without storing it. Before the loops
 * start. */
struct queue *queue_restore(struct vhost *vhost, struct slice name, struct queue_flags flags,
                            struct slice arguments, uint64_t id);

/* Whether it belongs to an exchange that delays messages: they wait in it until they are due. Any
 * thread. */
bool queue_is_delaying(const struct queue *q);

/* Fixed when the queue is declared. Any thread. */
enum queue_type queue_type(const struct queue *q);

/* Its number in the store, which no other queue has or ever had. Any thread. */
uint64_t queue_id(const struct queue *q);

/* What the queue itself costs, without messages. Any thread. */
size_t queue_memory(const struct queue *q);

/* --- publishing: any loop --------------------------------------------------------------------- */

/* Puts the message into one queue: now if the queue is at home on this loop, else by mail. The
 * message is shared: a reference is taken. With a sink, CONFIRM_LATER promises one answer with this
 * number: from another loop, or when a persistent message is safe on disk. Without a sink the
 * return value means nothing. */
enum confirm_answer queue_publish(struct loop *loop, struct queue *q, struct message *message,
                                  struct confirm_sink *sink, uint64_t number);

/* Like queue_publish(), for a message that comes out of another queue, which keeps it if it is
 * refused. It is not checked for being a duplicate, and refusing it makes no dead letter. */
enum confirm_answer queue_publish_again(struct loop *loop, struct queue *q, struct message *message,
                                        struct confirm_sink *sink, uint64_t number);

/* Asks for an answer with number 0 when everything that was settled in the queue before this call
 * is stored. Returns CONFIRM_TOOK if there is nothing to wait for. */
enum confirm_answer queue_ask_settled(struct loop *loop, struct queue *q,
                                      struct confirm_sink *sink);

/* Whether the queue's home has so much to do that publishers to this queue should pause. Any
 * loop. */
bool queue_is_behind(const struct queue *q);

/* The short way: hands the bytes to the next consumer where they lie, without making a message.
 * Returns false, and has done nothing, unless the queue is at home on this loop, is empty, and its
 * next consumer is here, takes messages without acknowledgements and has no limit. */
bool queue_pass_through(struct loop *loop, struct queue *q, const struct delivery *delivery);

/* --- calls: any loop asks, home answers ------------------------------------------------------- */

/* One question to a queue's home. The caller owns the struct, and keeps it until done() is called
 * on its loop: within queue_call_start() if home is here and the answer is known, else by mail in a
 * later turn. The caller holds a reference of the queue meanwhile. */
struct queue_call {
    struct queue *queue;
    struct loop *from;
    void (*run)(struct queue_call *call); /* one of the queue_call_... below */
    void (*done)(struct queue_call *call);
    /* Asked. */
    struct consumer *consumer; /* consume, cancel, get (the getter) */
    bool if_unused, if_empty;  /* delete */
    bool is_hasty;             /* delete: answered at once, before the commit */
    bool returns_all;          /* cancel: all that the consumer holds comes back right after */
    bool no_ack;               /* get */
    uint64_t connection_id;    /* delete: whose */
    void *owner;               /* the caller's */
    struct slice user;         /* who asks, for events (events.h); lives as long as the call */
    /* The call's own. */
    struct lv_list waiting_link; /* in queue->waiting_calls */
    bool is_waiting;             /* run() has no answer yet; it is run again (queue_call_wait) */
    /* Answered. */
    bool refused;
    bool is_gone; /* redeclare: the queue has ended since it was found */
    struct broker_error error;
    uint64_t ready;
    uint64_t consumers;
    struct delivery got; /* get: valid in done(); got.message == NULL: empty */
    struct queue_counters counters;
    uint64_t unacked, ready_bytes, unacked_bytes;
    uint64_t dead_letters, dead_letter_bytes; /* given up, and here until somebody has them */
    uint64_t disk_ready, disk_bytes;          /* of what is ready: on disk alone */
    uint64_t persistent;       /* of what is ready or unacked: what outlives a restart ... */
    uint64_t persistent_bytes; /* ... and their bodies */
    double utilisation;        /* queue_use.h */
    bool has_head_time;        /* the first ready message is in memory and has a timestamp ... */
    uint64_t head_time;        /* ... this one */
};

/* Asks. On the loop call->from. */
void queue_call_start(struct queue_call *call);

/* What call->run can be; refused with 404 if the queue is deleted, unless it says otherwise.
 * Home. */
void queue_call_status(struct queue_call *call);    /* ready, consumers, and what else is counted */
void queue_call_redeclare(struct queue_call *call); /* like a status; is_gone if it is deleted */
void queue_call_consume(struct queue_call *call);   /* attaches call->consumer */
void queue_call_cancel(struct queue_call *call);    /* detaches call->consumer */
void queue_call_get(struct queue_call *call);       /* `got`, with a reference that done() owns */
void queue_call_purge(struct queue_call *call);     /* ready: how many were dropped */
void queue_call_delete(
    struct queue_call *call); /* ready: how many were in it; not refused with 404 */

/* Deletes the queue without conditions, at its home, by mail. Any loop; from NULL: any thread. */
void queue_delete_by_mail(struct loop *from, struct queue *q);

/* --- home ------------------------------------------------------------------------------------- */

/* Every queue at home on this loop pages out what it can: topology->is_short_of_memory has been
 * set. */
void queues_relieve(struct topology *topology, struct loop *loop);

/* What its arguments and policies say together (queue_settings.h). Borrowed until the end of the
 * turn. */
const struct queue_arguments *queue_settings(const struct queue *q);

/* The policy that rules it, borrowed until the end of the turn; NULL: none. */
struct effective_policy *queue_policy(const struct queue *q);

/* The consumer that has the queue for itself, or NULL. Borrowed until the end of the turn. */
const struct consumer *queue_exclusive_consumer(const struct queue *q);

/* Adds an exclusive queue to the list of the connection that owns it, and finds the first of such a
 * list, or NULL. It leaves the list when it is deleted. The connection is at home on the same
 * loop. */
void queue_add_owned(struct lv_list *owned, struct queue *q);
struct queue *queue_first_owned(const struct lv_list *owned);

/* Deletes the queue: its name and bindings at once, then its messages; its consumers are told, and
 * the deletion is stored if it is durable. Returns how many messages were ready. */
uint64_t queue_delete(struct queue *q);

/* Gives the consumer turns, or lets it wait for being the single active one. Whether it may come is
 * the caller's business (queue_call_consume checks it). */
void queue_attach(struct queue *q, struct consumer *consumer);

/* Takes the consumer's turns away; what it holds stays with it. `returns_all`: the session gives
 * back what the consumer holds right after this; the next single active consumer takes over only
 * behind that, so that the order is kept. Does nothing if the consumer is not attached. */
void queue_detach(struct queue *q, struct consumer *consumer, bool returns_all);

#endif
