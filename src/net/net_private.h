/* What the files of this room share. */
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

/* This room's part of a loop.
 *
 *   (1) A connection in `dirty` has output nobody has tried to write yet.
 *   (2) `unflushed` is about the sum of their output; it decides when an early flush pays.
 *   (3) buffer[unread_start .. +unread_n) is what the owner of `read_owner` has not consumed. It
 *       stays there until another connection needs the buffer; then it is saved in that
 *       connection's `unread`. */
struct net_loop {
    struct loop *loop;
    struct lv_list conns; /* all of this loop */
    struct lv_list dirty;
    struct lv_list deferred;         /* connections whose owner must be called: resumed, drained */
    struct loop_task deferred_calls; /* calls them, and goes on reading */
    struct lv_list listeners;        /* loop 0 */
    struct lv_list connects;         /* under way */
    size_t unflushed;
    uint8_t *buffer;
    size_t buffer_capacity;
    struct net_conn *read_owner; /* the connection whose bytes are in the buffer; NULL: none */
    size_t unread_start;
    size_t unread_n;
    bool is_stopped; /* nothing new is taken in */
};

/*  OPEN ── net_close(flush) ──> FLUSHING ── all is written ──> LINGERING
 *   │                              │ 3 s, an error                │ end of input, 1 s
 *   └── end of input, error, ──────┴──────────> CLOSED <──────────┘
 *       net_close()                                │ libuv's close callback: on_end(), freed
 *
 * A connection lingers, its sending side shut down, and drops what comes in: closing a socket with
 * unread input resets it, and the peer might never see our last frames. */
enum conn_state { CONN_OPEN, CONN_FLUSHING, CONN_LINGERING, CONN_CLOSED };

struct net_conn {
    uv_poll_t uv;
    struct net_stream *stream; /* NULL: closed */
    struct net_loop *net;
    const struct net_owner *calls; /* borrowed, as the owner */
    void *owner;

    struct outbuf out;
    size_t out_told; /* of out.bytes: counted in net->unflushed */
    size_t high;
    size_t low;

    uint8_t *unread; /* unconsumed input, while another connection uses the buffer */
    size_t unread_n;

    uint64_t received;
    uint64_t sent;
    uint64_t reads, writes; /* ... in so many calls */
    uint64_t sent_at_ms;

    struct loop_timer limit; /* of sending, then of flushing, then of lingering */
    uint32_t send_timeout_ms;
    unsigned stuck_looks; /* the last ones in a row at which the peer had taken nothing more */
    uint64_t taken;       /* bytes of output that it had acknowledged at the last one */
    struct lv_list in_conns;
    struct lv_list in_dirty;
    struct lv_list in_deferred;

    unsigned pauses;
    int end_error;   /* for on_end() */
    uint8_t state;   /* enum conn_state */
    uint8_t watched; /* NET_READABLE, NET_WRITABLE: what the socket is polled for */
    bool is_reading;
    bool is_blocked;    /* the stream takes no more output until write_waits_for */
    bool is_above_high; /* on_drained() is awaited */
    bool must_resume;   /* deferred */
    bool must_tell_drained;
    bool is_mute; /* the peer no longer takes bytes; what it has sent is still read */
};

struct net_loop *net_of(const struct loop *loop);

/* --- address.c -------------------------------------------------------------------------------- */

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
};

/* Returns false when the text is neither an IPv4 nor an IPv6 address. */
bool address_parse(const char *text, uint16_t port, union socket_address *ret, socklen_t *ret_n);
struct net_address address_format(const union socket_address *address);
/* Who is at both ends of a socket. */
struct net_peer address_both_ends(int fd);

/* --- conn.c ----------------------------------------------------------------------------------- */

/* Makes the connection of a connected socket, which it takes, on the calling loop. `layer` may be
 * NULL. After an error the socket is closed. The caller hands *ret to its owner in the same
 * turn. */
int conn_open(struct net_loop *net, int fd, net_layer_fn *layer, void *layer_arg,
              struct net_conn **ret);

/* Closes it at once; nothing when it is closed. `error` is for on_end(). */
void conn_close(struct net_conn *conn, int error);
/* Shuts our side down and waits for the peer's. */
void conn_linger(struct net_conn *conn);
/* Closes every connection of the loop. */
void conns_stop(struct net_loop *net);
/* Sees to it that the socket is polled for what the connection waits for. It may be polled for
 * more: that ends when it happens, so that a short pause costs no system call. */
void conn_watch(struct net_conn *conn);

/* --- conn_input.c ----------------------------------------------------------------------------- */

void conn_start_reading(struct net_conn *conn);
/* Reads what the stream has, a few times at most, and hands it over. */
void conn_read(struct net_conn *conn);
/* Drops what the owner has not consumed. */
void conn_drop_input(struct net_conn *conn);
void conn_defer_drained(struct net_conn *conn);
/* Makes the calls to owners that were deferred. */
void conns_call_deferred(struct loop *loop, struct loop_task *task);

/* --- conn_output.c ---------------------------------------------------------------------------- */

/* Writes what there is, as far as the stream takes it. */
void conn_flush(struct net_conn *conn);
/* Closes the connection of a peer that has long taken nothing; else looks again later. */
void conn_look(struct net_conn *conn);
/* Writes what is dirty. */
void conns_flush(struct loop *loop);

/* --- listener.c, connect.c -------------------------------------------------------------------- */

/* Closes the listeners that are still there. */
void listeners_free(struct net_loop *net);
/* Ends the attempts under way, with ERR_CLOSED. */
void connects_stop(struct net_loop *net);

#endif
