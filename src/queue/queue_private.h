/* What the queue's files share. Private to them. All at the queue's home.
 *
 *   queue.c            makes and frees a queue; what others may read of it
 *   queue_declare.c    declaration, recovery
 *   queue_delete.c     deletion
 *   queue_lanes.c      the queue as the owner of its lanes
 *   queue_messages.c   a message is published, delivered, settled
 *   queue_consumers.c  which consumer gets the next message
 *   queue_returns.c    messages that come back
 *   queue_once.c       duplicates, in a queue that drops them
 *   queue_expiry.c     deadlines of messages, and of a queue that is not used
 *   queue_limits.c     how much may be ready
 *   queue_calls.c      questions of other loops
 *   queue_lives.c      messages whose life is followed */
#ifndef LEVERET_QUEUE_QUEUE_PRIVATE_H
#define LEVERET_QUEUE_QUEUE_PRIVATE_H

#include "base/assert.h"
#include "paging/lane_owner.h"
#include "queue/queue.h"
#include "queue/queue_home.h"
#include "queue/queue_ops.h"
#include "queue/queue_use.h"

struct queue {
    struct queue_entry entry; /* first: queue_of_entry() */
    struct queue_arguments arguments;
    const struct policy *matched_policies[POLICY_KINDS]; /* by kind; under the topology lock */
    struct conflation *conflation;                       /* owned; NULL: no conflation */
    struct queue_lives *lives;                           /* home's; queue_lives.h; NULL: none */
    uint64_t id;                                         /* in the store; never used twice */
    const struct queue_ops *ops;                         /* queue_ops.h */
    bool is_restoring;                 /* held.h; set before the loops start, then home's */
    _Atomic bool is_departures_behind; /* queue_set_departures_behind() */

    /* Home's. */
    struct queue_arguments
        settings; /* arguments and policy merged (queue_settings.h): read these */
    struct effective_policy *policy; /* NULL: none */
    struct lane_owner lanes;         /* its messages (queue_lanes.c) */
    struct lv_list consumers;
    struct lv_list ready_consumers; /* by priority, then the one that waited longest first */
    _Atomic size_t consumer_count;  /* written at home; read by any thread */
    struct consumer *exclusive_consumer;
    struct consumer *active_consumer; /* the single one; if detached, until all it held is back */
    struct loop_task delivery_run;
    unsigned returns;             /* queue_begin_returns() not ended; > 0: nothing is delivered */
    struct lv_list waiting_calls; /* calls that wait, in order (queue_call_wait()) */
    bool is_over_limit;           /* messages at the head must be dropped and cannot be yet */
    struct loop_timer due_timer;  /* for the earliest deadline ... */
    uint64_t due_ms;              /* ... fires then: loop_steady_ms() */
    bool waits_for_disk;          /* the message that is due first is being read */
    struct loop_task expiry_run;
    struct loop_job
        work; /* goes on with expiry, limits and deliveries that were too long for one turn */
    struct loop_timer idle_timer;  /* for x-expires */
    _Atomic uint64_t used_ms;      /* when it was last used: the loop's clock; any loop */
    struct lv_list browses;        /* of struct browse (browse.c) */
    struct lv_list owner_link;     /* in the owning connection's list of exclusive queues */
    struct departures *departures; /* broker/'s (queue_home.h) */
    struct queue_counters counters;
    struct queue_use use;
};

_Static_assert(offsetof(struct queue, entry) == 0, "queue_entry() and queue_of_entry() are casts");

/* Asserts that the caller runs at the queue's home, or on no loop: before the start, after the
 * stop, or on the thread that reads the log. */
static inline void queue_assert_home(const struct queue *q)
{
    const struct loop *here = loop_current();
    lv_assert(!here || here == q->entry.home);
}

/* Asserts that the caller runs on the loop of the consumer's session, or on no loop. */
static inline void consumer_assert_session(const struct consumer *c)
{
    const struct loop *here = loop_current();
    lv_assert(!here || here == c->loop);
}

/* Returns the i-th of the queue's lanes, the highest priority first. */
static inline struct lane *queue_lane(const struct queue *q, unsigned i)
{
    return lane_at(&q->lanes, i);
}

/* Returns the queue that owns the lane. */
static inline struct queue *queue_of_lane(const struct lane *l)
{
    return lv_container_of(l->owner, struct queue, lanes);
}

/* Returns whether the queue, if it is durable, stores the message: a persistent one, and in a
 * quorum queue every one. */
static inline bool queue_stores(const struct queue *q, const struct message *message)
{
    return backlog_stores(&q->lanes.first.backlog, message);
}

/* --- queue.c ---------------------------------------------------------------------------------- */

/* Makes a queue with one reference, its name's. The caller reads its arguments afterwards. Any
 * thread. */
struct queue *queue_create(struct vhost *vhost, struct loop *home, struct slice name,
                           struct queue_flags flags, struct slice argument_table);

/* --- queue_declare.c -------------------------------------------------------------------------- */

/* Makes a queue that no vhost lists (reply_queue.h): without arguments, and never stored. */
struct queue *queue_create_apart(struct vhost *vhost, struct loop *home, struct slice name);

/* --- queue_delete.c --------------------------------------------------------------------------- */

/* Deletes the queue. If it sets *ret_is_pending, `done` is called when the deletion is stored.
 * Returns how many messages were ready. */
uint64_t queue_delete_with(struct queue *q, struct durable_done done, bool *ret_is_pending);

/* Deletes a queue of queue_create_apart(). The caller has removed its name, by which nothing finds
 * it any longer. */
void queue_end_apart(struct queue *q);

/* --- queue_lanes.c ---------------------------------------------------------------------------- */

/* Makes the queue the owner of its lanes, once its flags, id and conflation are known. */
void queue_init_lanes(struct queue *q);

/* --- queue_consumers.c ------------------------------------------------------------------------ */

/* Returns the consumer whose turn it is, having taken what a delivery needs of its shared credit;
 * NULL if no consumer can take a message. */
struct consumer *queue_next_consumer(struct queue *q);

/* Called when the consumer has been given a message: moves the consumer behind the others of its
 * priority, or out of the ready ones if it can take no more. */
void queue_after_turn(struct queue *q, struct consumer *c);

/* Removes the consumer from the queue. The messages that it holds stay unacked. */
void queue_take_out(struct queue *q, struct consumer *c);

/* Called after something that the consumer held was settled. If it was the single active consumer,
 * is detached and holds nothing more, the next one takes over. */
void queue_consumer_settled(struct queue *q, struct consumer *c);

/* Returns whether the queue admits this consumer now (else 403), or a get (else 405). */
bool queue_check_consume(const struct queue *q, const struct consumer *c,
                         struct broker_error *error);
bool queue_check_get(const struct queue *q, struct broker_error *error);

/* Returns how long a delivery to this consumer may be outstanding; values as in
 * consumer.timeout_ms. */
int64_t queue_timeout_for(const struct queue *q, const struct consumer *c);

/* Sets the timeouts of all consumers again, after the queue's settings have changed. */
void queue_consumers_refresh(struct queue *q);

/* Called when the consumer may have room for deliveries again. If it has, it is added to the ready
 * ones, and a delivery run is scheduled; a browser goes on. */
void queue_consumer_ready(struct queue *q, struct consumer *consumer);

/* --- queue_returns.c -------------------------------------------------------------------------- */

/* Returns an unacked message: it is ready again at its position, or given up if it was returned too
 * often. */
void queue_return(struct queue *q, struct lane *l, uint64_t sequence);

/* Returns how often the lane's first ready message, which is in memory, was returned; 0 if that is
 * not counted. */
uint32_t queue_first_delivery_count(struct lane *l);

/* Begin and end returning messages in several calls of queue_settle(): meanwhile nothing is
 * delivered. Pairs of calls may overlap. */
void queue_begin_returns(struct queue *q);
void queue_end_returns(struct queue *q);

/* --- queue_messages.c ------------------------------------------------------------------------- */

/* Puts a message into the queue, and takes a reference. After CONFIRM_LATER the caller asks for the
 * answer with journal_confirm(). `is_kept`: the sender keeps the message if it is refused, so it is
 * not dead-lettered then. */
enum confirm_answer queue_take_message(struct queue *q, struct message *message, bool is_kept);

/* The task of q->delivery_run. */
void queue_run_deliveries(struct loop *loop, struct loop_task *task);

/* Schedules a delivery run for the end of the turn, if there is a message to deliver and a consumer
 * that can take it, if a call waits, or if messages must be dropped. */
void queue_schedule_deliveries(struct queue *q);
/* Like queue_schedule_deliveries(), but does nothing for a deleted queue. */
void queue_deliver_soon(struct queue *q);

/* Called when the consumer has been handed shared credit. Before this returns, it gets what it can
 * take, and so do the queue's other consumers. */
void queue_deliver_to(struct queue *q, struct consumer *consumer);

/* Settles `count` messages with consecutive positions from this one on, which the consumer held. */
void queue_settle(struct queue *q, struct consumer *consumer, uint64_t position, uint32_t count,
                  enum settle_kind kind);

/* Returns whether the lane's first ready message can be delivered now. If not, and something is
 * missing for it (the message, or a record in the log), that has been asked for, and deliveries are
 * scheduled when it is there. */
bool queue_first_is_deliverable(struct lane *l);

/* Tells the log and the segments that a message has left the queue. */
void queue_message_left(struct lane *l, const struct backlog_left *left);

/* --- queue_once.c ----------------------------------------------------------------------------- */

/* Like queue_take_message(), unless the queue drops duplicates and the message is one. With a sink,
 * CONFIRM_LATER promises an answer. */
enum confirm_answer queue_take_once(struct queue *q, struct message *message,
                                    struct confirm_sink *sink, uint64_t number);

/* Like queue_take_message() with is_kept, duplicate or not; with a sink, CONFIRM_LATER promises an
 * answer. */
enum confirm_answer queue_take_again(struct queue *q, struct message *message,
                                     struct confirm_sink *sink, uint64_t number);

/* --- queue_expiry.c --------------------------------------------------------------------------- */

/* Called when messages have been read from the disk for their deadlines: schedules the expiry if it
 * was waiting for them. `is_deadline`: deadlines that were not known before have been read. */
void queue_fetched(struct queue *q, bool is_deadline);

/* Returns when a message that arrives now is due, as loop_steady_ms(); 0: never. */
uint64_t queue_deadline(const struct queue *q, const struct message *m);

/* Has the timer fire at this deadline of a ready message, or before. */
void queue_watch_deadline(struct queue *q, uint64_t deadline_ms);

/* Gives up the messages that are due, as far as that is possible now; goes on by itself later. */
void queue_expire(struct queue *q);

/* Notes that the queue is being used: its idle time begins again. Any loop. */
void queue_used(struct queue *q);

/* Starts or stops the timer that deletes the queue when it has not been used for as long as its
 * settings say. */
void queue_watch_use(struct queue *q);

void queue_init_expiry(struct queue *q);
/* Begins to watch the use of a queue, its deadlines and, after recovery, its limits. Called once,
 * when the queue has been declared, before others can see it, or recovered. Any thread. */
void queue_begin_expiry(struct queue *q);
/* Stops the timers and tasks of a queue that is deleted or freed. */
void queue_end_expiry(struct queue *q);

/* --- queue_limits.c --------------------------------------------------------------------------- */

bool queue_is_limited(const struct queue *q);

/* Returns whether the queue would be above its limit with this message. */
bool queue_would_overflow(struct queue *q, const struct message *m);

/* With overflow drop-head: gives up messages at the head while the queue is above its limit. */
void queue_keep_limits(struct queue *q);

/* --- queue_calls.c ---------------------------------------------------------------------------- */

/* Answers calls that wait, in order, as far as that is possible now. */
void queue_answer_waiting_calls(struct queue *q);

#endif
