/* Sockets: bytes in and bytes out, and nothing of what they mean. A connection lives on one loop
 * all its life, and every function here is called on that loop's thread unless it says otherwise.
 *
 * Reading: bytes are read into the loop's one read buffer (NET_READ_BYTES at a time, so that it
 * stays in the L2 cache), where the owner parses them. What it does not consume (part of a frame)
 * is kept and presented again in front of the next bytes, in a buffer of the connection's own if
 * another connection needs the loop's; an idle connection holds no buffer.
 *
 * Writing: the owner appends to net_out() and calls net_dirty(); the loop writes each dirty
 * connection once at the end of the turn, or earlier if more than NET_FLUSH_BYTES wait.
 *
 * Owners are called from the loop only, never from within their own calls to this room (on_bytes
 * may call everything here). After loops_stop() every connection ends with on_end(ERR_CLOSED). */
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
    /* n bytes have arrived, at p (n is never 0). Returns how many were consumed; the rest is
     * presented again with what follows. How much may be left unconsumed is for the owner to limit
     * (by frame_max). The owner may pause or close the connection within this call. */
    size_t (*on_bytes)(void *owner, uint8_t *p, size_t n);
    /* Output that was above the high watermark is at or below the low one again. */
    void (*on_drained)(void *owner);
    /* The connection has ended: the peer closed it (0), it failed (ERR_...), or net_close() has
     * finished (0). This is the last call; the net_conn is freed after it. */
    void (*on_end)(void *owner, int error);
};

struct net_address {
    char text[64]; /* "127.0.0.1" or "::1" */
    uint16_t port;
    bool is_loopback;
};

/* An address, or all addresses that begin with the same bits. */
struct net_network {
    uint8_t bytes[16]; /* of an IPv6 address; IPv4 as ::ffff:a.b.c.d */
    unsigned bits;     /* how many of them count, 0 to 128 */
};
/* Parses "10.0.0.0/8", "192.0.2.7", "2001:db8::/32". Returns false if the text is malformed. Any
 * thread. */
bool net_network_parse(const char *text, struct net_network *ret);

/* What a connection's encryption is, in RabbitMQ's words. The texts are static. */
struct net_tls {
    const char *protocol;     /* "tlsv1.3" */
    const char *key_exchange; /* "ecdhe_rsa"; "any" for TLS 1.3 */
    const char *cipher;       /* "aes_256_gcm" */
    const char *hash;         /* "aead", "sha384" */
    const void *certificate;  /* the peer's, for tls/certificate.h; NULL: it has sent none */
};

/* The addresses of both ends: the kernel's, or those that a proxy has passed on. A layer that knows
 * more adds a member here and fills it in. */
struct net_peer {
    struct net_address local;
    struct net_address peer;
    const struct net_tls *tls; /* valid while the connection is open; NULL: not encrypted */
    /* The peer is an operator's tool, which may do everything: only net_take() passes that on. */
    bool is_operator;
    uint32_t process; /* the operator's process id; 0: not known */
};

/* --- listening -------------------------------------------------------------------------------- */

struct net_listener;

/* Reserves `count` of the process's file descriptors for other uses, mainly files: a peer that
 * would get one of them is closed at once. Call only before the first net_listen(). Without this
 * call 0 are reserved. */
void net_leave_descriptors(unsigned count);

/* Listens on address:port ("127.0.0.1", "::", ...; with port 0 the kernel chooses). Loop 0 accepts
 * sockets and distributes them over all loops in turn; `accepted(loop, arg, conn, peer)` is called
 * on the loop that got the socket, and must call net_attach(). Returns ERR_BUSY if the port is in
 * use, ERR_INVALID for the address, ERR_REFUSED without permission. If the process has no file
 * descriptor left, the oldest waiting peer is accepted and closed at once, which is logged at most
 * once a minute, and accepting continues. If a layer begins with a handshake, `accepted` is called
 * when that is complete; a peer whose handshake fails is logged and never seen by `accepted`. Call
 * after net_init(), before loops_run() or on loop 0. */
typedef void net_accepted_fn(struct loop *loop, void *arg, struct net_conn *conn,
                             const struct net_peer *peer);
int net_listen(struct loops *loops, const char *address, uint16_t port, net_accepted_fn *accepted,
               void *arg, struct net_listener **ret);

/* Options of the sockets that a TCP listener accepts from now on. */
struct net_tcp_options {
    int backlog; /* peers that the kernel queues until they are accepted, up to its own limit */
    bool is_nodelay;
    bool is_keepalive;
    bool resets; /* closing resets the connection: what the peer has not taken is dropped */
    int send_buffer_bytes; /* below 0: as it was, which at the start is the kernel's choice */
    int receive_buffer_bytes;
};
/* Sets them. Without this call: a backlog of 4096, no delay, no keep-alive, no resets. Call only
 * before loops_run(), or on loop 0. */
void net_listener_set_options(struct net_listener *listener, const struct net_tcp_options *options);
/* Puts this layer on every accepted socket, on the loop that gets it. Call only before
 * loops_run(), or in the turn of net_listen(). */
void net_listener_set_layer(struct net_listener *listener, net_layer_fn *layer, void *arg);
/* Makes peers with these addresses begin with a header of the PROXY protocol (version 1 or 2), as
 * do all if count is 0; the list is copied. `accepted` is called when the header has come, with the
 * addresses that it passes on; a layer begins behind it. `is_loopback` is true only if both the
 * client's address and the proxy's are. A peer that sends anything else, or not enough in time, is
 * closed, which is logged. Other peers send no header. Call only before loops_run(), or in the turn
 * of net_listen(). */
void net_listener_expect_proxies(struct net_listener *listener, const struct net_network *trusted,
                                 size_t count);

struct net_accept_limits {
    /* Connections of this listener: when there are as many, no more are accepted until one has
     * ended. Below 0: no limit. */
    int64_t connections;
    /* Newcomers, which were accepted and for which net_admit() was not called yet, with the same
     * address (the same 64 bits, of IPv6): more are closed at once, and a log line now and then
     * tells how many. Below 0: no limit. */
    int64_t newcomers_per_address;
    /* Within which a PROXY header must have come, unless there is a layer: then the layer's limit
     * is for both. */
    uint32_t proxy_header_ms;
    /* What sets the first two, for log lines; static. NULL: nothing to name. */
    const char *connections_key, *newcomers_key;
    /* When a new peer finds that there are as many connections, newcomers with its address or
     * descriptors as there may be, the oldest half-open connection is closed for it (of the
     * listener, or of the address, or of the loop), with on_end(ERR_CLOSED); a log line now and
     * then tells how many. Half-open is one for which net_keep() was not called yet, also within a
     * handshake. Where the new peer could wait, because there are as many connections, it does so
     * until the oldest has been there for 0.1 s. Only for a set of one loop, and the same in each
     * call for a listener. */
    bool closes_half_open;
};
/* Sets the limits for sockets that are accepted from now on. Without this call there are none, and
 * a header has 10 s. Call only before loops_run(), or on loop 0. */
void net_listener_set_limits(struct net_listener *listener, const struct net_accept_limits *limits);
uint16_t net_listener_port(const struct net_listener *listener);
/* Returns the number of open connections that the listener has accepted. Any thread, before
 * net_listener_close(). */
uint64_t net_listener_connections(const struct net_listener *listener);
/* Stops accepting; connections stay. On loop 0. Clears the pointer. NULL is fine. loops_free()
 * closes the listeners that are left; their pointers must not be used after that. */
void net_listener_close(struct net_listener **listener);

/* --- connecting ------------------------------------------------------------------------------- */

struct net_connect; /* an attempt to connect */

struct net_connect_options {
    const char *host; /* a name, or an IPv4 or IPv6 address */
    uint16_t port;
    /* For the whole attempt: resolving the name, trying one address after the other, and the
     * handshake of the layer. */
    uint32_t timeout_ms;
    net_layer_fn *layer; /* put on the socket once it is connected; NULL: plain */
    void *layer_arg;
};

/* Called when the attempt has ended. If error is 0 the connection is `conn`, and net_attach() must
 * be called within; else conn and peer are NULL, and lv_error_reason(error) says what failed:
 * ERR_NOT_FOUND (no such name), ERR_REFUSED, ERR_TIMED_OUT, ERR_CLOSED (the loops stop),
 * ERR_NO_DESCRIPTORS, ERR_IO ... */
typedef void net_connected_fn(struct loop *loop, void *arg, int error, struct net_conn *conn,
                              const struct net_peer *peer);

/* Opens a connection outwards, which lives on this loop. `connected` is called once, on the loop
 * and never from within this call; the returned pointer must not be used from then on. The options
 * are copied. On the loop's thread. */
struct net_connect *net_connect(struct loop *loop, const struct net_connect_options *options,
                                net_connected_fn *connected, void *arg);
/* Cancels an attempt: `connected` is not called. Clears the pointer. NULL is fine. On its loop. */
void net_connect_cancel(struct net_connect **connect);

/* --- connections ------------------------------------------------------------------------------ */

/* Makes a connection of one end of a pair of sockets, which it takes, and attaches it to this
 * owner. Returns NULL, with the socket closed, if the loop has stopped or there is no memory. On
 * the loop's thread. */
struct net_conn *net_adopt(struct loop *loop, int fd, const struct net_owner *calls, void *owner);

/* Makes a connection of a connected socket that does not block, which it takes, and calls
 * accepted() for it, within this call, with this peer: for a socket that was accepted elsewhere.
 * Returns false, with the socket closed, if the loop has stopped or there is no memory. On the
 * loop's thread. */
bool net_take(struct loop *loop, int fd, const struct net_peer *peer, net_accepted_fn *accepted,
              void *arg);

/* Gives the connection an owner, which is borrowed until on_end(), and starts reading. Must be
 * called once, within `accepted` or `connected`. */
void net_attach(struct net_conn *conn, const struct net_owner *calls, void *owner);

struct loop *net_loop(const struct net_conn *conn);
/* Returns what the stream knows about both ends. Call only while the connection is open. */
void net_peer_of(const struct net_conn *conn, struct net_peer *ret);

/* Returns the connection's output, to append to. Call net_dirty() afterwards: it may write, so no
 * pointer into the output may be kept across it. It does not call the owner. */
struct outbuf *net_out(struct net_conn *conn);
void net_dirty(struct net_conn *conn);

/* Returns how many bytes were appended and not yet taken by the kernel. */
size_t net_unwritten(const struct net_conn *conn);

/* After unwritten bytes have been above `high`, on_drained() is called when they are at or below
 * `low` again. The defaults are 256 KiB and 64 KiB. */
void net_set_watermarks(struct net_conn *conn, size_t high, size_t low);

/* Stop and start reading. They are counted: two pauses need two resumes. After the last resume,
 * bytes that were left unconsumed are presented again (in the same turn, after the caller has
 * returned). */
void net_pause(struct net_conn *conn);
void net_resume(struct net_conn *conn);
bool net_is_paused(const struct net_conn *conn);

/* After net_resume(), presents what was left unconsumed at once instead of at the end of the turn.
 * Must not be called from within a call of this room to an owner. */
void net_present(struct net_conn *conn);

/* Returns what the kernel knows about the peer: ENDED if the peer has closed its side and all that
 * it sent has arrived, RESET if the connection is gone, else THERE. This also works while the
 * connection is paused and so does not read the end of input. */
enum net_peer_state { NET_PEER_THERE, NET_PEER_ENDED, NET_PEER_RESET };
enum net_peer_state net_look_at_peer(const struct net_conn *conn);

/* From now on the connection ends with ERR_TIMED_OUT when output waits and the peer takes none of
 * it for this long, not even into its kernel's buffer. 0: no timeout, as at the start. */
void net_set_send_timeout(struct net_conn *conn, uint32_t ms);

/* Tells that the peer has logged in: it is not a newcomer any more (struct net_accept_limits).
 * Calling it again does nothing. */
void net_admit(struct net_conn *conn);

/* Tells that the peer has sent what was waited for: the connection is not half-open any more
 * (struct net_accept_limits). Calling it again does nothing. */
void net_keep(struct net_conn *conn);

/* Ends the connection: without `flush` at once; with it, after what is in net_out() has been
 * written (at most 3 s) and the peer has closed its side (at most 1 s more, so that a peer that is
 * still sending can read our last frames). on_bytes and on_drained are not called any more; on_end
 * is called later in this turn or in a later one. A second call without `flush` ends the
 * waiting. */
void net_close(struct net_conn *conn, bool flush);

/* Return the bytes received and sent so far, for statistics. */
uint64_t net_received(const struct net_conn *conn);
uint64_t net_sent(const struct net_conn *conn);
/* Return the number of reads and writes that this took. */
uint64_t net_reads(const struct net_conn *conn);
uint64_t net_writes(const struct net_conn *conn);
/* Returns how many bytes wait in the socket to be read. Makes a system call. */
size_t net_unread(const struct net_conn *conn);

/* Returns the milliseconds since the socket was accepted or connected. */
uint64_t net_age_ms(const struct net_conn *conn);

/* Returns loop_now_ms() of the last byte sent, or of the connection's beginning. */
uint64_t net_sent_at_ms(const struct net_conn *conn);

/* Sets up this room's part of every loop; loops_free() frees it. Call once, before loops_start()
 * and before any other function here. */
void net_init(struct loops *loops);

#endif
