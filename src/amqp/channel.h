/* A channel: one stream of commands, executed in order. Private to the room.
 *
 *   OPEN    -> CLOSING   we have sent channel.close: everything but close and close-ok is dropped,
 *                        but must still be methods, other than open, and whole contents
 *   OPEN    -> ENDING    the client has sent channel.close: close-ok waits until its consumers are
 *                        removed; frames that come meanwhile are for the next channel of its number
 *   CLOSING -> GONE      close-ok came
 *   ENDING  -> GONE      close-ok went
 *   any     -> GONE      the connection ended
 *   GONE    -> LEFT      it is no longer one of its connection's channels: a zombie, or about to
 *                        be freed
 *
 * A command that must wait (for a queue's home on another loop, for a durable change to be
 * committed) sets `waiting`; frames that come meanwhile are kept in `deferred` and executed when
 * the answer is there. Only this channel waits.
 *
 * A channel that has LEFT is freed when the call it waits for has come back, and its consumers are
 * detached. */
#ifndef LEVERET_AMQP_CHANNEL_H
#define LEVERET_AMQP_CHANNEL_H

#include "amqp/confirms.h"
#include "amqp/connection.h"
#include "broker/trace.h"
#include "queue/queue.h"
#include "session/unacked.h"
#include "topology/dedup.h"

enum { CHANNEL_MAGIC = 0xc4a22e1 };

enum channel_state { CHANNEL_OPEN, CHANNEL_CLOSING, CHANNEL_ENDING, CHANNEL_GONE, CHANNEL_LEFT };

enum channel_mode { CHANNEL_PLAIN, CHANNEL_CONFIRM, CHANNEL_TX };

/* Which frame of a message that is being published comes next. */
enum content_state { CONTENT_NONE, CONTENT_AWAIT_HEADER, CONTENT_AWAIT_BODY };

/* A publish whose header or body is still on its way. Kept between frames, else NULL. */
struct incoming {
    struct slice exchange; /* both point behind this struct */
    struct slice routing_key;
    bool mandatory;
    struct message *message;      /* from the header on; owned; NULL: it is refused */
    struct broker_error *refusal; /* why; owned; sent when all of the body has come */
    uint64_t body_bytes;          /* as the header says */
    uint64_t body_got;
    uint64_t room; /* for the body, in `message` */
    uint8_t names[];
};

/* Receives the answers of queues at home elsewhere. Lives until the last has come. */
struct publisher {
    struct confirm_sink sink;
    struct channel *channel; /* NULL once the channel is gone */
    size_t waiting;          /* answers to come */
    bool has_failed;         /* part of the transaction being committed cannot be stored */
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
    uint64_t dropped_body_left; /* CLOSING, AWAIT_BODY: of a content that is dropped */

    bool is_waiting;
    uint32_t waiting_for; /* the method that waits, for the log */
    struct lv_buffer deferred;
    struct lv_buffer held_reply; /* goes out when what we wait for is done */
    struct queue_call *call;     /* under way; owned; also by a zombie */
    size_t detaching;            /* consumers that their queues' homes have not detached yet, one
                                    more for each whose deliveries are not back, one for
                                    leaving_job */

    char *last_queue; /* the queue last declared; NULL: none */
    size_t last_queue_bytes;

    struct lv_list consumers; /* struct consumer.session_link: open ones */
    size_t consumer_count;
    struct lv_table *tags; /* struct consumer.by_tag; NULL: they are few (consumers.c) */
    struct lv_list getters;
    struct lv_list leaving; /* struct consumer.session_link: closed, to be detached by the job */
    struct loop_job leaving_job;
    struct unacked unacked;
    struct lv_list orders;  /* settling.c: what is to be settled, and was too much to do at once */
    struct lv_list touched; /* struct consumer.touched_link: by the first of these */
    struct loop_job settle_job;
    uint64_t delivery_tag;
    uint32_t prefetch_count; /* of future consumers */
    struct shared_credit *limit;
    uint32_t limit_count;

    struct confirms *confirms; /* CHANNEL_CONFIRM */
    struct confirms *watched; /* mandatory publishes of other modes, until queues have taken them */
    struct loop_task confirm_task;
    struct publisher *publisher;
    struct publish_memo *memo; /* owned; NULL: nothing was published yet */
    struct tx *tx;
    struct consumer *reply_to; /* reply_to.c; NULL: none */

    struct loop_timer timeout_timer; /* timeouts.c */
    uint64_t timeout_due_ms;         /* when it fires; loop_patient_ms() */
    uint64_t timeout_reads_to; /* net_received() to be reached before a consumer is late; 0: any */
    uint64_t timeout_least_ms; /* of all that are outstanding; 0: none has a timeout */
    uint64_t forgiven_tag;     /* tags up to here may be settled though they are not outstanding */

    uint64_t published;
    uint64_t delivered;
    uint64_t acked;
};

/* The caller runs on the channel's loop, or no loop runs: before the start, after the stop. */
static inline void channel_assert_home(const struct channel *ch)
{
    lv_assert(ch->magic == CHANNEL_MAGIC);
    connection_assert_home(ch->connection);
}

/* --- channel.c -------------------------------------------------------------------------------- */

/* Creates an OPEN channel under a number that no other channel of the connection has. */
struct channel *channel_create(struct connection *conn, uint16_t number);

/* The one writer of the state; asserts that the move is legal. */
void channel_enter(struct channel *ch, enum channel_state next);

/* Enters this state, which is not OPEN: cancels consumers, requeues what is unacknowledged, drops a
 * transaction that is not being committed. */
void channel_shut(struct channel *ch, enum channel_state next);

/* Removes a GONE channel from its connection. It is freed now, or when what it has under way has
 * come back. */
void channel_leave(struct channel *ch);

/* Counts a consumer that its queue's home has detached, or whose deliveries are back. The channel
 * may be gone afterwards. */
void channel_is_detached(struct channel *ch);
/* Frees a channel that has LEFT, unless something of it is still under way. */
void channel_bury(struct channel *ch);

/* --- mistakes.c ------------------------------------------------------------------------------- */

/* Answers a mistake: channel.close, or connection.close where RabbitMQ does that. */
void channel_refuse(struct channel *ch, uint32_t method, const struct broker_error *error);
void channel_fail(struct channel *ch, uint32_t method, uint16_t code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* 501 for arguments that do not decode. */
void connection_refuse_arguments(struct connection *conn, enum wire_result result, uint32_t method,
                                 struct slice args);
/* Checks a method that will not be executed. Returns false after ending the connection, if there is
 * no such method or its arguments do not decode. */
bool connection_check_method(struct connection *conn, uint32_t method, struct slice args);

/* --- channel_calls.c -------------------------------------------------------------------------- */

/* Makes a call at a queue's home. channel_call_start() starts it, and the channel waits if the
 * answer does not come at once. `done` gets the channel, or NULL if that is no longer OPEN;
 * afterwards the call is freed. A channel has one call at a time. */
typedef void call_done(struct channel *ch, struct queue_call *call);
struct queue_call *channel_call(struct channel *ch, struct queue *queue, uint32_t method,
                                void (*run)(struct queue_call *), call_done *done);
/* Starts what channel_call() made, after the caller has filled in what it asks. */
void channel_call_start(struct queue_call *call);

/* Sends the held reply now (CHANGE_DONE), after the commit (CHANGE_PENDING), or refuses. */
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

/* Decodes a method's arguments into `ret`, or answers 501 and makes the handler return. */
#define CHANNEL_READ(ch, args, method, METHOD, ret)                                                \
    struct amqp_##method ret;                                                                      \
    do {                                                                                           \
        enum wire_result result_ = amqp_##method##_read((args), &(ret));                           \
        if (result_ != WIRE_OK) {                                                                  \
            connection_refuse_arguments((ch)->connection, result_, METHOD, (args));                \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* --- channel_frames.c ------------------------------------------------------------------------- */

/* Takes a whole frame for this channel; keeps it when the channel waits. */
void channel_take_frame(struct channel *ch, uint8_t type, struct slice payload);

/* The channel waits for this method from here until channel_go_on(): frames that come are kept. It
 * must not be waiting. */
void channel_wait(struct channel *ch, uint32_t method);
/* Ends channel_wait(), and executes what was kept meanwhile. The channel may be gone afterwards. */
void channel_go_on(struct channel *ch);
/* Called while the channel waits for this method: executes it again when the channel goes on,
 * before what was kept. */
void channel_repeat(struct channel *ch, uint32_t method, struct slice args);
/* Executes what has been kept, unless the channel waits or its connection is stopped. The channel
 * may be gone afterwards. */
void channel_execute_deferred(struct channel *ch);

/* Ends an ENDING channel, with close-ok, as soon as its consumers are gone, which may be now. */
void channel_end(struct channel *ch);

/* --- dispatch.c ------------------------------------------------------------------------------- */

/* Executes a method. */
void channel_take_method(struct channel *ch, uint32_t method, struct slice args);
/* channel.open of a channel that is open, or was until we closed it: 504. */
void channel_refuse_open(struct channel *ch);

/* --- publish.c -------------------------------------------------------------------------------- */

/* Takes a whole publish (method, header and at most one body frame) that lies in p .. end. Returns
 * the bytes consumed, or 0 if it is incomplete or unusual in any way. */
size_t channel_publish_at_once(struct channel *ch, const uint8_t *p, const uint8_t *end);

/* Schedules the flush of confirms for the end of the turn. */
void channel_confirm_soon(struct channel *ch);
void channel_init_confirm_task(struct channel *ch);
/* Flushes confirms now, before the channel sends its last frame. */
void channel_flush_confirms(struct channel *ch);
/* Returns the channel's sink, which is made at first use. */
struct publisher *channel_publisher(struct channel *ch);
/* Drops the sink: answers no longer matter, except to a commit that the channel waits for. */
void channel_forget_publisher(struct channel *ch);

/* For a mandatory publish on a channel without confirms. channel_watch_next() returns the number
 * under which its queues answer channel_publisher(). channel_watch() follows if some answer later
 * (answers->later > 0): the message is returned to the client if all queues turn out to be gone. */
uint64_t channel_watch_next(struct channel *ch);
void channel_watch(struct channel *ch, const struct confirm_answers *answers);

/* basic.return 312. */
void channel_return(struct channel *ch, struct slice exchange, struct slice routing_key,
                    struct slice header, struct slice body, struct message *message);
void channel_return_message(struct channel *ch, struct message *message);

/* --- bodies.c --------------------------------------------------------------------------------- */

/* Makes room for this much of the body of ch->incoming, which has a message. False after refusing:
 * then the channel may be gone. */
bool channel_make_room(struct channel *ch, uint64_t bytes);
/* The room of ch->incoming no longer counts: the message is whole, or is dropped. */
void channel_release_room(struct channel *ch);

/* --- publish_incoming.c ----------------------------------------------------------------------- */

void channel_begin_publish(struct channel *ch, struct slice args);
void channel_take_header(struct channel *ch, struct slice payload);
/* Returns whether at least this many bytes of a body are still to come. */
bool channel_misses_body(const struct channel *ch, uint64_t bytes);
/* Takes a part of a body, or all of it. */
void channel_take_body(struct channel *ch, struct slice part);

/* --- delivery.c ------------------------------------------------------------------------------- */

extern const struct consumer_calls channel_consumer_calls;

/* Writes header and body frames. A large body is borrowed from `message`, if there is one. */
void channel_write_content(struct channel *ch, struct slice header, struct slice body,
                           struct message *message);

/* Records a delivery to the consumer, or getter, as outstanding under this tag. */
void channel_add_unacked(struct channel *ch, uint64_t tag, struct consumer *consumer,
                         uint64_t position);

/* Cancels the consumer; its open hold is released when its queue's home has detached it.
 * `returns_all`: the caller requeues what it holds right after this (queue_detach()). */
void channel_cancel_consumer(struct channel *ch, struct consumer *consumer, bool returns_all);

/* --- consumers.c ------------------------------------------------------------------------------ */

/* Adds an open consumer, whose tag no other has; removes one; finds one by its tag, or returns
 * NULL. */
void channel_add_consumer(struct channel *ch, struct consumer *consumer);
void channel_remove_consumer(struct channel *ch, struct consumer *consumer);
struct consumer *channel_find_consumer(struct channel *ch, struct slice tag);

void channel_init_consumers(struct channel *ch);
/* Stops all deliveries, and has the queues' homes detach the consumers, in slices if there are
 * many. `detaching` counts those that are not detached yet. */
void channel_detach_consumers(struct channel *ch);

/* --- settling.c ------------------------------------------------------------------------------- */

/* Deliveries with these tags, and how they are settled. */
struct settle_range {
    uint64_t first;
    uint64_t last;
    enum settle_kind kind;
};

void channel_init_settling(struct channel *ch);

/* Settles all unmarked tags from first to last. Returns true if all of it is done. Else the rest
 * is done in slices, and then done() is called, after which the channel may be gone; until then
 * the channel must wait. */
bool channel_settle(struct channel *ch, uint64_t first, uint64_t last, enum settle_kind kind,
                    void (*done)(struct channel *ch));

/* Like channel_settle(), for the marked tags of a list, which it takes. tx_has_settled() is called
 * for each queue. */
bool channel_settle_commit(struct channel *ch, struct settle_range *ranges, size_t count,
                           void (*done)(struct channel *ch));

/* Requeues all that is outstanding, since the channel ends; `detaching` counts until all is
 * back. */
void channel_requeue_all(struct channel *ch);

/* Requeues all that this consumer holds, perhaps in slices. */
void channel_requeue_of(struct channel *ch, struct consumer *consumer);

/* Returns whether some of what was to be settled is not settled yet. */
bool channel_is_settling(const struct channel *ch);

/* --- timeouts.c ------------------------------------------------------------------------------- */

void channel_init_timeouts(struct channel *ch);
/* Watches the consumer's delivery, which is outstanding from now on. */
void channel_watch_delivery(struct channel *ch, const struct consumer *consumer);
/* Timeouts have changed, or more is outstanding: checks at the end of the turn. */
void channel_look_for_timeouts(struct channel *ch);

/* --- revoked.c -------------------------------------------------------------------------------- */

/* Cancels the consumers of queues that the user may no longer read. */
void channel_cancel_revoked(struct channel *ch);

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

/* Returns whether the user may do this to the queue of this name. If not, refuses with 403. */
bool channel_allows_queue(struct channel *ch, uint32_t method, enum auth_action action,
                          struct slice name);

/* Sets *ret_name to the name, or to that of the queue last declared if it is empty. Returns false
 * after refusing with 404 if none was declared. */
bool channel_name_queue(struct channel *ch, uint32_t method, struct slice name,
                        struct slice *ret_name);
/* Returns the queue of this name, or NULL after refusing: with 404, or with 405 if it is exclusive
 * to another connection. */
struct queue *channel_find_queue(struct channel *ch, uint32_t method, struct slice name);

/* Makes or undoes a binding, if the user may, and answers with the held reply. `change` is
 * binding_add or binding_remove. */
typedef enum change_result binding_change(struct vhost *vhost,
                                          const struct binding_request *request,
                                          struct durable_done done, struct broker_error *error);
void channel_change_binding(struct channel *ch, uint32_t method, binding_change *change,
                            const struct binding_request *request);

/* --- tx.c ------------------------------------------------------------------------------------- */

/* Marks these (unmarked) tags, and keeps their acknowledgement until commit. */
void tx_add_settle(struct channel *ch, uint64_t first, uint64_t last, enum settle_kind kind);
/* Returns whether a commit is under way. */
bool tx_is_committing(const struct channel *ch);
/* Notes that the commit under way has settled something of this queue. */
void tx_has_settled(struct channel *ch, struct queue *q);
/* Called when all queues have what a commit sent them. The channel may be gone afterwards. */
void tx_is_committed(struct channel *ch);
/* The channel ends: drops what is not being committed; a commit under way is carried through. */
void tx_end(struct channel *ch);
uint64_t tx_publish_count(const struct channel *ch);
uint64_t tx_settle_count(const struct channel *ch);

/* --- reply_to.c: direct reply-to -------------------------------------------------------------- */

#define REPLY_TO_NAME "amq.rabbitmq.reply-to"

/* Returns whether the name is REPLY_TO_NAME, or has the form of a name made from it. */
bool reply_to_is_name(struct slice name);

/* basic.consume from REPLY_TO_NAME: answers, or refuses. */
void reply_to_consume(struct channel *ch, const struct amqp_basic_consume *m);
/* Cancels the reply consumer if the tag is its own; returns whether it was. */
bool reply_to_cancel(struct channel *ch, struct slice consumer_tag);
/* Returns this channel's name for reply_to, or nothing if it has no reply consumer. */
struct slice reply_to_own_name(const struct channel *ch);
/* Answers queue.declare of such a name. */
void reply_to_declare(struct channel *ch, const struct amqp_queue_declare *m);
/* Frees the channel's reply consumer, if it has one. */
void reply_to_free(struct channel *ch);

#endif
