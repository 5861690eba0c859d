/* A stream of bytes on a socket: what a connection reads from and writes to. The plain one
 * (stream_plain.c) is the socket itself. A layer (TLS, WebSocket) is a stream that has another one
 * inside and turns bytes into records on the way.
 *
 * A stream never blocks. What it cannot do now it answers with NET_WAIT, or does in part, and says
 * in `read_waits_for` or `write_waits_for` which event of the socket lets it go on. In a layer
 * these may cross: a read may have to wait until the socket is writable, as in a handshake. Reading
 * and writing move a handshake forward; the connection needs to know nothing of it.
 *
 * A stream belongs to one connection and is used on its loop alone. */
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
    NET_WAIT = 1, /* "not now": no length, since those are answered in ret_bytes, and no ERR_... */
};

struct net_stream_calls {
    /* Reads up to n bytes. Returns 0 with *ret_bytes > 0; 0 with *ret_bytes 0 at the end of what
     * the peer sends; NET_WAIT when nothing is there yet; or ERR_... */
    int (*read)(struct net_stream *stream, uint8_t *p, size_t n, size_t *ret_bytes);
    /* Writes as much as it can. Returns 0 with how many bytes were taken, which the caller drops:
     * when these are fewer than all, the stream waits for `write_waits_for`. NET_WAIT: none were
     * taken. Or ERR_... A layer takes the bytes of a record when all of it has been written; until
     * then the caller presents them again, at the front of what it writes next. */
    int (*writev)(struct net_stream *stream, const struct iovec *parts, int count,
                  size_t *ret_bytes);
    /* Tells the peer that nothing more comes. Returns 0, NET_WAIT (to be called again), or
     * ERR_... */
    int (*shutdown)(struct net_stream *stream);
    /* Closes the socket and frees the stream; inner ones with it. */
    void (*close)(struct net_stream *stream);
    /* Says who is at both ends. A layer asks the stream inside and adds what it knows. */
    void (*peer)(const struct net_stream *stream, struct net_peer *ret);
};

/* The beginning of every stream. */
struct net_stream {
    const struct net_stream_calls *calls;
    int fd; /* of the socket, for polling and for asking the kernel; the innermost stream closes it
             */
    uint8_t read_waits_for; /* NET_READABLE, NET_WRITABLE */
    uint8_t write_waits_for;
    bool has_pending; /* read() has more, of which no poll of the socket will tell */
};

/* Puts a layer on *stream, which it takes. Called on the loop of the connection, before its owner
 * knows it. Returns ERR_... with *stream as it was: the connection is then dropped. */
typedef int net_layer_fn(void *arg, struct net_stream **stream);

/* The plain stream of a socket that does not block, which it takes. */
struct net_stream *net_stream_plain(int fd);

#endif
