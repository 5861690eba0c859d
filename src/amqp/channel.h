/* A channel: one stream of commands, executed in order. Private to the room.
 *
 *   OPEN    -> CLOSING   we have sent channel.close: what the client sends is dropped, except close
 *                        and close-ok; it must still be whole contents, or methods other than open
 *   OPEN    -> ENDING    the client has sent channel.close: close-ok is sent when the channel's
 *                        consumers are removed; frames that come meanwhile are kept for the next
 *                        channel with its number
 *   CLOSING -> GONE      the client has sent close-ok
 *   ENDING  -> GONE      we have sent close-ok
 *   any     -> GONE      the connection ended
 *   GONE    -> LEFT      the channel is removed from its connection's channels: it is freed now, or
 *                        is a zombie until it can be
 *
 * A command that must wait (for a queue's home on another loop, for a durable change to be
 * committed) sets `is_waiting`; frames that come meanwhile are kept in `deferred` and executed when
 * the command is done. Only this channel waits.
 *
 * A channel that has LEFT is freed when the command that it waits for is done and `detaching` is
 * 0. */
#ifndef LEVERET_AMQP_CHANNEL_H
#define LEVERET_AMQP_CHANNEL_H

#include "amqp/confirms.h"
#include "amqp/connection.h"
#include "amqp/followed_confirms.h"
#include "amqp/publish_tally.h"
#include "broker/trace.h"
#include "queue/queue.h"
#include "queue/reply_queue.h"
#include "session/unacked.h"
#include "topology/dedup.h"

enum { CHANNEL_MAGIC = 0xc4a22e1 };

enum channel_state { CHANNEL_OPEN, CHANNEL_CLOSING, CHANNEL_ENDING, CHANNEL_GONE, CHANNEL_LEFT };

enum channel_mode { CHANNEL_PLAIN, CHANNEL_CONFIRM, CHANNEL_TX };

/* Which frame of a message that is being published must come next. */
enum content_state { CONTENT_NONE, CONTENT_AWAIT_HEADER, CONTENT_AWAIT_BODY };

/* A publish whose header or body is still to come. */
struct incoming {
    struct slice exchange; /* both point into `names` */
    struct slice routing_key;
    bool mandatory;
    struct message *message; /* set when the header has come; owned; NULL then: it is refused */
    struct broker_error *refusal; /* why it is refused; owned; sent when all of the body has come */
    uint64_t body_bytes;          /* as the header says */
    uint64_t body_got;
    uint64_t room; /* bytes that `message` has for the body */
    uint8_t names[];
};

/* Receives what queues answer later than at once. Lives until the last such answer has come, even
 * if the channel is gone. */
struct publisher {
    struct confirm_sink sink;
    struct channel *channel; /* NULL once the channel is gone */
    size_t waiting;          /* answers to come */
    bool has_failed;         /* a queue has refused part of the transaction being committed */
};

struct tx; /* tx.c */

struct channel {
    unsigned magic;
    struct connection *connection;
    uint16_t number;
    enum channel_state state;
    enum channel_mode mode;
    enum content_state content;
    struct incoming *incoming;
    /* CLOSING and AWAIT_BODY: bytes still to come of a body that is dropped */
    uint64_t dropped_body_left;

    bool is_waiting;
    uint32_t waiting_for; /* the method whose execution waits */
    /* until a backend has said whether the user may do what waits; NULL: nothing waits for that */
    struct auth_wait *access_wait;
    struct slice arguments; /* of the command that is being executed, if it needs permission */
    struct lv_buffer deferred;
    struct lv_buffer held_reply; /* the answer frame, kept for channel_answer() */
    /* under way at a queue's home; owned, also while the channel is a zombie; NULL: none */
    struct queue_call *call;
    /* What must end before an ENDING channel sends close-ok, or a LEFT one is freed: counts one for
     * each consumer that its queue's home has not detached yet, one for each whose requeued
     * deliveries are not back, one for leaving_job, and one for channel_requeue_all() until it is
     * done. */
    size_t detaching;

    char *generated_queue; /* the name last generated for a queue; NULL: none */
    bool repeats_declare;  /* the next declare was executed before, and waited for access */
    char *last_queue;      /* the name of the queue last declared; NULL: none */
    size_t last_queue_bytes;

    struct lv_list consumers; /* struct consumer.session_link: open ones */
    size_t consumer_count;
    /* struct consumer.by_tag; NULL while there are few consumers (consumers.c) */
    struct lv_table *tags;
    struct lv_list getters;
    struct lv_list leaving; /* struct consumer.session_link: closed; leaving_job detaches them */
    struct loop_job leaving_job;
    struct unacked unacked;
    struct lv_list orders; /* struct settle_order (settling.c): those not carried out yet */
    /* struct consumer.touched_link: those of which the first order has settled something */
    struct lv_list touched;
    struct loop_job settle_job;
    uint64_t delivery_tag;
    uint32_t prefetch_count; /* for consumers that are started from now on */
    struct shared_credit *limit;
    uint32_t limit_count;

    struct confirms *confirms; /* CHANNEL_CONFIRM */
    /* CHANNEL_PLAIN, CHANNEL_TX: mandatory publishes whose queues have not all answered */
    struct confirms *watched;
    struct loop_task confirm_task;
    struct publisher *publisher;
    struct followed_confirms *followed; /* owned; NULL: none are followed */
    struct publish_memo *memo; /* owned; NULL: nothing was published yet, or there is a target */
    /* The name of the queue that everything published here goes to; owned. Empty: none, exchanges
     * route. Only an operator's channel has one. */
    struct slice target;
    struct tx *tx;
    struct consumer *reply_to; /* reply_to.c; NULL: none */

    struct loop_timer timeout_timer; /* timeouts.c */
    uint64_t timeout_due_ms;         /* when timeout_timer fires, in loop_patient_ms() */
    uint64_t timeout_reads_to; /* no consumer is late before net_received() is this; 0: not set */
    /* none of the outstanding deliveries has a lower timeout; 0: none has one */
    uint64_t timeout_least_ms;
    uint64_t forgiven_tag; /* tags up to here may be settled though they are not outstanding */

    struct channel_counts counts;  /* `confirm`: channel_counts() */
    uint64_t transient_confirming; /* of the publishes, once it confirms: not persistent */
    struct publish_tallies tallies;
};

/* Asserts that the caller runs on the channel's loop, or that no loop runs: before the start, after
 * the stop. */
static inline void channel_assert_home(const struct channel *ch)
{
    lv_assert(ch->magic == CHANNEL_MAGIC);
    connection_assert_home(ch->connection);
}

/* --- channel.c -------------------------------------------------------------------------------- */

/* Creates an OPEN channel under a number that no other channel of the connection has. */
struct channel *channel_create(struct connection *conn, uint16_t number);

/* Changes the state; nothing else does. Asserts that the move is legal. */
void channel_enter(struct channel *ch, enum channel_state next);

/* Ends the channel and enters this state, which is not OPEN: cancels its consumers, requeues what
 * is unacknowledged, and drops a transaction that is not being committed. */
void channel_shut(struct channel *ch, enum channel_state next);

/* Removes a GONE channel from its connection. It is freed now, or when nothing of it is under way
 * any longer. */
void channel_leave(struct channel *ch);

/* Counts `detaching` down: something that it counts has ended. The channel may be gone
 * afterwards. */
void channel_is_detached(struct channel *ch);
/* Returns what the channel has counted, all of it. */
struct channel_counts channel_counts(const struct channel *ch);
/* Frees a channel that has LEFT, unless something of it is still under way. */
void channel_bury(struct channel *ch);

/* --- mistakes.c ------------------------------------------------------------------------------- */

/* Answer a client's mistake with channel.close, or with connection.close where RabbitMQ does
 * that. channel_refuse() has the command executed again later if the error is REFUSAL_UNANSWERED:
 * then the channel waits. */
void channel_refuse(struct channel *ch, uint32_t method, const struct broker_error *error);
void channel_fail(struct channel *ch, uint32_t method, uint16_t code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Answers a method whose arguments do not decode: with connection.close 501; or, in the handshake
 * or if a field table is invalid, by closing the socket without it. `channel`: the number of the
 * channel where it came, or 0. */
void connection_refuse_arguments(struct connection *conn, uint16_t channel, enum wire_result result,
                                 uint32_t method, struct slice args);
/* Checks a method that will not be executed. Returns false after ending the connection if there is
 * no such method or its arguments do not decode. */
bool connection_check_method(struct connection *conn, uint16_t channel, uint32_t method,
                             struct slice args);

/* --- channel_calls.c -------------------------------------------------------------------------- */

/* Makes a call at a queue's home. The caller fills in what it asks, and channel_call_start() starts
 * it; then the channel waits if the answer does not come at once. done() gets the channel, or NULL
 * if that is no longer OPEN, and afterwards the call is freed. A channel has one call at a time. */
typedef void call_done(struct channel *ch, struct queue_call *call);
struct queue_call *channel_call(struct channel *ch, struct queue *queue, uint32_t method,
                                void (*run)(struct queue_call *), call_done *done);
/* Starts a call that channel_call() has made. Call only if the channel does not wait. */
void channel_call_start(struct queue_call *call);

/* channel_durable() makes what a durable change tells when it is committed; then channel_answer()
 * sends the held reply: at once if the result is CHANGE_DONE, after the commit if it is
 * CHANGE_PENDING. If it is CHANGE_REFUSED, or the commit fails, the error is sent instead. */
struct durable_done channel_durable(struct channel *ch, uint32_t method);
void channel_answer(struct channel *ch, enum change_result result, uint32_t method,
                    const struct broker_error *error, struct durable_done done);

/* Puts the reply's frame aside for channel_answer(). */
#define CHANNEL_HOLD_REPLY(ch, method, ...)                                                        \
    do {                                                                                           \
        const struct amqp_##method method_ = {__VA_ARGS__};                                        \
        size_t size_ = amqp_##method##_size(&method_);                                             \
        lv_assert((ch)->held_reply.n == 0);                                                        \
        amqp_##method##_put(lv_buffer_reserve(&(ch)->held_reply, size_), (ch)->number, &method_);  \
        (ch)->held_reply.n += size_;                                                               \
    } while (0)

/* --- writing and reading methods -------------------------------------------------------------- */

#define CHANNEL_SEND(ch, method, ...)                                                              \
    CONNECTION_SEND((ch)->connection, (ch)->number, method, __VA_ARGS__)

/* Decodes a method's arguments into `ret`. If they do not decode, answers that
 * (connection_refuse_arguments()) and makes the handler return. */
#define CHANNEL_READ(ch, args, method, METHOD, ret)                                                \
    struct amqp_##method ret;                                                                      \
    do {                                                                                           \
        enum wire_result result_ = amqp_##method##_read((args), &(ret));                           \
        if (result_ != WIRE_OK) {                                                                  \
            connection_refuse_arguments((ch)->connection, (ch)->number, result_, METHOD, (args));  \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* --- channel_frames.c ------------------------------------------------------------------------- */

/* Takes a whole frame for this channel: executes it, or keeps it if the channel waits. */
void channel_take_frame(struct channel *ch, uint8_t type, struct slice payload);

/* Makes the channel wait for this method to be done: until channel_go_on(), frames that come are
 * kept. Call only if the channel does not wait yet. */
void channel_wait(struct channel *ch, uint32_t method);
/* Ends channel_wait(), and executes what was kept meanwhile. The channel may be gone afterwards. */
void channel_go_on(struct channel *ch);
/* Keeps a frame behind those that are kept already. */
void channel_keep_frame(struct channel *ch, uint8_t type, struct slice payload);
/* Has this frame, or method, executed again when the channel goes on, before the frames that were
 * kept. Call only while the channel waits for the method. */
void channel_repeat_frame(struct channel *ch, uint8_t type, struct slice payload);
void channel_repeat(struct channel *ch, uint32_t method, struct slice args);
/* Executes what has been kept, unless the channel waits or its connection is stopped. The channel
 * may be gone afterwards. */
void channel_execute_deferred(struct channel *ch);

/* Sends close-ok for an ENDING channel and removes it, if `detaching` is 0; otherwise does
 * nothing. */
void channel_end(struct channel *ch);

/* --- dispatch.c ------------------------------------------------------------------------------- */

/* Executes a method. */
void channel_take_method(struct channel *ch, uint32_t method, struct slice args);
/* Answers channel.open of a channel that is open, or is CLOSING: with 504. */
void channel_refuse_open(struct channel *ch);

/* --- publish.c -------------------------------------------------------------------------------- */

/* Publishes the message whose method, header and body (at most one frame) lie whole in p .. end.
 * Returns the bytes consumed, or 0 if the message is incomplete or unusual in any way: then the
 * frames are to be taken one by one. */
size_t channel_publish_at_once(struct channel *ch, const uint8_t *p, const uint8_t *end);

/* Has confirms flushed at the end of the turn. */
void channel_confirm_soon(struct channel *ch);
void channel_init_confirm_task(struct channel *ch);
/* The next publish, which is to be confirmed, has this life (message/life.h): its confirm is
 * written down (followed_confirms.h). */
void channel_follow_confirm(struct channel *ch, uint32_t life);

/* Flushes confirms now, before the channel sends its last frame. */
void channel_flush_confirms(struct channel *ch);
/* Returns the channel's publisher, which is made at first use. */
struct publisher *channel_publisher(struct channel *ch);
/* Detaches the publisher from the channel: what queues still answer is ignored. Does nothing during
 * a commit whose queues have not all answered. */
void channel_forget_publisher(struct channel *ch);

/* Used for a mandatory publish on a channel without confirms. channel_watch_next() returns the
 * number under which the queues answer channel_publisher(). If some of them answer later
 * (answers->later > 0), channel_watch() must follow: then the message is returned to the client if
 * all queues turn out to be gone. */
uint64_t channel_watch_next(struct channel *ch);
void channel_watch(struct channel *ch, const struct confirm_answers *answers);

/* Returns the loop's counters of an exchange by its name, or NULL if it has been deleted. For
 * messages that are sent later than they are routed. Read side. */
struct exchange_counts *channel_counts_of_exchange(const struct channel *ch, struct slice name);
/* Returns the exchange for which a publish to this one is counted: the default one if the channel
 * has a target. */
static inline struct slice channel_counted_exchange(const struct channel *ch, struct slice exchange)
{
    return ch->target.n > 0 ? SLICE_EMPTY : exchange;
}

/* Counts a message, the one published last, that was routed to no queue and is not returned. Here
 * and below `counts` are those of its exchange, or NULL. */
void channel_count_dropped(struct channel *ch, struct exchange_counts *counts);
/* Sends basic.return 312 and the content. */
void channel_return(struct channel *ch, const struct delivery *content,
                    struct exchange_counts *counts);
/* Does the same for a message whose exchange may have been deleted. */
void channel_return_message(struct channel *ch, struct message *message);

/* --- bodies.c --------------------------------------------------------------------------------- */

/* Makes room for this many bytes of the body of ch->incoming, which has a message. Returns false
 * after refusing: then the channel may be gone. */
bool channel_make_room(struct channel *ch, uint64_t bytes);
/* Ends the count of the room of ch->incoming. Called when the message is whole, or is dropped. */
void channel_release_room(struct channel *ch);

/* --- publish_incoming.c ----------------------------------------------------------------------- */

void channel_begin_publish(struct channel *ch, struct slice args);
void channel_take_header(struct channel *ch, struct slice payload);
/* Returns whether at least this many bytes of a body are still to come. */
bool channel_misses_body(const struct channel *ch, uint64_t bytes);
/* Takes a part of a body, or all of it, as it comes. */
void channel_take_body(struct channel *ch, struct slice part);

/* --- delivery.c ------------------------------------------------------------------------------- */

extern const struct consumer_calls channel_consumer_calls;

/* Writes header and body frames. A large body is borrowed from `message`, if there is one. */
void channel_write_content(struct channel *ch, struct slice header, struct slice body,
                           struct message *message);

/* Records a delivery to the consumer, or getter, as outstanding under this tag. */
void channel_add_unacked(struct channel *ch, uint64_t tag, struct consumer *consumer,
                         uint64_t position);

/* Cancels the consumer. The hold that it has while it is open is released when its queue's home has
 * detached it. `returns_all`: the caller requeues all that the consumer holds right after this
 * (queue_detach()). */
void channel_cancel_consumer(struct channel *ch, struct consumer *consumer, bool returns_all);

/* --- consumers.c ------------------------------------------------------------------------------ */

/* Add an open consumer, whose tag no other has; remove one; find one by its tag (NULL: there is
 * none). */
void channel_add_consumer(struct channel *ch, struct consumer *consumer);
void channel_remove_consumer(struct channel *ch, struct consumer *consumer);
struct consumer *channel_find_consumer(struct channel *ch, struct slice tag);

void channel_init_consumers(struct channel *ch);
/* Stops all deliveries to the channel's consumers, and has their queues' homes detach them, in
 * slices if there are many. `detaching` counts those that are not detached yet. */
void channel_detach_consumers(struct channel *ch);

/* --- settling.c ------------------------------------------------------------------------------- */

/* Deliveries with these tags, and how they are settled. */
struct settle_range {
    uint64_t first;
    uint64_t last;
    enum settle_kind kind;
};

void channel_init_settling(struct channel *ch);

/* Settles all outstanding, unmarked deliveries with tags from first to last. Returns true if all of
 * that is done. Otherwise the rest is done in slices and then done() is called, after which the
 * channel may be gone; until then the channel must wait. */
bool channel_settle(struct channel *ch, uint64_t first, uint64_t last, enum settle_kind kind,
                    void (*done)(struct channel *ch));

/* Like channel_settle(), for the marked deliveries in a list of ranges, which is taken over and
 * freed. tx_has_settled() is called for the queue of each consumer of which something is
 * settled. */
bool channel_settle_commit(struct channel *ch, struct settle_range *ranges, size_t count,
                           void (*done)(struct channel *ch));

/* Requeues all outstanding, unmarked deliveries, because the channel ends. `detaching` counts until
 * all are back. */
void channel_requeue_all(struct channel *ch);

/* Requeues all unmarked deliveries of this consumer, perhaps in slices. */
void channel_requeue_of(struct channel *ch, struct consumer *consumer);

/* Returns whether some order to settle is not carried out yet. */
bool channel_is_settling(const struct channel *ch);

/* --- timeouts.c ------------------------------------------------------------------------------- */

void channel_init_timeouts(struct channel *ch);
/* Has the consumer's timeout watched for a delivery that is outstanding from now on. */
void channel_watch_delivery(struct channel *ch, const struct consumer *consumer);
/* Has the timer check the outstanding deliveries as soon as it can. Called when timeouts have
 * changed, or a rollback has made more deliveries outstanding. */
void channel_look_for_timeouts(struct channel *ch);
/* Tells for how long the delivery has been outstanding that has used up most of its consumer's
 * timeout, and that timeout, which may have just passed; both are 0 if none has a timeout. */
void channel_nearest_timeout(const struct channel *ch, uint64_t *ret_ms, uint64_t *ret_timeout_ms);

/* --- revoked.c -------------------------------------------------------------------------------- */

/* Cancels the consumers of queues that the user may no longer read. */
void channel_cancel_revoked(struct channel *ch);
/* Cancels a consumer of this channel, and tells the client if it has asked to be told. */
void channel_cancel_forced(struct channel *ch, struct consumer *consumer);

/* --- cmd_basic.c ------------------------------------------------------------------------------ */

/* Sets the prefetch of consumers that are started from now on (0: no limit), and of the present
 * ones that acknowledge, if it `reaches_running`. */
void channel_set_prefetch(struct channel *ch, uint32_t count, bool reaches_running);

/* --- the commands: one function for each, named after it -------------------------------------- */

#define CHANNEL_COMMANDS(C)                                                                        \
    C(AMQP_CHANNEL_FLOW, channel_flow)                                                             \
    C(AMQP_CHANNEL_CLOSE, channel_close)                                                           \
    C(AMQP_ACCESS_REQUEST, access_request)                                                         \
    C(AMQP_EXCHANGE_DECLARE, exchange_declare)                                                     \
    C(AMQP_EXCHANGE_DELETE, exchange_delete)                                                       \
    C(AMQP_EXCHANGE_BIND, exchange_bind)                                                           \
    C(AMQP_EXCHANGE_UNBIND, exchange_unbind)                                                       \
    C(AMQP_QUEUE_DECLARE, queue_declare)                                                           \
    C(AMQP_QUEUE_BIND, queue_bind)                                                                 \
    C(AMQP_QUEUE_UNBIND, queue_unbind)                                                             \
    C(AMQP_QUEUE_PURGE, queue_purge)                                                               \
    C(AMQP_QUEUE_DELETE, queue_delete)                                                             \
    C(AMQP_BASIC_QOS, basic_qos)                                                                   \
    C(AMQP_BASIC_CONSUME, basic_consume)                                                           \
    C(AMQP_BASIC_CANCEL, basic_cancel)                                                             \
    C(AMQP_BASIC_GET, basic_get)                                                                   \
    C(AMQP_BASIC_ACK, basic_ack)                                                                   \
    C(AMQP_BASIC_REJECT, basic_reject)                                                             \
    C(AMQP_BASIC_NACK, basic_nack)                                                                 \
    C(AMQP_BASIC_RECOVER, basic_recover)                                                           \
    C(AMQP_BASIC_RECOVER_ASYNC, basic_recover_async)                                               \
    C(AMQP_CONFIRM_SELECT, confirm_select)                                                         \
    C(AMQP_TX_SELECT, tx_select)                                                                   \
    C(AMQP_TX_COMMIT, tx_commit)                                                                   \
    C(AMQP_TX_ROLLBACK, tx_rollback)

#define COMMAND_PROTOTYPE(id, name) void cmd_##name(struct channel *ch, struct slice args);
CHANNEL_COMMANDS(COMMAND_PROTOTYPE)
#undef COMMAND_PROTOTYPE

/* --- helpers of the commands: access.c -------------------------------------------------------- */

/* Makes the channel wait until a backend has said whether the user may do what this method asks;
 * the caller has it executed again then. Call right after the check that was unanswered. */
void channel_await_access(struct channel *ch, uint32_t method);
/* Ends that wait, because the channel ends. */
void channel_forget_access(struct channel *ch);

/* Returns whether the user may do this to the queue of this name. If not, refuses with 403, or
 * waits. */
bool channel_allows_queue(struct channel *ch, uint32_t method, enum auth_action action,
                          struct slice name);

/* Sets *ret_name to the name, or, if that is empty, to the name of the queue last declared. Returns
 * false after refusing with 404 if none was declared. */
bool channel_name_queue(struct channel *ch, uint32_t method, struct slice name,
                        struct slice *ret_name);
/* Returns the queue of this name, or NULL after refusing: with 404, or with 405 if it is exclusive
 * to another connection. */
struct queue *channel_find_queue(struct channel *ch, uint32_t method, struct slice name);

/* Makes or removes a binding if the user may, and answers with the held reply. `change` is
 * binding_add or binding_remove. */
typedef enum change_result binding_change(struct vhost *vhost,
                                          const struct binding_request *request,
                                          struct durable_done done, struct broker_error *error);
void channel_change_binding(struct channel *ch, uint32_t method, binding_change *change,
                            const struct binding_request *request);

/* --- tx.c ------------------------------------------------------------------------------------- */

/* Marks the outstanding deliveries with these tags, and keeps their acknowledgement until
 * commit. */
void tx_add_settle(struct channel *ch, uint64_t first, uint64_t last, enum settle_kind kind);
/* Returns whether a commit is under way. */
bool tx_is_committing(const struct channel *ch);
/* Tells the commit under way that it has settled something of this queue: the commit then waits
 * until that is stored. */
void tx_has_settled(struct channel *ch, struct queue *q);
/* Ends the commit under way and answers it. Called when everything is sent and all queues have
 * answered. The channel may be gone afterwards. */
void tx_is_committed(struct channel *ch);
/* Ends the transaction of a channel that ends: drops it, unless it is being committed; a commit
 * under way is carried through. */
void tx_end(struct channel *ch);
uint64_t tx_publish_count(const struct channel *ch);
uint64_t tx_settle_count(const struct channel *ch);

/* --- reply_to.c: direct reply-to -------------------------------------------------------------- */

/* Returns whether the name is REPLY_TO_NAME, or has the form of a name made from it. */
bool reply_to_is_name(struct slice name);

/* basic.consume from REPLY_TO_NAME: answers, or refuses. */
void reply_to_consume(struct channel *ch, const struct amqp_basic_consume *m);
/* Cancels the reply consumer if the tag is its own; returns whether it was. */
bool reply_to_cancel(struct channel *ch, struct slice consumer_tag);
/* Returns this channel's name for reply_to, or nothing if it has no reply consumer. */
struct slice reply_to_own_name(const struct channel *ch);
/* Answers queue.declare of a name for which reply_to_is_name() is true. */
void reply_to_declare(struct channel *ch, const struct amqp_queue_declare *m);
/* Frees the channel's reply consumer, if it has one. */
void reply_to_free(struct channel *ch);

#endif
