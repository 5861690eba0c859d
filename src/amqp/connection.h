/* A connection: the handshake, the frames, the set of channels. Private to the room.
 *
 *   AWAIT_HEADER -> AWAIT_START_OK -> AWAIT_TUNE_OK -> AWAIT_OPEN -> RUNNING -> CLOSING -> GONE
 *
 * Any state goes to GONE when the socket does. CLOSING: we have said connection.close and wait for
 * close-ok; everything else is dropped. SILENT: nothing more is said or heard, the socket closes
 * when a timer ends (a refused login).
 *
 * The struct outlives its socket until the last call that one of its channels has under way at a
 * queue's home has come back. */
#ifndef LEVERET_AMQP_CONNECTION_H
#define LEVERET_AMQP_CONNECTION_H

#include <stdarg.h>

#include "amqp/amqp.h"
#include "base/buffer.h"
#include "base/list.h"
#include "topology/vhost.h"
#include "wire/methods.h"
#include "wire/wire.h"

enum { CONNECTION_MAGIC = 0xc0221ec7 };

/* Above this much unwritten output a connection's consumers pause. */
enum { OUTPUT_BYTES_HIGH = 256 * 1024, OUTPUT_BYTES_LOW = 64 * 1024 };

/* Above this much unwritten output a connection's input is not read; while memory is short, above
 * OUTPUT_BYTES_HIGH. More than that, since some clients publish a whole batch before they read what
 * came back of it. */
enum { ANSWER_BYTES_HIGH = 4 * 1024 * 1024 };

/* Why a connection's socket is not read, and frames that its channels keep are not executed
 * (STOP_DEFERRED: these are, since that ends it). */
enum connection_stop {
    STOP_ALARM = 1,    /* it publishes, and memory or disk are short */
    STOP_HELD = 2,     /* it publishes to a queue whose home is behind */
    STOP_DEFERRED = 4, /* its channels keep too many frames */
    STOP_OUTPUT = 8,   /* its client does not read what it is sent */
    STOP_BODIES = 16,  /* its loop holds too much of messages that are not whole (bodies.c) */
    STOP_TURN = 32,    /* what it asks for has used up the turn: it goes on in the next one */
};

enum connection_state {
    CONNECTION_AWAIT_HEADER,
    CONNECTION_AWAIT_START_OK,
    CONNECTION_AWAIT_TUNE_OK,
    CONNECTION_AWAIT_OPEN,
    CONNECTION_RUNNING,
    CONNECTION_CLOSING,
    CONNECTION_SILENT,
    CONNECTION_GONE,
};

/* What a client said it can do, as far as we act on it. */
struct client_capabilities {
    bool authentication_failure_close;
    bool connection_blocked;
    bool consumer_cancel_notify;
};

struct channel;
struct queue;

/* What a loop keeps for this room: LOOP_SLOT_AMQP. */
struct amqp_loop {
    struct amqp_server *server;
    struct loop *loop;
    struct lv_list connections; /* struct connection.link */
    size_t connection_count;
    uint64_t last_id;
    struct lv_list held; /* struct connection.held_link */
    struct loop_timer held_timer;
    struct lv_list blocked; /* struct connection.blocked_link */
    struct loop_timer blocked_timer;
    struct lv_list resumed; /* struct connection.resumed_link */
    struct loop_task resume;
    struct lv_list next_turn;    /* struct connection.next_turn_link */
    struct loop_job go_on;       /* lets them go, one after the other */
    struct lv_list body_holders; /* struct connection.body_link */
    uint64_t body_bytes;         /* of all */
    size_t body_stops;           /* connections with STOP_BODIES */
    uint64_t first_id;           /* of the first holder, when its time began ... */
    uint64_t first_received;     /* ... and what it had sent by then */
    struct loop_timer body_timer;
};

struct connection {
    unsigned magic;
    struct amqp_loop *home;
    struct net_conn *net; /* NULL when GONE */
    struct lv_list link;
    enum connection_state state;
    uint64_t id;
    char *name;
    struct net_peer peer;
    uint64_t connected_at_ms; /* wall clock */

    struct vhost *vhost; /* a reference, from connection.open on */
    struct auth_identity *identity;
    struct slice client_properties; /* owned */
    struct client_capabilities can;
    char mechanism[16];
    uint32_t frame_bytes_max;
    uint16_t channel_max;
    uint16_t heartbeat_s;

    struct channel **channels; /* by number */
    size_t channel_count;
    size_t channel_capacity;
    struct channel *last_channel;    /* the one last looked up; NULL: none */
    size_t zombies;                  /* channels closed, and kept by what they have under way ... */
    bool owes_close_ok;              /* to be said when the last zombie is gone */
    struct lv_list exclusive_queues; /* struct queue.owner_link */
    struct loop_job queues_end;      /* deletes them, when there are many; counts as a zombie */

    struct loop_timer timer; /* handshake limit, then the client's silence, then limit of CLOSING */
    struct loop_timer beat_timer; /* our heartbeats */
    uint64_t heard_bytes;         /* net_received() when the client's silence was last checked */
    unsigned silent_checks;       /* the last ones in a row that found nothing more */
    uint64_t skip_bytes;          /* of a refused frame, still to be dropped */
    struct channel *body_channel; /* whose body frame is being read piece by piece */
    uint64_t body_left;           /* payload bytes of that frame still to come */
    size_t drained;               /* times the socket took output again: whose turn it is first */
    size_t deferred_bytes;        /* frames kept by waiting channels */
    unsigned stops;               /* enum connection_stop */
    bool has_places;              /* it counts as one of its vhost's and its user's connections */
    bool is_finishing; /* the client has said close; channels that wait end what they have first */
    bool was_told_blocked;
    bool is_held_for_values;     /* STOP_HELD: also until the values are being stored (dedup.h) */
    struct queue *held_for;      /* STOP_HELD: until this queue's home has caught up; referenced */
    struct lv_list held_link;    /* in amqp_loop.held while STOP_HELD */
    struct lv_list blocked_link; /* in amqp_loop.blocked while STOP_ALARM */
    uint64_t body_bytes;         /* room for bodies that are not whole */
    struct lv_list body_link;    /* in amqp_loop.body_holders with more than its share of them */
    struct lv_list resumed_link; /* in amqp_loop.resumed: its channels' frames are to be executed */
    struct lv_list next_turn_link; /* in amqp_loop.next_turn while STOP_TURN */
};

/* --- connection.c --------------------------------------------------------------------------- */

/* Sends connection.close with this text (cut to what a short string holds) and ends all channels.
 * method: AMQP_... id of who is to blame, or 0. */
void connection_fail(struct connection *conn, uint16_t code, uint32_t method, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));
/* Like connection_fail(), where the log has a line about it already. */
void connection_fail_unsaid(struct connection *conn, uint16_t code, uint32_t method,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

/* "NOT_FOUND - " and the text, cut to what a short string holds, in `text` (SHORTSTR_BYTES_MAX
 * bytes, no NUL); its length. */
size_t reply_text_make(char *text, uint16_t code, const char *format, va_list args);

/* The socket closes without a word: at once, or after the delay that slows down guessing. */
void connection_drop(struct connection *conn);
void connection_drop_late(struct connection *conn);

/* The client has closed: as soon as no channel waits, all of them end, then the socket, behind
 * close-ok. Called again whenever a channel of a finishing connection went on. */
void connection_finish(struct connection *conn);

/* Gives back its place among the vhost's and the user's connections, if it has one. */
void connection_give_places(struct connection *conn);

/* Starts the heartbeats agreed on. */
void connection_start_heartbeats(struct connection *conn);
/* Sends one, whatever was agreed on. */
void connection_send_heartbeat(struct connection *conn);

/* A zombie channel is gone; frees the connection when it was the last thing that kept it. */
void connection_zombie_gone(struct connection *conn);

static inline struct amqp_server *connection_server(const struct connection *conn)
{
    return conn->home->server;
}

static inline struct loop *connection_loop(const struct connection *conn)
{
    return conn->home->loop;
}

/* --- connection_log.c ----------------------------------------------------------------------- */

/* Whom a line is about: "10.0.0.7:51044 -> 10.0.0.1:5672 'shop' (user 'ann', vhost '/')", with
 * the client's connection_name. What is not known yet is left out. */
struct connection_title {
    char text[800];
};
const char *connection_title(const struct connection *conn, struct connection_title *room);
/* The title, until the end of the block. */
#define CONNECTION_TITLE(conn) connection_title((conn), &(struct connection_title){.text = ""})

/* One line about an error that closes the channel, or the connection (ch is NULL). */
void connection_log_exception(const struct connection *conn, const struct channel *ch,
                              uint16_t code, uint32_t method, const char *format, va_list args)
    __attribute__((format(printf, 5, 0)));
/* connection_drop() of a client that has made a mistake, after a line about it. */
void connection_drop_for(struct connection *conn, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* One line about bytes that are no protocol header: what they may be, and the first of them. */
void connection_log_foreign(const struct connection *conn, const uint8_t *p, size_t n);
/* One line about a socket that the client closed too early, or that broke: `error`, or 0. For
 * debug only if not a byte had come, as from a health check. */
void connection_log_vanished(const struct connection *conn, int error);
/* One line about a handshake that takes too long. */
void connection_log_late(const struct connection *conn, uint32_t limit_ms);
/* For debug, a line about each argument that nothing in the broker knows. */
void channel_remark_arguments(const struct channel *ch, uint32_t method, struct slice name,
                              struct slice table, bool (*is_known)(struct slice argument));

/* --- pressure.c: when a connection is not read ------------------------------------------------ */

/* Sets up, and takes down, what a loop keeps for it. */
void pressure_init(struct amqp_loop *home);
void pressure_free(struct amqp_loop *home);

/* The socket is not read, for one reason more or less. */
void connection_stop(struct connection *conn, enum connection_stop why);
void connection_go(struct connection *conn, unsigned whys);
/* Stops it until the next turn. */
void connection_stop_for_turn(struct connection *conn);
/* For every reason: the connection is closing, or gone. */
void connection_go_for_good(struct connection *conn);

/* Stops a connection that publishes while an alarm is on, and tells the client. */
void connection_block(struct connection *conn);

/* Stops it until the home of a queue it publishes to has caught up. */
void connection_hold(struct connection *conn, struct queue *q);
/* The same, and until the values that exchanges have seen are being stored in time. */
void connection_hold_for_values(struct connection *conn, struct queue *q);

/* Frames of waiting channels are kept, or are executed: stops the connection above a mark, and lets it
 * go again. */
void connection_count_deferred(struct connection *conn, size_t more, size_t less);

/* Output was added that no consumer's window limits: stops the connection above a mark. */
void connection_watch_output(struct connection *conn);

/* What was just done for it has cost this many units (loop.h: work in slices). When that uses up the
 * turn's, the connection stops until the next one. */
static inline void connection_charge(struct connection *conn, unsigned units)
{
    if (units > 0 && !loop_charge(connection_loop(conn), units))
        connection_stop_for_turn(conn);
}

/* Whether frames that channels have kept may be executed. */
static inline bool connection_executes(const struct connection *conn)
{
    return (conn->stops & ~(unsigned)STOP_DEFERRED) == 0;
}

/* Whether these alarms hold up whoever publishes. The store's alone does not: a failed disk refuses what
 * is persistent, and then its publisher is held up, and nobody else. */
static inline bool alarms_hold(unsigned alarms)
{
    return (alarms & ~(unsigned)BROKER_ALARM_STORE) != 0;
}

static inline unsigned connection_alarms(const struct connection *conn)
{
    return atomic_load_explicit(&connection_server(conn)->broker->alarms, memory_order_relaxed);
}

/* --- bodies.c ------------------------------------------------------------------------------- */

void bodies_init(struct amqp_loop *home);
void bodies_free(struct amqp_loop *home);

/* --- frames.c: net's on_bytes --------------------------------------------------------------- */

size_t connection_on_bytes(void *owner, uint8_t *p, size_t n);

/* A frame of the running state on a channel that is there or not; of a method there are 4 bytes. */
void connection_take_channel_frame(struct connection *conn, uint8_t type, uint16_t number,
                                   struct slice payload);

/* --- cmd_connection.c ----------------------------------------------------------------------- */

/* Answers the protocol header, the first 8 of the n bytes that have come. */
void connection_take_header(struct connection *conn, const uint8_t *header, size_t n);
/* A method on channel 0. */
void connection_take_method(struct connection *conn, uint32_t method, struct slice args);

/* --- the set of channels: channels.c ------------------------------------------------------- */

struct channel *connection_find_channel(struct connection *conn, uint16_t number);
void connection_add_channel(struct connection *conn, struct channel *channel);
void connection_remove_channel(struct connection *conn, struct channel *channel);

/* --- writing -------------------------------------------------------------------------------- */

/* Writes a method frame: CONNECTION_SEND(conn, 0, connection_tune, .frame_max = 131072). */
#define CONNECTION_SEND(conn, number, method, ...)                                                 \
    do {                                                                                           \
        const struct amqp_##method method_ = {__VA_ARGS__};                                        \
        struct outbuf *out_ = net_out((conn)->net);                                                \
        size_t size_ = amqp_##method##_size(&method_);                                             \
        amqp_##method##_put(outbuf_reserve(out_, size_), (number), &method_);                      \
        outbuf_commit(out_, size_);                                                                \
        net_dirty((conn)->net);                                                                    \
    } while (0)

#endif
