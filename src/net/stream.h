/* A stream of bytes on a socket: what a connection reads from and writes to. The plain one
 * (stream_plain.c) is the socket itself. A layer (TLS, WebSocket) is a stream that contains another
 * one and turns bytes into records on the way.
 *
 * A stream never blocks. If it cannot do what is asked now it returns NET_WAIT, or does a part, and
 * sets `read_waits_for` or `write_waits_for` to the event of the socket after which it can
 * continue. In a layer these may cross: a read may have to wait until the socket is writable.
 *
 * A layer that begins with a handshake has open(): the connection has no owner until the handshake
 * is complete, so a peer that never completes it costs little, and what the layer learns (a
 * certificate, the address that a proxy passes on) is known to the owner from the start.
 *
 * A stream belongs to one connection and is used only on its loop. */
#ifndef LEVERET_NET_STREAM_H
#define LEVERET_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct iovec;
struct net_peer;
struct net_stream;

enum {
    NET_READABLE = 1,
    NET_WRITABLE = 2,
    NET_WAIT = 1, /* "not now"; lengths are returned in ret_bytes, and ERR_... are negative */
};

struct net_stream_calls {
    /* Advances the handshake. Returns 0 when it is complete, NET_WAIT (call it again after
     * `read_waits_for`), or ERR_... with the reason in lv_error_explain(). ERR_CLOSED says that the
     * peer has gone without having sent a byte. A layer calls net_stream_open_inside() first.
     * NULL: there is no handshake. Nothing but close() and peer() is called before it is
     * complete. */
    int (*open)(struct net_stream *stream);
    /* Reads up to n bytes. Returns 0 with *ret_bytes > 0; 0 with *ret_bytes 0 at the end of input;
     * NET_WAIT if nothing has arrived yet; or ERR_... */
    int (*read)(struct net_stream *stream, uint8_t *p, size_t n, size_t *ret_bytes);
    /* Writes as much as it can. Returns 0 with how many bytes were taken, which the caller drops;
     * if these are fewer than all, the stream waits for `write_waits_for`. Returns NET_WAIT if none
     * were taken, or ERR_... A layer takes the bytes of a record when the whole record has been
     * written; until then the caller presents them again, at the front of what it writes next. */
    int (*writev)(struct net_stream *stream, const struct iovec *parts, int count,
                  size_t *ret_bytes);
    /* Tells the peer that nothing more follows. Returns 0, NET_WAIT (call it again), or ERR_... */
    int (*shutdown)(struct net_stream *stream);
    /* Closes the socket and frees the stream, including the stream inside. */
    void (*close)(struct net_stream *stream);
    /* Returns what is known about both ends. A layer asks the stream inside and adds to it. */
    void (*peer)(const struct net_stream *stream, struct net_peer *ret);
};

/* The beginning of every stream. */
struct net_stream {
    const struct net_stream_calls *calls;
    int fd; /* the socket, for polling and for questions to the kernel; the innermost stream's */
    uint8_t read_waits_for; /* NET_READABLE or NET_WRITABLE, never 0 */
    uint8_t write_waits_for;
    bool has_pending;       /* read() has bytes that no poll of the socket would report */
    uint32_t open_limit_ms; /* how long open() may take altogether; 0: for ever */
};

/* For the open() of a layer: advances the handshake of the stream inside, such as the header of the
 * PROXY protocol. Returns what that returned; after NET_WAIT the layer waits for the same event. */
static inline int net_stream_open_inside(struct net_stream *layer, struct net_stream *inside)
{
    int result = inside->calls->open ? inside->calls->open(inside) : 0;
    if (result == NET_WAIT)
        layer->read_waits_for = layer->write_waits_for = inside->read_waits_for;
    return result;
}

/* Puts a layer on *stream, which it takes, and returns 0; or returns ERR_... with *stream
 * unchanged, and the connection is dropped. Called on the connection's loop, before its owner knows
 * of it. */
typedef int net_layer_fn(void *arg, struct net_stream **stream);

/* Returns the plain stream of a non-blocking socket, which it takes. */
struct net_stream *net_stream_plain(int fd);

#endif
