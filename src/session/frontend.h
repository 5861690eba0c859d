/* What a front end (amqp/, and later others) builds its connections on.
 *
 * A front end speaks one protocol. Its connections each embed a `struct session`, which knows
 * everything that does not depend on the protocol; the front end keeps the rest, reads and writes
 * the socket, and is called back through its `struct frontend`. Nothing in this room, and nothing
 * outside a front end, knows which front ends there are but the table in leveretd/.
 *
 *   STARTING -> RUNNING   session_enter_vhost(): the client has logged in and counts in its quotas
 *   RUNNING  -> ENDING    one side has said goodbye: its quotas are released, nothing holds it up
 *   any      -> GONE      the socket is gone
 *
 * All functions are called on the session's loop. A session belongs to its front end, which may
 * keep it for as long as something of it is under way (a queue's home that has to answer), also
 * when it is GONE. */
#ifndef LEVERET_SESSION_FRONTEND_H
#define LEVERET_SESSION_FRONTEND_H

#include "base/list.h"
#include "queue/consumer.h"
#include "session/session.h"
#include "topology/route.h"
#include "topology/vhost.h"

struct queue;
struct session;
struct session_loop; /* see session_private.h */

/* Above this much unwritten output a connection's consumers pause. */
enum { OUTPUT_BYTES_HIGH = 256 * 1024, OUTPUT_BYTES_LOW = 64 * 1024 };

/* Above this much unwritten output a connection's input is not read; while memory is short, above
 * OUTPUT_BYTES_HIGH. More than that, since some clients publish a whole batch before they read what
 * came back of it. */
enum { ANSWER_BYTES_HIGH = 4 * 1024 * 1024 };

/* A protocol. Calls marked (optional) may be NULL: then nothing is done. */
struct frontend {
    const char *name;     /* "amqp": of its listeners, in the log and in `leveretctl status` */
    const char *purpose;  /* "AMQP 0-9-1": the same, for people */
    const char *protocol; /* "{0,9,1}": of its sessions, in listings and events */

    /* A client has connected; `arg` is the struct session_server. Makes a connection,
     * session_begin(), net_attach(). */
    net_accepted_fn *accepted;

    /* Closes the session in the protocol's own way, and tells the client why. It may be in any
     * state, ENDING included, and then there may be nothing to do. */
    void (*close)(struct session *s, const struct broker_error *why);
    /* Input that was kept while the session was stopped may be handled now: does so for as long as
     * session_executes(). The session may have ended afterwards. (optional) */
    void (*execute)(struct session *s);
    /* An alarm holds the session up, for this reason; it does so no longer. (optional) */
    void (*blocked)(struct session *s, const char *reason);
    void (*unblocked)(struct session *s);
    /* Sends something that no client minds, so that the kernel finds out whether the peer is still
     * there. (optional) */
    void (*probe)(struct session *s);
    /* True if the session's end would give back something that others wait for: unacknowledged
     * messages, a transaction, a message that is not whole. (optional: false) */
    bool (*holds_anything)(const struct session *s);
    /* session_end_queues() is done, where it had returned false. */
    void (*queues_ended)(struct session *s);
    /* sessions_timeouts_changed(), sessions_permissions_changed() for this session. (optional) */
    void (*timeouts_changed)(struct session *s);
    void (*permissions_changed)(struct session *s);

    /* Fills in what is not the same for all protocols: channels, channel_max, frame_bytes_max,
     * heartbeat_s, and `state` where it has a better word than starting, running, closing, closed.
     * (optional) */
    void (*add_facts)(const struct session *s, struct session_facts *facts);
    /* Visits its channels and consumers, where the visitor wants them. A protocol without channels
     * shows itself as one, number 0 or 1. (optional) */
    void (*visit_channels)(struct session *s, const struct session_facts *facts,
                           const struct session_visitor *visitor, void *arg);
};

/* Why a session's socket is not read, and input that it has kept is not executed (STOP_DEFERRED:
 * this is, since that ends it). */
enum session_stop {
    STOP_ALARM = 1,       /* it publishes, and memory or disk are short */
    STOP_HELD = 2,        /* it publishes to a queue whose home is behind */
    STOP_DEFERRED = 4,    /* it keeps too much input that waits */
    STOP_OUTPUT = 8,      /* its client does not read what it is sent */
    STOP_UNFINISHED = 16, /* its loop holds too much of messages that are not whole */
    STOP_TURN = 32,       /* what it asks for has used up the turn: it goes on in the next one */
};

enum session_state {
    SESSION_STARTING,
    SESSION_RUNNING,
    SESSION_ENDING,
    SESSION_GONE,
};

enum { SESSION_MAGIC = 0x5e5510 };

/* Embedded in a front end's connection, which reads its members, and writes none but through the
 * functions below. */
struct session {
    unsigned magic;
    enum session_state state;
    unsigned stops; /* enum session_stop */
    struct loop *loop;
    struct net_conn *net; /* NULL when GONE */
    const struct frontend *frontend;
    struct session_server *server;
    struct session_loop *home;
    struct vhost *vhost;            /* a reference, once it has been RUNNING */
    struct auth_identity *identity; /* once it has logged in */
    uint64_t id;
    char *name;
    struct lv_list link; /* in session_loop.sessions */
    struct net_peer peer;
    uint64_t connected_at_ms; /* wall clock */
    char mechanism[16];
    struct slice client_properties; /* owned; raw table */
    struct session_tls tls;

    struct lv_list exclusive_queues; /* queue_add_owned() */
    struct loop_job queues_end;      /* deletes them, when they are many */

    /* pressure.c */
    size_t deferred_bytes;       /* of input that waits */
    bool is_held_for_values;     /* STOP_HELD: also until the values are being stored (dedup.h) */
    struct queue *held_for;      /* STOP_HELD: until this queue's home has caught up; referenced */
    struct lv_list held_link;    /* in session_loop.held while STOP_HELD */
    struct lv_list blocked_link; /* in session_loop.blocked while STOP_ALARM */
    struct lv_list resumed_link; /* in session_loop.resumed: input it has kept is to be executed */
    struct lv_list next_turn_link; /* in session_loop.next_turn while STOP_TURN */

    /* unfinished.c */
    uint64_t unfinished_bytes;
    struct lv_list unfinished_link; /* in session_loop.unfinished with more than its share */
};

/* --- its life: registry.c --------------------------------------------------------------------- */

/* Registers a session that a client has begun, STARTING, with an id and a name. `s` is zeroed.
 * Sets the socket's watermarks and its send timeout. */
void session_begin(struct session *s, const struct frontend *frontend,
                   struct session_server *server, struct loop *loop, struct net_conn *net,
                   const struct net_peer *peer);

/* The one writer of the state; asserts that the move is legal. Leaving RUNNING releases the
 * session's quotas; entering GONE clears `net`. RUNNING is entered by session_enter_vhost() alone.
 * Staying in a state is fine. */
void session_enter(struct session *s, enum session_state next);

/* It is GONE, and its channels and queues have ended or are about to: whatever holds it up is
 * forgotten, and the event exchange is told. Once. */
void session_ended(struct session *s);

/* Leaves the registry and frees what the session owns, but not the struct. After session_ended(),
 * once nothing of it is under way. */
void session_free(struct session *s);

/* What a listing says of it. Borrowed from the session. */
void session_get_facts(const struct session *s, struct session_facts *ret);

/* The vhost's and the user's name; empty before it has one. */
struct slice session_vhost_name(const struct session *s);
struct slice session_user_name(const struct session *s);

/* --- exclusive queues ------------------------------------------------------------------------- */

/* The queue was declared as this session's alone, with its id. */
void session_own_queue(struct session *s, struct queue *q);
/* Deletes them, perhaps in slices. Returns false if frontend->queues_ended() follows: the session
 * must be kept until then. True when all are gone, and also while an earlier call's work is under
 * way. */
bool session_end_queues(struct session *s);

/* --- logging in: login.c ---------------------------------------------------------------------- */

/* The client says who it is; the raw table is copied. Replaces what it said before. */
void session_set_client_properties(struct session *s, struct slice properties);

/* Checks name and password. True: s->identity is who it is. False: `reason` has got a text for the
 * log, with its NUL, never for the client. The event exchange is told either way. */
bool session_log_in(struct session *s, struct slice mechanism, struct slice user,
                    struct slice password, struct lv_buffer *reason);

/* Enters the vhost: the session is RUNNING afterwards, and counts among the connections of the
 * node, of the vhost and of the user. False: the error (NOT_ALLOWED) says which limit is reached,
 * or that there is no such vhost, or that the user may not enter it. After session_log_in(). */
bool session_enter_vhost(struct session *s, struct slice vhost, struct broker_error *error);

/* A channel, or what a protocol has instead, counts among its user's. False: the error
 * (NOT_ALLOWED) says that the limit is reached. */
bool session_take_channel(struct session *s, struct broker_error *error);
void session_give_channel(struct session *s);

/* --- pressure.c: when a session is not read --------------------------------------------------- */

/* The socket is not read, for one reason more or less. Only a RUNNING session is stopped. */
void session_stop(struct session *s, enum session_stop why);
void session_go(struct session *s, unsigned whys);
/* Stops it until the next turn. */
void session_stop_for_turn(struct session *s);
/* For every reason: the session is ending, and what its client says last must be read. */
void session_go_for_good(struct session *s);

/* Stops a session that publishes while an alarm is on, and has the client told. */
void session_block(struct session *s);

/* Stops it until the home of a queue it publishes to has caught up. */
void session_hold(struct session *s, struct queue *q);
/* The same, and until the values that exchanges have seen are being stored in time. */
void session_hold_for_values(struct session *s, struct queue *q);

/* Input that waits is kept, or is executed: stops the session above a mark, and lets it go
 * again. */
void session_count_deferred(struct session *s, size_t more, size_t less);

/* Output was added that no consumer's window limits: stops the session above a mark. session_go(s,
 * STOP_OUTPUT) when the socket has drained. */
void session_watch_output(struct session *s);

/* What was just done for it has cost this many units (loop.h: work in slices). When that uses up
 * the turn's, the session stops until the next one. */
static inline void session_charge(struct session *s, unsigned units)
{
    if (units > 0 && !loop_charge(s->loop, units))
        session_stop_for_turn(s);
}

/* Whether input that was kept may be executed. */
static inline bool session_executes(const struct session *s)
{
    return (s->stops & ~(unsigned)STOP_DEFERRED) == 0;
}

/* Whether these alarms hold up whoever publishes. The store's alone does not: a failed disk
 * refuses what is persistent, and then its publisher is held up, and nobody else. */
static inline bool alarms_hold(unsigned alarms)
{
    return (alarms & ~(unsigned)BROKER_ALARM_STORE) != 0;
}

static inline unsigned session_alarms(const struct session *s)
{
    return atomic_load_explicit(&s->server->broker->alarms, memory_order_relaxed);
}

/* --- unfinished.c: messages that are not whole, and the bounds of what they may take ---------- */

/* How much room a message should have of which `least` bytes must fit now, that has `has` bytes of
 * room and will need `whole` in the end. */
uint64_t session_unfinished_room(const struct session *s, uint64_t has, uint64_t whole,
                                 uint64_t least);
/* Room of unfinished messages has been taken, or is given back: they are whole, or dropped. */
void session_unfinished_add(struct session *s, uint64_t bytes);
void session_unfinished_drop(struct session *s, uint64_t bytes);
/* After session_unfinished_add(): false when the session holds more than one may, of which
 * `of_this` is the room of the message that grew; the error says so. Else stops it if its loop
 * holds too much. */
bool session_unfinished_check(struct session *s, uint64_t of_this, struct broker_error *error);

/* --- session_log.c ---------------------------------------------------------------------------- */

/* Whom a line is about: "10.0.0.7:51044 -> 10.0.0.1:5672 'shop' (user 'ann', vhost '/')", with
 * the client's connection_name. What is not known yet is left out. */
struct session_title {
    char text[800];
};
const char *session_title(const struct session *s, struct session_title *room);
/* The title, until the end of the block. */
#define SESSION_TITLE(s) session_title((s), &(struct session_title){.text = ""})

/* --- tracing.c: the firehose (broker/trace.h); only while the vhost is traced ----------------- */

/* A message has been routed and is about to go; it came on this channel. */
void session_trace_publish(struct session *s, uint16_t channel, const struct delivery *message,
                           struct slice bcc, const struct route *route);
/* A message is being sent to the client, from this queue. */
void session_trace_delivery(struct session *s, uint16_t channel, struct slice queue,
                            const struct delivery *message);
/* Holds a publisher whose copies come faster than the trace's queues can take them. */
void session_hold_for_trace(struct session *s, struct slice exchange);

/* --- session_events.c: what is told to the event exchange (message/events.h) ------------------ */

/* It is RUNNING, and its facts are known. */
void session_event_created(struct session *s);
void session_event_channel_created(struct session *s, uint16_t channel);
void session_event_channel_closed(struct session *s, uint16_t channel);
/* `prefetch`: the channel's count. */
void session_event_consumer_created(struct session *s, uint16_t channel, uint32_t prefetch,
                                    const struct consumer *c);
/* by_client: the client has cancelled it; else it went with its channel or queue. */
void session_event_consumer_deleted(struct session *s, uint16_t channel, const struct consumer *c,
                                    bool by_client);

#endif
