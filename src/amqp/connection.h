/* A connection: the handshake, the frames, the set of channels. Private to the room.
 *
 *   AWAIT_HEADER -> AWAIT_START_OK -> LOGGING_IN -> AWAIT_TUNE_OK -> AWAIT_OPEN -> ENTERING ->
 *   RUNNING                              the handshake; while LOGGING_IN and ENTERING, until the
 *                                        broker knows its answer, nothing is read
 *   RUNNING -> FINISHING -> SILENT       the client has sent connection.close: channels that wait
 *                                        finish their commands first, all further frames are
 *                                        dropped; then close-ok is sent
 *   RUNNING -> CLOSING -> SILENT         we have sent connection.close and wait for close-ok; all
 *                                        other frames are dropped, but a close is answered
 *   SILENT -> OWES_CLOSE_OK -> SILENT    close-ok is sent when the last zombie is gone
 *   any -> GONE                          the socket is gone
 *
 * SILENT: no more frames are taken, and nothing more is sent but a last close-ok; the socket closes
 * at once, when its output is written, or when a timer ends (after a refused login).
 * connection_moves[] in connection.c has every move.
 *
 * The struct outlives its socket until nothing of its channels is under way at a queue's home. */
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

enum connection_state {
    CONNECTION_AWAIT_HEADER,
    CONNECTION_AWAIT_START_OK,
    CONNECTION_LOGGING_IN,
    CONNECTION_AWAIT_TUNE_OK,
    CONNECTION_AWAIT_OPEN,
    CONNECTION_ENTERING,
    CONNECTION_RUNNING,
    CONNECTION_FINISHING,
    CONNECTION_CLOSING,
    CONNECTION_OWES_CLOSE_OK,
    CONNECTION_SILENT,
    CONNECTION_GONE,
};

/* The capabilities of the client that we act on. */
struct client_capabilities {
    bool authentication_failure_close;
    bool connection_blocked;
    bool consumer_cancel_notify;
};

struct channel;

struct connection {
    unsigned magic;
    enum connection_state state;
    struct session session;
    struct client_capabilities can;
    uint32_t frame_bytes_max;
    uint16_t channel_max;
    uint16_t heartbeat_s;

    struct channel **channels; /* by number */
    size_t channel_count;
    size_t channel_capacity;
    struct channel *last_channel; /* the one last looked up; NULL: none */
    /* What must end before the connection is freed: channels that have LEFT and wait for something,
     * and one more while the connection's exclusive queues are being deleted. */
    size_t zombies;

    struct loop_timer timer; /* limits the handshake, then the client's silence, then CLOSING */
    struct loop_timer beat_timer; /* sends our heartbeats */
    uint64_t heard_bytes;         /* net_received() when the client's silence was last checked */
    unsigned silent_checks;       /* how many checks in a row have found that nothing had come */
    uint64_t skip_bytes;          /* bytes of a refused frame that are still to be dropped */
    /* the one whose body frame is taken piece by piece; NULL: dropped */
    struct channel *body_channel;
    uint64_t body_left; /* bytes of that frame still to come, its end octet included */
    size_t drained;     /* how often the socket has drained: decides which consumer is first */
    bool was_told_blocked;

    /* connection_log.c */
    bool is_accept_logged; /* set when the first byte has come */
    bool is_end_logged;
};

static inline struct connection *connection_of(struct session *s)
{
    struct connection *conn = lv_container_of(s, struct connection, session);
    lv_assert(conn->magic == CONNECTION_MAGIC);
    return conn;
}

/* --- connection.c ----------------------------------------------------------------------------- */

/* A net_accepted_fn; arg is the struct session_server. */
void connection_accepted(struct loop *loop, void *arg, struct net_conn *net,
                         const struct net_peer *peer);

/* Changes the state; nothing else does. Asserts that the move is legal, and has the session's state
 * follow. */
void connection_enter(struct connection *conn, enum connection_state next);

/* Logs the error, sends connection.close with this text (cut to what a short string holds) and ends
 * all channels. A FINISHING connection is sent close-ok instead; one that is CLOSING or beyond is
 * left alone. `channel`: the number of the channel where the error was made, or 0. `method`: the
 * method that caused it (AMQP_... id), or 0. */
void connection_fail(struct connection *conn, uint16_t channel, uint16_t code, uint32_t method,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Like connection_fail(), without a log line: the caller has logged the error already. */
void connection_fail_unsaid(struct connection *conn, uint16_t code, uint32_t method,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Writes the name of the code and the text ("NOT_FOUND - ..."), cut to what a short string holds,
 * into `text` (SHORTSTR_BYTES_MAX bytes, no NUL). Returns the length. */
size_t reply_text_make(char *text, uint16_t code, const char *format, va_list args);

/* Close the socket without connection.close: connection_drop() when the output is written,
 * connection_drop_late() after a delay that slows down the guessing of passwords. */
void connection_drop(struct connection *conn);
void connection_drop_late(struct connection *conn);
/* Logs a client's mistake, and then does connection_drop(). */
void connection_drop_for(struct connection *conn, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Handles the client's connection.close: as soon as no channel waits, ends all channels, sends
 * close-ok and closes the socket. Call only in state RUNNING. */
void connection_finish(struct connection *conn);
/* Finishes a FINISHING connection if no channel waits any longer; otherwise does nothing. Called
 * when a channel has gone on or ended. */
void connection_try_to_finish(struct connection *conn);

/* Counts a zombie that is gone. After the last one, sends the close-ok that is owed, or frees a
 * GONE connection. */
void connection_zombie_gone(struct connection *conn);

/* Returns whether commands of the connection's channels are executed. */
static inline bool connection_is_open(const struct connection *conn)
{
    return conn->state == CONNECTION_RUNNING || conn->state == CONNECTION_FINISHING;
}

/* Asserts that the caller runs on the connection's loop, or that no loop runs: before the start,
 * after the stop. */
static inline void connection_assert_home(const struct connection *conn)
{
    const struct loop *here = loop_current();
    lv_assert(conn->magic == CONNECTION_MAGIC);
    lv_assert(!here || here == conn->session.loop);
}

static inline struct session_server *connection_server(const struct connection *conn)
{
    return conn->session.server;
}

static inline struct loop *connection_loop(const struct connection *conn)
{
    return conn->session.loop;
}

/* --- heartbeats.c ----------------------------------------------------------------------------- */

void connection_init_timers(struct connection *conn);
/* Ends the limit of the handshake, and starts heartbeats if they were negotiated. */
void connection_start_heartbeats(struct connection *conn);
/* Sends a heartbeat, whatever was negotiated. */
void connection_send_heartbeat(struct connection *conn);

/* --- listing.c: struct frontend's calls ------------------------------------------------------- */

/* Returns RabbitMQ's word for the state: starting, tuning, opening, running, closing, closed. */
const char *connection_state_name(const struct connection *conn);

void connection_add_facts(const struct session *s, struct session_facts *facts);
void connection_visit_channels(struct session *s, const struct session_facts *facts,
                               const struct session_visitor *visitor, void *arg);

/* --- connection_log.c ------------------------------------------------------------------------- */

/* How a log line names the connection, and a channel of it. Valid until the end of the enclosing
 * block. */
#define CONNECTION_TITLE(conn) SESSION_TITLE(&(conn)->session)
#define CHANNEL_TITLE(ch)                                                                          \
    SESSION_TITLE_WITH(&(ch)->connection->session, .has_channel = true, .channel = (ch)->number)

/* Logs that the first byte has come. */
void connection_log_accepted(struct connection *conn);
/* Logs that the client is in. */
void connection_log_entered(const struct connection *conn);
/* Log one line about an error that closes the channel, or the connection. */
void channel_log_error(const struct channel *ch, uint16_t code, uint32_t method, const char *format,
                       va_list args) __attribute__((format(printf, 4, 0)));
void connection_log_error(const struct connection *conn, uint16_t channel, uint16_t code,
                          uint32_t method, const char *format, va_list args)
    __attribute__((format(printf, 5, 0)));
/* Logs one line about a refused login. */
void connection_log_refused(const struct connection *conn, struct slice user, const char *reason);

/* Each of these logs one line about the connection's end, which begins with "closing AMQP
 * connection", unless there has been one already. */

/* The client has sent connection.close. */
void connection_log_closed(struct connection *conn, const struct amqp_connection_close *m);
/* The broker closes the connection for this reason, before it is open. */
void connection_log_forced(struct connection *conn, const char *reason);
/* The client has made a mistake in the handshake, or one that cannot be answered. */
void connection_log_mistake(struct connection *conn, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The client's tune-ok has this value, which is "lower" than the "minimum" or "higher" than the
 * "maximum". */
void connection_log_untuned(struct connection *conn, const char *name, uint32_t value,
                            const char *comparison, const char *limit, uint32_t limit_value);
/* The client has begun with bytes that are not a protocol header: says what they may be, and the
 * first of them. */
void connection_log_foreign(struct connection *conn, const uint8_t *p, size_t n);
/* The socket is gone: the client has closed it, or it has failed with `error` (0: none), or the
 * broker has closed it. At level debug if no byte has come, as with a health check. */
void connection_log_gone(struct connection *conn, int error);
/* The handshake takes too long. */
void connection_log_late(struct connection *conn, uint32_t limit_ms);
/* Nothing has come for too long. */
void connection_log_silent(struct connection *conn);

/* Logs, at level debug, one line about each argument that the broker does not know. */
void channel_remark_arguments(const struct channel *ch, uint32_t method, struct slice name,
                              struct slice table, bool (*is_known)(struct slice argument));

/* --- protocol_guess.c ------------------------------------------------------------------------- */

/* Returns a few words about what these first bytes look like: "an HTTP request". */
const char *protocol_guess(const uint8_t *p, size_t n);

/* --- frames.c: net's on_bytes ----------------------------------------------------------------- */

size_t connection_on_bytes(void *owner, uint8_t *p, size_t n);

/* Takes a frame, in state RUNNING or FINISHING, for a channel that may or may not exist. The
 * payload of a method frame has at least 4 bytes. */
void connection_take_channel_frame(struct connection *conn, uint8_t type, uint16_t number,
                                   struct slice payload);

/* --- cmd_connection.c ------------------------------------------------------------------------- */

/* Answers the protocol header, the first 8 of the n bytes that have come. */
void connection_take_header(struct connection *conn, const uint8_t *header, size_t n);
/* Takes a method on channel 0. */
void connection_take_method(struct connection *conn, uint32_t method, struct slice args);

/* --- the set of channels: channels.c ---------------------------------------------------------- */

struct channel *connection_find_channel(struct connection *conn, uint16_t number);
void connection_add_channel(struct connection *conn, struct channel *channel);
void connection_remove_channel(struct connection *conn, struct channel *channel);

/* --- writing ---------------------------------------------------------------------------------- */

/* Writes a method frame: CONNECTION_SEND(conn, 0, connection_tune, .frame_max = 131072). */
#define CONNECTION_SEND(conn, number, method, ...)                                                 \
    do {                                                                                           \
        const struct amqp_##method method_ = {__VA_ARGS__};                                        \
        struct outbuf *out_ = net_out((conn)->session.net);                                        \
        size_t size_ = amqp_##method##_size(&method_);                                             \
        amqp_##method##_put(outbuf_reserve(out_, size_), (number), &method_);                      \
        outbuf_commit(out_, size_);                                                                \
        net_dirty((conn)->session.net);                                                            \
    } while (0)

#endif
