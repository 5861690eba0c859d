/* What the queue's files share. Private to them. All at the queue's home.
 *
 *   queue.c            its life and its name
 *   queue_lanes.c      what the messages' lanes ask of their queue
 *   queue_consumers.c  who gets the next message
 *   queue_returns.c    what comes back
 *   queue_messages.c   published, delivered, settled
 *   queue_once.c       duplicates, where they are dropped
 *   queue_expiry.c     what time does to messages, and to a queue that nobody uses
 *   queue_limits.c     how much may be ready
 *   queue_calls.c      questions of other loops */
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
    const struct policy *matched_policies[POLICY_KINDS]; /* policy_apply.c's, under the lock */
    struct conflation *conflation;                       /* owned; NULL: keeps all of a value */
    uint64_t id;                                         /* in the store; never used twice */
    const struct queue_ops *ops;                         /* queue_ops.h */
    bool is_restoring;                 /* held.h; home's, and set before the loops start */
    _Atomic bool is_departures_behind; /* queue_set_departures_behind() */

    /* Home's. */
    struct queue_arguments settings; /* queue_settings.h: what rules it; read this, not arguments */
    struct effective_policy *policy; /* NULL: none */
    struct lane_owner lanes;         /* its messages (queue_lanes.c) */
    struct lv_list consumers;
    struct lv_list ready_consumers; /* by priority, then by who waited longest */
    size_t consumer_count;
    struct consumer *exclusive_consumer;
    struct consumer *active_consumer; /* the single one; maybe gone, until what it held is back */
    struct loop_task delivery_run;
    unsigned returns;             /* under way: nothing is delivered */
    struct lv_list waiting_calls; /* gets that wait for a message on disk */
    bool is_over_limit;           /* what is at its head must go, and is not here yet */
    struct loop_timer due_timer;  /* for the earliest deadline ... */
    uint64_t due_ms;              /* ... fires then: loop_steady_ms() */
    bool waits_for_disk;          /* what is due first is being read */
    struct loop_task expiry_run;
    struct loop_job work; /* goes on with what was too much at once: expiry, limits, deliveries */
    struct loop_timer idle_timer;  /* for x-expires */
    _Atomic uint64_t used_ms;      /* when it was last used: the loop's clock; any loop */
    struct lv_list browses;        /* browse.h: who looks */
    struct lv_list owner_link;     /* in the owning connection's list of exclusive queues */
    struct departures *departures; /* broker/'s (queue_home.h) */
    struct queue_counters counters;
    struct queue_use use;
};

_Static_assert(offsetof(struct queue, entry) == 0, "queue_entry() and queue_of_entry() are casts");

/* The caller runs at the queue's home, or no loop runs: before the start, after the stop. */
static inline void queue_assert_home(const struct queue *q)
{
    const struct loop *here = loop_current();
    lv_assert(!here || here == q->entry.home);
}

/* The caller runs on the loop of the consumer's session, or no loop runs. */
static inline void consumer_assert_session(const struct consumer *c)
{
    const struct loop *here = loop_current();
    lv_assert(!here || here == c->loop);
}

/* The i-th of its lanes, the highest priority first. */
static inline struct lane *queue_lane(const struct queue *q, unsigned i)
{
    return lane_at(&q->lanes, i);
}

/* Whose lane it is. */
static inline struct queue *queue_of_lane(const struct lane *l)
{
    return lv_container_of(l->owner, struct queue, lanes);
}

/* Whether the queue stores the message, as far as it stores anything: a persistent one, and a
 * quorum queue every one. */
static inline bool queue_stores(const struct queue *q, const struct message *message)
{
    return backlog_stores(&q->lanes.first.backlog, message);
}

/* --- queue.c ---------------------------------------------------------------------------------- */

/* Deletes the queue; `done` is told of the commit when *ret_is_pending. Returns how many messages
 * were ready. */
uint64_t queue_delete_with(struct queue *q, struct durable_done done, bool *ret_is_pending);

/* Makes a queue that no vhost knows of (reply_queue.h): without arguments, and never stored. */
struct queue *queue_create_apart(struct vhost *vhost, struct loop *home, struct slice name);
/* Deletes it, with what it holds; nothing finds it any more. */
void queue_end_apart(struct queue *q);

/* --- queue_lanes.c ---------------------------------------------------------------------------- */

/* Makes the queue the owner of its lanes, once its flags, id and conflation are known. */
void queue_init_lanes(struct queue *q);

/* --- queue_consumers.c ------------------------------------------------------------------------ */

/* Returns the consumer whose turn it is, having taken what a delivery needs of its shared credit;
 * NULL if no consumer can take a message. */
struct consumer *queue_next_consumer(struct queue *q);

/* The consumer has been given a message: it goes behind the others of its priority, or out of the
 * ready ones. */
void queue_after_turn(struct queue *q, struct consumer *c);

/* Removes the consumer from the queue; what it holds stays with it. */
void queue_take_out(struct queue *q, struct consumer *c);

/* Something that the consumer held is settled: the next single active consumer may take over. */
void queue_consumer_settled(struct queue *q, struct consumer *c);

/* Whether the queue, as it is, admits this consumer (else 403), or a get (else 405). */
bool queue_check_consume(const struct queue *q, const struct consumer *c,
                         struct broker_error *error);
bool queue_check_get(const struct queue *q, struct broker_error *error);

/* For how many milliseconds a delivery of this consumer may be outstanding, in the terms of
 * consumer.timeout_ms. */
int64_t queue_timeout_for(const struct queue *q, const struct consumer *c);

/* The queue's settings have changed: its consumers get the timeouts that follow from them. */
void queue_consumers_refresh(struct queue *q);

/* The consumer may have credit again. */
void queue_consumer_ready(struct queue *q, struct consumer *consumer);

/* --- queue_returns.c -------------------------------------------------------------------------- */

/* An unacked message comes back: it is ready again at its position, or given up if it has come
 * back too often. */
void queue_return(struct queue *q, struct lane *l, uint64_t sequence);

/* How often the lane's first ready message, which is in memory, has come back. */
uint32_t queue_first_delivery_count(struct lane *l);

/* Messages come back in several calls of queue_settle(): between these two nothing is delivered. */
void queue_begin_returns(struct queue *q);
void queue_end_returns(struct queue *q);

/* --- queue_messages.c ------------------------------------------------------------------------- */

/* Puts a message into the queue. CONFIRM_LATER: the caller asks for the answer with
 * journal_confirm(). A reference is taken. `is_kept`: the sender keeps the message if it is
 * refused, so that it does not become a dead letter. */
enum confirm_answer queue_take_message(struct queue *q, struct message *message, bool is_kept);

/* The task of q->delivery_run. */
void queue_run_deliveries(struct loop *loop, struct loop_task *task);

/* Schedules a delivery run for the end of the turn, if there is anything to deliver and anybody to
 * take it. */
void queue_schedule_deliveries(struct queue *q);
/* Like queue_schedule_deliveries(), also for a deleted queue: then it does nothing. */
void queue_deliver_soon(struct queue *q);

/* It is the consumer's turn by its shared credit: gives it what it can take before this returns,
 * and others of the queue what they can take. */
void queue_deliver_to(struct queue *q, struct consumer *consumer);

/* `count` messages from this position on that the consumer held are settled. */
void queue_settle(struct queue *q, struct consumer *consumer, uint64_t position, uint32_t count,
                  enum settle_kind kind);

/* Whether the lane's first ready message can be delivered now. If not, what is missing has been
 * asked for, and deliveries are scheduled when it is there. */
bool queue_first_is_deliverable(struct lane *l);

/* A message has left the queue for good: the log and the segments are told. */
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

/* Messages that are wanted for their deadlines have been read from the disk; `is_deadline`:
 * deadlines that were not known before have. */
void queue_fetched(struct queue *q, bool is_deadline);

/* When a message that comes now is due: loop_steady_ms(); 0: never. */
uint64_t queue_deadline(const struct queue *q, const struct message *m);

/* A ready message has this deadline: the timer fires by then. */
void queue_watch_deadline(struct queue *q, uint64_t deadline_ms);

/* Gives up what is due, as far as it can be given up now; the rest follows by itself. */
void queue_expire(struct queue *q);

/* The queue is being used: its idle time begins anew. Any loop. */
void queue_used(struct queue *q);

/* Starts or stops the timer that deletes the queue when it was not used for as long as its settings
 * say. */
void queue_watch_use(struct queue *q);

void queue_init_expiry(struct queue *q);
/* The queue has been declared, or recovered. Any thread, before another one sees the queue. */
void queue_begin_expiry(struct queue *q);
/* The queue is deleted. */
void queue_end_expiry(struct queue *q);

/* --- queue_limits.c --------------------------------------------------------------------------- */

bool queue_is_limited(const struct queue *q);

/* Whether the queue would be above its limit with this message. */
bool queue_would_overflow(struct queue *q, const struct message *m);

/* With overflow drop-head: gives up messages at the head while there are too many. */
void queue_keep_limits(struct queue *q);

/* --- queue_calls.c ---------------------------------------------------------------------------- */

/* Answers gets that waited, in order, as far as messages are there for them. */
void queue_answer_waiting_calls(struct queue *q);

#endif
