/* What a front end (amqp/, and later others) builds its connections on.
 *
 * A front end speaks one protocol. Each of its connections embeds a `struct session`, which has
 * everything that does not depend on the protocol; the front end keeps the rest, reads and writes
 * the socket, and is called back through its `struct frontend`. Only the table in
 * leveretd/listeners.c knows which front ends there are.
 *
 *   STARTING -> RUNNING   session_enter_vhost(): the client has logged in and counts in the quotas
 *   STARTING -> ENDING    one side has said goodbye before the client was in a vhost
 *   RUNNING  -> ENDING    one side has said goodbye: the quotas are released, and nothing stops the
 *                         session's input any longer
 *   any      -> GONE      the socket is gone
 *
 * All functions are called on the session's loop. A session belongs to its front end, which may
 * keep it, even when it is GONE, for as long as something of it is under way (such as a queue's
 * home that has yet to answer). */
#ifndef LEVERET_SESSION_FRONTEND_H
#define LEVERET_SESSION_FRONTEND_H

#include "base/list.h"
#include "broker/publish.h"
#include "queue/consumer.h"
#include "session/session.h"
#include "topology/route.h"
#include "topology/vhost.h"

struct auth_login;     /* auth/login.h */
struct session_entry;  /* login.c */
struct session_expiry; /* renewal.c */
struct queue;
struct session;
struct session_loop; /* see session_private.h */

/* The answer to session_log_in(). `user` is whom the client claims to be, borrowed for the call.
 * The reason of a refusal is for the log, and must not reach the client; it is NULL if the session
 * is logged in. */
typedef void session_logged_in(struct session *s, bool is_in, struct slice user,
                               const char *reason);
/* The answer to session_enter_vhost(). `error` is NULL if the session is in the vhost. */
typedef void session_entered(struct session *s, bool is_in, const struct broker_error *error);

/* Above this much unwritten output a connection's consumers pause. */
enum { OUTPUT_BYTES_HIGH = 256 * 1024, OUTPUT_BYTES_LOW = 64 * 1024 };

/* Above this much unwritten output a connection's input is not read; while memory is short, already
 * above OUTPUT_BYTES_HIGH. This mark is the higher one because some clients publish a whole batch
 * before they read the answers to it. */
enum { ANSWER_BYTES_HIGH = 4 * 1024 * 1024 };

/* A protocol. Calls that are marked (optional) may be NULL; they are then left out. */
struct frontend {
    const char *name;     /* "amqp": of its listeners, in the log and in `leveretctl status` */
    const char *purpose;  /* "AMQP 0-9-1": the same, for people */
    const char *protocol; /* "{0,9,1}": of its sessions, in listings and events */
    const char *counted;  /* "amqp091": of its logins, where they are counted; NULL: the name */

    /* A client has connected; `arg` is the struct session_server. Makes a connection, and calls
     * session_begin() and net_attach() for it. */
    net_accepted_fn *accepted;

    /* Closes the session in the protocol's own way, and tells the client why. Called in any state;
     * if the session is ENDING, there may be nothing left to do. */
    void (*close)(struct session *s, const struct broker_error *why);
    /* Executes input that was kept while the session was stopped, for as long as session_executes()
     * is true. The session may have ended afterwards. (optional) */
    void (*execute)(struct session *s);
    /* blocked(): an alarm has stopped the session, for this reason. unblocked(): the alarm no
     * longer stops it. (optional) */
    void (*blocked)(struct session *s, const char *reason);
    void (*unblocked)(struct session *s);
    /* Sends something that a client ignores (such as a heartbeat), so that the kernel finds out
     * whether the peer is still there. (optional) */
    void (*probe)(struct session *s);
    /* True if the session's end would give back something that others wait for: unacknowledged
     * messages, a transaction, a message that is not whole. (optional: false) */
    bool (*holds_anything)(const struct session *s);
    /* Called when the session's exclusive queues are deleted, if session_end_queues() has returned
     * false. */
    void (*queues_ended)(struct session *s);
    /* Do for this session what sessions_timeouts_changed() and sessions_permissions_changed()
     * promise. (optional) */
    void (*timeouts_changed)(struct session *s);
    void (*permissions_changed)(struct session *s);
    /* Do for this session, which is RUNNING, what sessions_set_prefetch() and
     * sessions_cancel_consumer() promise. (optional) */
    bool (*set_prefetch)(struct session *s, uint16_t channel, uint32_t count);
    bool (*cancel_consumer)(struct session *s, uint16_t channel, struct slice tag);

    /* Fills in what is not the same for all protocols: channels, channel_max, frame_bytes_max,
     * heartbeat_s, and `state` where it has a better word than starting, running, closing, closed.
     * (optional) */
    void (*add_facts)(const struct session *s, struct session_facts *facts);
    /* Calls those of the visitor's functions, but for connection(), that are not NULL. A
     * protocol without channels shows itself as one, number 0 or 1. (optional) */
    void (*visit_channels)(struct session *s, const struct session_facts *facts,
                           const struct session_visitor *visitor, void *arg);
};

/* Why a session's socket is not read. Input that the session has kept is not executed either,
 * except if STOP_DEFERRED is the only reason: executing that input is what ends it. */
enum session_stop {
    STOP_ALARM = 1,       /* it publishes, and memory or disk are short */
    STOP_HELD = 2,        /* it publishes to a queue whose home is behind */
    STOP_DEFERRED = 4,    /* it has kept too much input whose execution must wait */
    STOP_OUTPUT = 8,      /* its client does not read what it is sent */
    STOP_UNFINISHED = 16, /* its loop holds too much of messages that are not whole */
    STOP_TURN = 32,       /* its commands have used up this turn: it goes on in the next one */
    STOP_LOGIN = 64,      /* its login, or its entry into a vhost, is being checked */
};

enum session_state {
    SESSION_STARTING,
    SESSION_RUNNING,
    SESSION_ENDING,
    SESSION_GONE,
};

enum { SESSION_MAGIC = 0x5e5510 };

/* Embedded in a front end's connection. The front end reads the members, and changes them through
 * the functions below alone. */
struct session {
    unsigned magic;
    enum session_state state;
    unsigned stops; /* enum session_stop */
    struct loop *loop;
    struct net_conn *net; /* NULL when GONE */
    const struct frontend *frontend;
    struct session_server *server;
    struct session_loop *home;
    struct vhost *vhost;            /* a reference, from RUNNING on; NULL before */
    struct auth_identity *identity; /* NULL until it has logged in */
    uint64_t id;
    char *name;
    struct lv_list link; /* in session_loop.sessions */
    struct net_peer peer;
    uint64_t connected_at_ms; /* wall clock */
    char mechanism[16];
    struct slice client_properties; /* owned; raw table */
    struct session_tls tls;
    char *certificate_text; /* owned; what tls.cert_... borrow; NULL: no certificate */
    bool has_ended;         /* session_ended() was called */

    /* login.c */
    struct auth_login *login;     /* under way; NULL: none */
    session_logged_in *logged_in; /* gets its answer */
    struct session_entry *entry;  /* into a vhost, under way; NULL: none */
    /* the identity of the first login, if the login was renewed since: its limits count the
     * session, and others borrow its name; a reference; NULL: `identity` is the first */
    struct auth_identity *first_identity;
    struct session_expiry *expiry; /* when the login ends; NULL: never */

    struct lv_list exclusive_queues; /* queue_add_owned() */
    struct loop_job queues_end;      /* deletes those that session_end_queues() has no time for */

    /* pressure.c */
    size_t deferred_bytes;       /* of input that is kept until it can be executed */
    bool is_held_for_values;     /* STOP_HELD: also while dedup_is_behind() */
    bool was_held;               /* STOP_HELD was set before, and last ended at held_until_ms */
    uint64_t held_until_ms;      /* loop_now_ms() */
    struct queue *held_for;      /* STOP_HELD: until this queue's home has caught up; referenced */
    struct lv_list held_link;    /* in session_loop.held while STOP_HELD */
    struct lv_list blocked_link; /* in session_loop.blocked while STOP_ALARM */
    /* in session_loop.resumed while kept input is about to be executed */
    struct lv_list resumed_link;
    struct lv_list next_turn_link; /* in session_loop.next_turn while STOP_TURN */

    /* unfinished.c */
    uint64_t unfinished_bytes;
    /* in session_loop.unfinished while it holds more than its share */
    struct lv_list unfinished_link;
};

/* --- its life: registry.c --------------------------------------------------------------------- */

/* Registers the session of a new connection, in state STARTING, and gives it an id and a name. Sets
 * the socket's watermarks and its send timeout. Call only with a zeroed `s`. */
void session_begin(struct session *s, const struct frontend *frontend,
                   struct session_server *server, struct loop *loop, struct net_conn *net,
                   const struct net_peer *peer);

/* Changes the state; nothing else does. Asserts that the move is legal; does nothing if the state
 * stays the same. Leaving RUNNING releases the session's quotas; entering GONE clears `net`. Only
 * session_enter_vhost() enters RUNNING. */
void session_enter(struct session *s, enum session_state next);

/* Ends every stop of a session and emits its event connection.closed. Call once, when the session
 * is GONE and its channels and queues have ended or are being ended. */
void session_ended(struct session *s);

/* Removes the session from the registry and frees what it owns, but not the struct. Call only after
 * session_ended(), and when nothing of the session is under way any longer. */
void session_free(struct session *s);

/* Fills in what listings show of the session. *ret borrows from the session. */
void session_get_facts(const struct session *s, struct session_facts *ret);

/* Return the name of the session's vhost or user, empty before it has one. */
struct slice session_vhost_name(const struct session *s);
struct slice session_user_name(const struct session *s);

/* --- exclusive queues ------------------------------------------------------------------------- */

/* Makes the session the owner of a queue that was declared as exclusive with its id. */
void session_own_queue(struct session *s, struct queue *q);
/* Deletes the session's exclusive queues, perhaps in slices. Returns false if
 * frontend->queues_ended() follows: the session must be kept until then. Returns true if all are
 * deleted, or an earlier call is still deleting them. */
bool session_end_queues(struct session *s);

/* --- logging in: login.c ---------------------------------------------------------------------- */

/* Copies the client's properties, a raw table, in place of earlier ones. */
void session_set_client_properties(struct session *s, struct slice properties);

/* What a client says of itself. All is borrowed for the call. */
struct session_credentials {
    struct slice mechanism;
    struct slice user;
    struct slice password;
    /* False: the front end has authenticated the user in another way (by its certificate), and only
     * asks whether there is such a user. */
    bool has_password;
    struct slice client_id; /* empty if the protocol has none */
};

/* Checks who the client is, emits an event, and calls done(): before it returns, or later. In the
 * second case the session's input is not read meanwhile (STOP_LOGIN), and done() is not called if
 * the session ends first. If the answer is yes, s->identity is set. Call only if the session has no
 * identity yet, and no login is under way. */
void session_log_in(struct session *s, const struct session_credentials *credentials,
                    session_logged_in *done);
/* Logs in the user that the client's certificate names (SASL EXTERNAL): like session_log_in(), but
 * without a password. It is refused if there is no certificate. */
void session_log_in_by_certificate(struct session *s, struct slice mechanism,
                                   session_logged_in *done);
/* Logs in as the user for clients that say nothing of themselves (SASL ANONYMOUS): like
 * session_log_in(), with the name and password of the configuration. Call only if
 * session_mechanisms() has it. */
void session_log_in_anonymously(struct session *s, struct slice mechanism, session_logged_in *done);
/* Returns the mechanisms (auth/sasl.h) that this client may log in by: EXTERNAL needs TLS,
 * ANONYMOUS a user in the configuration. */
unsigned session_mechanisms(const struct session *s);
/* Returns whether session_log_in() has not been answered yet. */
static inline bool session_is_logging_in(const struct session *s)
{
    return s->login != NULL;
}

/* Enters the vhost and calls done(), before it returns or later, like session_log_in(). If the
 * answer is yes, the session is RUNNING, and counts among the connections of the node, the vhost
 * and the user. It is no if there is no such vhost, the user may not enter it, or a limit is
 * reached; the error (NOT_ALLOWED) says which. Call only after session_log_in() has succeeded. */
void session_enter_vhost(struct session *s, struct slice vhost, session_entered *done);

/* Logs in again with a new secret, and calls done(), before it returns or later, like
 * session_log_in(). Only a login that ends is renewed: for others the answer is yes at once. The
 * secret must be of the same user. Call only while the session is RUNNING; one at a time. */
void session_renew(struct session *s, struct slice secret, session_logged_in *done);

/* Counts a channel (or what a protocol has instead) as one of the user's and of the node's. Returns
 * false with the error (NOT_ALLOWED) if a limit is reached. Call only after session_log_in() has
 * succeeded. */
bool session_take_channel(struct session *s, struct broker_error *error);
/* Undoes session_take_channel(). */
void session_give_channel(struct session *s);

/* --- pressure.c: when a session is not read --------------------------------------------------- */

/* Stops the session for this reason; does nothing unless it is RUNNING. */
void session_stop(struct session *s, enum session_stop why);
/* Ends these reasons to stop. When the last one has ended, the socket is read again, and kept input
 * is executed later in this turn. */
void session_go(struct session *s, unsigned whys);
/* Stops the session until the next turn. */
void session_stop_for_turn(struct session *s);
/* Ends every reason to stop. Called when the session is ending, so that the client's last frames
 * are read. */
void session_go_for_good(struct session *s);

/* Stops a session that publishes while an alarm is on, and has its front end tell the client. */
void session_block(struct session *s);

/* Stops the session until the home of this queue, to which it publishes, has caught up. */
void session_hold(struct session *s, struct queue *q);
/* Like session_hold(), and stops the session also while too many deduplication values wait to be
 * stored (dedup_is_behind()). */
void session_hold_for_values(struct session *s, struct queue *q);

/* Counts bytes of input that was put aside (`more`), and of input that was put aside and is now
 * executed or dropped (`less`). Above a mark the session stops, below a lower one it goes on. */
void session_count_deferred(struct session *s, size_t more, size_t less);

/* Stops the session (STOP_OUTPUT) if its unwritten output is above a mark. Call after adding output
 * that is not a delivery to a consumer: nothing else limits it. The front end calls session_go(s,
 * STOP_OUTPUT) when the socket has drained. */
void session_watch_output(struct session *s);

/* Charges the current turn this many units for work that was just done for the session (loop.h:
 * work in slices). If that uses the turn up, the session stops until the next turn. */
static inline void session_charge(struct session *s, unsigned units)
{
    if (units > 0 && !loop_charge(s->loop, units))
        session_stop_for_turn(s);
}

/* Returns whether kept input may be executed: nothing stops the session, or only STOP_DEFERRED. */
static inline bool session_executes(const struct session *s)
{
    return (s->stops & ~(unsigned)STOP_DEFERRED) == 0;
}

/* Returns whether these alarms stop all publishers. The store's alarm alone does not: with a failed
 * disk, persistent messages are refused and their publishers stopped, but no others. */
static inline bool alarms_hold(unsigned alarms)
{
    return (alarms & ~(unsigned)BROKER_ALARM_STORE) != 0;
}

static inline unsigned session_alarms(const struct session *s)
{
    return atomic_load_explicit(&s->server->broker->alarms, memory_order_relaxed);
}

/* --- unfinished.c: the limits on room for messages that are not whole ------------------------- */

/* Returns how much room, in bytes, to give the body of a message: at least `least` bytes, which are
 * needed now. `has` is the room that it has, `whole` what it needs once all of it has come. */
uint64_t session_unfinished_room(const struct session *s, uint64_t has, uint64_t whole,
                                 uint64_t least);
/* Count room that an unfinished message takes, and room that it gives back when it is whole or
 * dropped. */
void session_unfinished_add(struct session *s, uint64_t bytes);
void session_unfinished_drop(struct session *s, uint64_t bytes);
/* Call after session_unfinished_add(). Returns false with the error if the session holds more than
 * one session may; `of_this` is the room of the message that has just grown. Otherwise returns
 * true, and stops the session if its loop holds too much. */
bool session_unfinished_check(struct session *s, uint64_t of_this, struct broker_error *error);

/* --- session_log.c ---------------------------------------------------------------------------- */

/* How a log line names a session, in RabbitMQ's form:
 *
 *   <0.7.0> (10.0.0.7:51044 -> 10.0.0.1:5672 - shop, vhost: '/', user: 'ann')
 *
 * with the client's connection_name. What is not known yet is left out. */
struct session_title {
    const char *state;       /* adds ", state: running" inside the brackets; NULL: does not */
    bool has_channel;        /* adds ", channel 3" behind them */
    uint16_t channel;        /* its number */
    bool is_without_account; /* leaves out the vhost and the user */
    struct slice refused;    /* whom the client claims to be: the line's user, in its notes only */
    char text[1000];         /* initially empty; the result */
};
/* Composes the title. Adds the same to the notes of this thread's next log line (log_note()): call
 * it where a line is composed. Returns title->text. */
const char *session_title(const struct session *s, struct session_title *title);
/* The session's title as a string, valid until the end of the enclosing block. The second macro
 * takes members of struct session_title: SESSION_TITLE_WITH(s, .state = "running"). */
#define SESSION_TITLE(s) SESSION_TITLE_WITH(s, .text = "")
#define SESSION_TITLE_WITH(s, ...) session_title((s), &(struct session_title){__VA_ARGS__})

/* Returns the client's own name for the connection (connection_name in these client properties),
 * cut to 128 bytes, or nothing. */
struct slice session_client_name(struct slice client_properties);

/* --- tracing.c: for those who look at messages (enum vhost_watch) ----------------------------- */

/* For a message that was published on this channel and is about to be sent to the queues of the
 * route: copies it to the firehose (broker/trace.h), counts it in the flows (topology/flows.h), and
 * has traces follow its life (topology/lives.h), as far as these are on. If its life is followed,
 * publish->content.message is made; if there is no memory for it, the life is not followed. Returns
 * the life, or 0. */
uint32_t session_watch_publish(struct session *s, uint16_t channel, struct publish *publish,
                               bool is_mandatory, const struct route *route);
/* For a message that is being sent to the client: copies it to the firehose, and writes it down if
 * its life is followed. The consumer may be a getter. `no_ack`: the message has left the queue. */
void session_watch_delivery(struct session *s, uint16_t channel, const struct consumer *consumer,
                            bool no_ack, const struct delivery *message);
/* Does the same for an answer that is sent by direct reply-to. As in RabbitMQ, the firehose gets no
 * copy of it. */
void session_watch_reply(struct session *s, uint16_t channel, const struct consumer *consumer,
                         const struct delivery *message);
/* Writes down that the publish with this number on the channel is confirmed, or nacked. */
void session_life_confirmed(struct session *s, uint16_t channel, uint32_t life, uint64_t number,
                            bool is_nack);
/* Holds the session (session_hold()) if the firehose is on, and the copies of what the session
 * publishes to this exchange go to a queue whose home is behind. */
void session_hold_for_trace(struct session *s, struct slice exchange);

/* --- session_events.c: events of sessions (message/events.h) ---------------------------------- */

/* Call when the session is RUNNING and session_get_facts() has all that the event shows. */
void session_event_created(struct session *s);
void session_event_channel_created(struct session *s, uint16_t channel);
void session_event_channel_closed(struct session *s, uint16_t channel);
/* `prefetch` is the channel's prefetch count. */
void session_event_consumer_created(struct session *s, uint16_t channel, uint32_t prefetch,
                                    const struct consumer *c);
/* `by_client`: the client has cancelled the consumer; otherwise it has ended with its channel or
 * queue, or the broker has cancelled it. */
void session_event_consumer_deleted(struct session *s, uint16_t channel, const struct consumer *c,
                                    bool by_client);

#endif
