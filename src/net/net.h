/* Sockets: bytes in, bytes out, nothing of what they mean. A connection lives on one loop, for all
 * its life, and every function here is called on that loop's thread unless it says otherwise.
 *
 * Reading: bytes land in the loop's one read buffer (NET_READ_BYTES a read, so that it stays in the
 * L2 cache) and are handed to the owner in place. What the owner does not consume (part of a frame)
 * is kept for it in a buffer of the connection's own and presented again in front of what comes
 * next; an idle connection holds no buffer.
 *
 * Writing: the owner appends to net_out() and says net_dirty(); the loop writes each dirty
 * connection once at the end of the turn, or earlier when more than NET_FLUSH_BYTES wait.
 *
 * An owner is called from the loop only, never from within its own calls to this room (on_bytes may
 * call everything here). After loops_stop() every connection ends with on_end(ERR_CLOSED). */
#ifndef LEVERET_NET_NET_H
#define LEVERET_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/outbuf.h"
#include "loop/loop.h"
#include "net/stream.h"

enum {
    NET_READ_BYTES = 64 * 1024,
    NET_FLUSH_BYTES = 64 * 1024,
};

struct net_conn;

struct net_owner {
    /* n bytes at p (never 0). Returns how many were consumed. Asking for more than one frame_max
     * of bytes at once is the owner's to refuse. The connection may be paused or closed within. */
    size_t (*on_bytes)(void *owner, uint8_t *p, size_t n);
    /* The output that had passed the high watermark is below the low one (or empty) again. */
    void (*on_drained)(void *owner);
    /* The socket is gone: the peer closed (0), an error (ERR_...), or net_close() has finished (0).
     * The last call; the net_conn is freed after it. */
    void (*on_end)(void *owner, int error);
};

struct net_address {
    char text[64]; /* "127.0.0.1" or "::1" */
    uint16_t port;
    bool is_loopback;
};

/* Who is at both ends. A layer that knows more (a certificate, a protocol's version, the address
 * that a proxy tells) adds a member here and fills it in. */
struct net_peer {
    struct net_address local;
    struct net_address peer;
};

/* --- listening -------------------------------------------------------------------------------- */

struct net_listener;

/* Keeps `count` of the process's file descriptors for other uses, files above all: a peer that
 * would get one of them is closed at once. Before the first net_listen(); 0 when it is not
 * called. */
void net_leave_descriptors(unsigned count);

/* Listens on address:port ("127.0.0.1", "::", ...; port 0 lets the kernel choose). Accepted sockets
 * are spread over all loops in turn; `accepted(loop, arg, conn, peer)` runs on the loop that got
 * it and must call net_attach(). ERR_BUSY when the port is taken, ERR_INVALID for the address,
 * ERR_REFUSED without permission. Accepting runs on loop 0. Before loops_run(). With the process
 * out of file descriptors the oldest waiting peer is accepted and closed at once, logged once a
 * minute at most, and accepting goes on. */
typedef void net_accepted_fn(struct loop *loop, void *arg, struct net_conn *conn,
                             const struct net_peer *peer);
int net_listen(struct loops *loops, const char *address, uint16_t port, net_accepted_fn *accepted,
               void *arg, struct net_listener **ret);

/* What holds for the sockets that a TCP listener accepts from now on. */
struct net_tcp_options {
    int backlog; /* peers that the kernel holds until they are accepted, up to its own limit */
    bool is_nodelay;
    bool is_keepalive;
    int send_buffer_bytes; /* below 0: the kernel's choice, or what it was */
    int receive_buffer_bytes;
};
/* Without it: a backlog of 4096, no delay, no keep-alive. Before loops_run(), or on loop 0. */
void net_listener_set_options(struct net_listener *listener, const struct net_tcp_options *options);
/* Puts this layer on every accepted socket, on the loop that gets it. Before loops_run(). */
void net_listener_set_layer(struct net_listener *listener, net_layer_fn *layer, void *arg);
uint16_t net_listener_port(const struct net_listener *listener);
/* No more connections are accepted; those there are stay. On loop 0. Clears the pointer. NULL is
 * fine. loops_free() closes those that are left: their pointers are then dead. */
void net_listener_close(struct net_listener **listener);

/* --- connecting ------------------------------------------------------------------------------- */

struct net_connect; /* an attempt under way */

struct net_connect_options {
    const char *host; /* a name, or an IPv4 or IPv6 address */
    uint16_t port;
    /* For all of it: finding the name's addresses, and trying one after the other. */
    uint32_t timeout_ms;
    net_layer_fn *layer; /* put on the socket once it is connected; NULL: plain */
    void *layer_arg;
};

/* The attempt has ended. With error 0 the connection is `conn`, and net_attach() must be called
 * within; else conn and peer are NULL, and lv_error_reason(error) says what failed: ERR_NOT_FOUND
 * (no such name), ERR_REFUSED, ERR_TIMED_OUT, ERR_CLOSED (the loops stop), ERR_NO_DESCRIPTORS,
 * ERR_IO ... */
typedef void net_connected_fn(struct loop *loop, void *arg, int error, struct net_conn *conn,
                              const struct net_peer *peer);

/* Opens a connection outwards, which lives on this loop. Calls `connected` once, on the loop and
 * never from within this call; the pointer is dead then. The options are copied. On the loop's
 * thread. */
struct net_connect *net_connect(struct loop *loop, const struct net_connect_options *options,
                                net_connected_fn *connected, void *arg);
/* Gives an attempt up: `connected` is not called. Clears the pointer. NULL is fine. On its loop. */
void net_connect_cancel(struct net_connect **connect);

/* --- connections ------------------------------------------------------------------------------ */

/* Must be called once in `accepted`; reading starts. The owner is borrowed until on_end. */
void net_attach(struct net_conn *conn, const struct net_owner *calls, void *owner);

struct loop *net_loop(const struct net_conn *conn);
/* What the connection's stream knows of both ends. While it is open. */
void net_peer_of(const struct net_conn *conn, struct net_peer *ret);

/* Where output goes. Call net_dirty() after appending; it may write, so nothing may point into the
 * output across it. No call to the owner is made within it. */
struct outbuf *net_out(struct net_conn *conn);
void net_dirty(struct net_conn *conn);

/* Bytes appended and not yet taken by the kernel. */
size_t net_unwritten(const struct net_conn *conn);

/* Above `high` unwritten bytes the owner is told by on_drained() when it is below `low` again.
 * Default 256 KiB and 64 KiB. */
void net_set_watermarks(struct net_conn *conn, size_t high, size_t low);

/* Stops and starts reading: counted, so two reasons to pause need two resumes. Bytes that were left
 * unconsumed are presented again on resume (in the same turn, after the caller has returned). */
void net_pause(struct net_conn *conn);
void net_resume(struct net_conn *conn);
bool net_is_paused(const struct net_conn *conn);

/* After net_resume(): presents what was left now, and not at the end of the turn. Not for use
 * within a call that net makes. */
void net_present(struct net_conn *conn);

/* What the kernel knows about the peer, also while the connection is paused and an end would not be
 * read: it is there; it has closed its side, and all it has sent lies here; it is gone for good. */
enum net_peer_state { NET_PEER_THERE, NET_PEER_ENDED, NET_PEER_RESET };
enum net_peer_state net_look_at_peer(const struct net_conn *conn);

/* From now on the connection ends, with ERR_TIMED_OUT, when output waits and the peer takes none of
 * it for this long, not even into its kernel's buffer. 0: it does not. */
void net_set_send_timeout(struct net_conn *conn, uint32_t ms);

/* Ends the connection: with `flush`, after what is in net_out() has been written (given up after
 * 3 s) and the peer has closed its side (given up after 1 s more, so that it can read our last
 * frames while it is still sending), else at once. No on_bytes and no on_drained afterwards; on_end
 * comes later in this turn or in a later one. A second call without `flush` ends the waiting. */
void net_close(struct net_conn *conn, bool flush);

/* Bytes received and sent since accept, for statistics. */
uint64_t net_received(const struct net_conn *conn);
uint64_t net_sent(const struct net_conn *conn);
/* The number of reads and writes that took. */
uint64_t net_reads(const struct net_conn *conn);
uint64_t net_writes(const struct net_conn *conn);
/* Bytes that wait in the socket to be read: a system call. */
size_t net_unread(const struct net_conn *conn);

/* loop_now_ms() of the last byte sent (accept, when none was). */
uint64_t net_sent_at_ms(const struct net_conn *conn);

/* Sets up this room's part of every loop; loops_free() takes it down. Before loops_start() and
 * before any other function here. */
void net_init(struct loops *loops);

#endif
