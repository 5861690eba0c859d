/* Declarations shared by the files of this room. */
#ifndef LEVERET_NET_NET_PRIVATE_H
#define LEVERET_NET_NET_PRIVATE_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/list.h"
#include "loop/loop.h"
#include "loop/loop_uv.h"
#include "net/net.h"
#include "net/stream.h"

/* What concerns many connections is logged at most once in this time, with how many there were. */
enum { WARN_EVERY_MS = 60000 };

struct accepting;     /* see accepting.c */
struct half_open;     /* see half_open.c */
struct half_open_set; /* see half_open.c */

/* The place of an accepted connection in the counts of its listener. */
struct net_entry {
    struct accepting *accepting; /* a reference */
    struct half_open *half_open; /* owned; NULL: it is not half-open, or nobody asks */
    uint16_t bucket;             /* in which it is counted, while is_newcomer */
    bool is_newcomer;
};

/* This room's part of a loop.
 *
 *   (1) A connection in `dirty` has output that no write has been tried for yet.
 *   (2) `unflushed` is about how much output the connections in `dirty` have; it decides when to
 *       write before the turn's end.
 *   (3) buffer[unread_start .. +unread_n) is what the owner of `read_owner` has not consumed. It
 *       stays there until another connection needs the buffer; it is then moved to read_owner's
 *       `unread`. */
struct net_loop {
    struct loop *loop;
    struct lv_list conns; /* all connections of this loop */
    struct lv_list dirty;
    struct lv_list deferred; /* connections that were resumed or drained: see deferred_calls */
    struct loop_task deferred_calls; /* calls their owners, and continues to read */
    struct lv_list listeners;        /* on loop 0 alone */
    struct lv_list connects;         /* attempts under way */
    unsigned openings;               /* steps of handshakes in this turn */
    size_t unflushed;
    uint8_t *buffer;
    size_t buffer_capacity;
    struct net_conn *read_owner; /* the connection whose bytes are in the buffer; NULL: none */
    size_t unread_start;
    size_t unread_n;
    bool is_stopped; /* the loop has ended: no new connections */
};

/*  OPENING ── the stream is open ──> OPEN ── net_close(flush) ──> FLUSHING ── written ──> LINGERING
 *   │                                 │                             │ 3 s, an error        │
 *   │ an error, its limit             │ end of input, error,        │                      │ 1 s,
 *   │                                 │ net_close()                 │                      │ end
 *   └─────────────────────────────────┴──────────> CLOSED <─────────┴──────────────────────┘
 *                                                     │ libuv's close callback: on_end(), freed
 *
 * conn_enter() is the only function that sets the state. An opening connection is known to the one
 * who called conn_open() and has no owner. A lingering connection has its sending
 * side shut down and drops what it receives: closing a socket with unread input resets it, and the
 * peer might never see our last frames. */
enum conn_state { CONN_OPENING, CONN_OPEN, CONN_FLUSHING, CONN_LINGERING, CONN_CLOSED };

/* Called once, when a connection is open or has failed to open. If error is 0, net_attach() must be
 * called within; else conn is NULL, the socket is closed, and lv_error_reason(error) says why. */
typedef void conn_opened_fn(void *arg, struct net_conn *conn, int error,
                            const struct net_peer *peer);

struct net_conn {
    uv_poll_t uv;
    struct net_stream *stream; /* NULL in CLOSED */
    struct net_loop *net;
    const struct net_owner *calls; /* borrowed, like the owner; NULL before net_attach() */
    void *owner;                   /* before net_attach(): the argument of `opened` */
    conn_opened_fn *opened;        /* NULL once it was called */
    struct net_peer *ends;         /* while OPENING: both ends at its beginning; owned; else NULL */

    struct outbuf out;
    size_t out_counted; /* how much of out.bytes net->unflushed contains */
    size_t high;
    size_t low;

    uint8_t *unread; /* unconsumed input, if another connection has needed the buffer since */
    size_t unread_n;

    struct net_entry entry; /* all zero: it was not accepted */
    uint64_t begun_ms;      /* loop_now_ms() when the socket was accepted, or connected */

    uint64_t received;
    uint64_t sent;
    uint64_t reads, writes; /* how many calls received and sent these bytes */
    uint64_t sent_at_ms;

    struct loop_timer limit; /* of opening, of sending, then of flushing, then of lingering */
    uint32_t send_timeout_ms;
    unsigned stuck_checks; /* how many in a row have found that the peer had taken nothing more */
    uint64_t taken;        /* bytes of output that the peer had acknowledged at the last check */
    struct lv_list in_conns;
    struct lv_list in_dirty;
    struct lv_list in_deferred;

    unsigned pauses;
    int end_error;   /* for on_end() */
    uint8_t state;   /* enum conn_state */
    uint8_t watched; /* NET_READABLE, NET_WRITABLE: what libuv polls the socket for */
    bool is_reading;
    bool is_blocked;    /* the stream takes no more output until its write_waits_for happens */
    bool is_above_high; /* on_drained() must follow */
    bool must_resume;   /* the deferred call must resume reading */
    bool must_call_drained;
    bool is_mute; /* the peer takes no more bytes; what it has sent is still read */
};

/* Returns the loop's part; NULL before net_init(). */
struct net_loop *net_of(const struct loop *loop);

/* Asserts that the caller runs on this loop, or on no loop's thread (before the loops start, or
 * after they have stopped). */
static inline void net_assert_loop(const struct loop *loop)
{
    const struct loop *here = loop_current();
    lv_assert(!here || here == loop);
}

static inline void conn_assert_loop(const struct net_conn *conn)
{
    net_assert_loop(conn->net->loop);
}

/* --- address.c -------------------------------------------------------------------------------- */

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
};

/* Returns false if the text is neither an IPv4 nor an IPv6 address. */
bool address_parse(const char *text, uint16_t port, union socket_address *ret, socklen_t *ret_n);
struct net_address address_format(const union socket_address *address);
/* Returns the addresses of both ends of a socket; "unknown" where the kernel tells none. */
struct net_peer address_both_ends(int fd);
/* Returns whether the address is in the network. */
bool network_has(const struct net_network *network, const union socket_address *address);

/* --- conn.c ----------------------------------------------------------------------------------- */

/* Makes a connection of the stream of a connected socket, which it takes, on the calling loop.
 * `layer` may be NULL. `entry` is copied, and left when the connection has ended or could not be
 * made; NULL: the connection was not accepted. `opened` is called within this call or, if the
 * stream begins with a handshake, later. Returns the connection in that case, which the caller may
 * conn_close() until `opened` is called; else returns NULL. */
struct net_conn *conn_open(struct net_loop *net, struct net_stream *stream, net_layer_fn *layer,
                           void *layer_arg, const struct net_entry *entry, conn_opened_fn *opened,
                           void *arg);

/* Closes the connection at once; does nothing if it is closed. `error` is for on_end(). */
void conn_close(struct net_conn *conn, int error);
/* Shuts our side down and waits for the peer's end. Call only when all output has been written. */
void conn_linger(struct net_conn *conn);
/* Closes every connection of the loop. */
void conns_stop(struct net_loop *net);
/* Makes libuv poll the socket for the events that the connection waits for. An event that it no
 * longer waits for is polled for until it happens once more: so a short pause costs no system
 * call. */
void conn_watch(struct net_conn *conn);

/* --- conn_input.c ----------------------------------------------------------------------------- */

void conn_start_reading(struct net_conn *conn);
/* Reads from the stream, at most a few times, and passes the bytes to the owner. */
void conn_read(struct net_conn *conn);
/* Drops what the owner has not consumed. */
void conn_drop_input(struct net_conn *conn);
void conn_defer_drained(struct net_conn *conn);
/* Makes the deferred calls to owners. */
void conns_call_deferred(struct loop *loop, struct loop_task *task);

/* --- conn_output.c ---------------------------------------------------------------------------- */

/* Writes the output, as far as the stream takes it. */
void conn_flush(struct net_conn *conn);
/* Closes the connection if its peer has taken nothing for the send timeout; else checks again
 * later. */
void conn_check_progress(struct net_conn *conn);
/* Writes the output of all dirty connections. */
void conns_flush(struct loop *loop);

/* --- stream_plain.c --------------------------------------------------------------------------- */

/* The calls of the plain stream, for streams that differ from it in others. */
int plain_read(struct net_stream *stream, uint8_t *p, size_t n, size_t *ret_bytes);
int plain_writev(struct net_stream *stream, const struct iovec *parts, int count,
                 size_t *ret_bytes);
int plain_shutdown(struct net_stream *stream);

/* --- stream_proxied.c ------------------------------------------------------------------------- */

/* Like net_stream_plain(), for a socket on which a PROXY header comes first: reading that is the
 * stream's handshake, for which it has header_ms. peer() returns the addresses passed on. */
struct net_stream *net_stream_proxied(int fd, uint32_t header_ms);

/* --- half_open.c ------------------------------------------------------------------------------ */

/* Newcomers are counted by a hash of their addresses, in so many buckets. */
enum { NEWCOMER_BUCKETS = 4096 };

/* All functions are called on the loop of the connections. */

struct half_open_set *half_open_set_create(void);
/* It must be empty. Clears the pointer. NULL is fine. */
void half_open_set_free(struct half_open_set **set);
bool half_open_set_is_empty(const struct half_open_set *set);
/* Puts the connection, whose entry names its bucket, behind the others of the set. */
void half_open_begin(struct half_open_set *set, struct net_conn *conn);
/* The connection is not found by its bucket any more, until it enters another. */
void half_open_leave_bucket(struct half_open *half_open);
void half_open_enter_bucket(struct half_open_set *set, struct half_open *half_open,
                            uint16_t bucket);
/* The connection is not half-open any more, or has ended. Clears the pointer. NULL is fine. */
void half_open_end(struct half_open **half_open);
/* Closes the oldest connection, if it came at least ms_min ago, or the oldest of the bucket. `key`
 * names the limit, for the log. Returns false if there is none to close. */
bool half_open_close_oldest(struct half_open_set *set, uint64_t ms_min, const char *key);
bool half_open_close_oldest_of(struct half_open_set *set, uint16_t bucket, const char *key);

/* --- accepting.c ------------------------------------------------------------------------------ */

/* Returns what is done with the sockets of a listener; the caller owns a reference. */
struct accepting *accepting_create(net_accepted_fn *accepted, void *arg);
void accepting_unref(struct accepting **accepting);
void accepting_set_layer(struct accepting *a, net_layer_fn *layer, void *arg);
void accepting_set_proxies(struct accepting *a, const struct net_network *trusted, size_t count);
void accepting_set_limits(struct accepting *a, const struct net_accept_limits *limits);

/* Returns how many connections the listener has. Any thread. */
uint64_t accepting_connections(const struct accepting *a);
/* Returns whether the listener has as many connections as it may have. Any thread. */
bool accepting_is_full(const struct accepting *a);
/* Returns what sets that limit, for the log. */
const char *accepting_connections_key(const struct accepting *a);
/* Closes the oldest half-open connection, if it came at least ms_min ago, for want of what `key`
 * names. Returns false if there is none to close. */
bool accepting_make_room(struct accepting *a, uint64_t ms_min, const char *key);
/* Returns whether there are half-open connections that are closed for others. */
bool accepting_has_half_open(const struct accepting *a);
/* Counts a new connection and its newcomer. Returns false, after a log line now and then, if there
 * are too many newcomers with this address: the caller closes the socket. Any thread. */
bool accepting_enter(struct accepting *a, const union socket_address *peer, struct net_entry *ret);
/* Makes a connection of the socket, which it takes together with the entry. On the loop that gets
 * the socket. */
void accepting_take(const struct net_entry *entry, struct loop *loop, int fd);

/* A connection was made of the entry's socket: it is half-open. */
void accepting_begin(struct net_conn *conn);

/* The peer has logged in: it is not a newcomer any more. */
void entry_admit(struct net_entry *entry);
/* The connection has ended: its place is free. Does nothing if the entry is all zero. */
void entry_leave(struct net_entry *entry);

/* --- listener.c, connect.c -------------------------------------------------------------------- */

/* Closes the listeners that are left. */
void listeners_free(struct net_loop *net);
/* Ends the attempts under way, with ERR_CLOSED. */
void connects_stop(struct net_loop *net);

#endif
