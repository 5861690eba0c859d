/* Between a client's connection, on the server's loop, and libmicrohttpd's, on its own thread: a
 * pair of sockets, over which bytes are passed in both directions. What one side does not take
 * pauses the other.
 *
 *   client ── on_bytes ──> inner: requests              inner ── on_bytes ──> client: answers
 *   client ends: inner is closed, the request is cut    inner ends: client is closed, once it has
 *                                                       taken what is left
 *
 * A slow client is closed: see slow.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "http/http_private.h"

enum { SEND_MS = 60000, HIGH_BYTES = 256 * 1024, LOW_BYTES = 32 * 1024 };

void http_conn_unref(struct http_conn *c)
{
    unsigned before = atomic_fetch_sub(&c->refs, 1);
    lv_assert(before > 0);
    if (before > 1)
        return;
    atomic_fetch_sub(&c->listener->connections, 1);
    free(c);
}

/* --- passing bytes on ------------------------------------------------------------------------- */

static void relay_pass(struct net_conn *from, struct net_conn *to, const uint8_t *p, size_t n)
{
    outbuf_add(net_out(to), p, n);
    net_dirty(to);
    if (net_unwritten(to) > HIGH_BYTES && !net_is_paused(from))
        net_pause(from);
}

static void relay_resume(struct net_conn *from)
{
    if (from && net_is_paused(from))
        net_resume(from);
}

/* --- libmicrohttpd's side --------------------------------------------------------------------- */

static size_t inner_bytes(void *owner, uint8_t *p, size_t n)
{
    struct http_conn *c = owner;
    if (c->client)
        relay_pass(c->inner, c->client, p, n);
    return n;
}

static void inner_drained(void *owner)
{
    struct http_conn *c = owner;
    relay_resume(c->client);
}

/* Both sides have ended: the loop's reference is given back. */
static void relay_end_if_over(struct http_conn *c, struct loop *loop)
{
    if (c->client || c->inner)
        return;
    slow_end(c, loop);
    http_conn_unref(c);
}

static void inner_ended(void *owner, int error)
{
    struct http_conn *c = owner;
    (void)error;
    c->inner = NULL;
    if (c->client && net_unwritten(c->client) > LOW_BYTES)
        c->is_ending = true; /* client_drained() closes it */
    else if (c->client)
        net_close(c->client, true);
    relay_end_if_over(c, loop_current());
}

static const struct net_owner inner_calls = {
    .on_bytes = inner_bytes, .on_drained = inner_drained, .on_end = inner_ended};

/* Makes this the connection of libmicrohttpd's socket `fd`. */
static void server_note_fd(struct http_server *s, int fd, struct http_conn *c)
{
    pthread_mutex_lock(&s->lock);
    if ((size_t)fd >= s->by_fd_count) {
        size_t count = 2 * (size_t)fd + 16;
        s->by_fd = lv_realloc(s->by_fd, count * sizeof(struct http_conn *));
        memset(s->by_fd + s->by_fd_count, 0, (count - s->by_fd_count) * sizeof(struct http_conn *));
        s->by_fd_count = count;
    }
    s->by_fd[fd] = c;
    pthread_mutex_unlock(&s->lock);
}

/* Gives libmicrohttpd one end of a new pair of sockets, and keeps the other. */
static bool inner_open(struct http_conn *c, struct loop *loop)
{
    struct http_server *s = c->listener->server;
    const struct sockaddr_un nobody = {.sun_family = AF_UNIX};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        log_error("http: cannot serve a client: %s", strerror(errno));
        return false;
    }
    c->inner = net_adopt(loop, pair[0], &inner_calls, c);
    if (!c->inner) {
        close(pair[1]);
        return false;
    }
    net_set_watermarks(c->inner, HIGH_BYTES, LOW_BYTES);
    server_note_fd(s, pair[1], c);
    atomic_fetch_add(&c->refs, 1); /* libmicrohttpd's, until connection_changed() tells its end */
    if (MHD_add_connection(s->daemon, pair[1], (const struct sockaddr *)&nobody, sizeof nobody) ==
        MHD_YES)
        return true;
    http_conn_unref(c); /* the socket is closed, and inner_ended() follows */
    return true;
}

/* --- the client's side ------------------------------------------------------------------------ */

static size_t client_bytes(void *owner, uint8_t *p, size_t n)
{
    struct http_conn *c = owner;
    slow_note_bytes(c);
    if (c->is_ending)
        return n;
    if (!c->inner && !inner_open(c, net_loop(c->client))) {
        net_close(c->client, false);
        return n;
    }
    relay_pass(c->client, c->inner, p, n);
    return n;
}

static void client_drained(void *owner)
{
    struct http_conn *c = owner;
    if (c->is_ending)
        net_close(c->client, true);
    else
        relay_resume(c->inner);
}

static void client_ended(void *owner, int error)
{
    struct http_conn *c = owner;
    struct http_server *s = c->listener->server;
    (void)error;
    c->client = NULL;
    atomic_store(&c->is_gone, true);
    pthread_mutex_lock(&s->lock);
    if (c->request)
        request_cut(c->request);
    pthread_mutex_unlock(&s->lock);
    if (c->inner)
        net_close(c->inner, false);
    relay_end_if_over(c, loop_current());
}

static const struct net_owner client_calls = {
    .on_bytes = client_bytes, .on_drained = client_drained, .on_end = client_ended};

void relay_accepted(struct loop *loop, void *arg, struct net_conn *conn,
                    const struct net_peer *peer)
{
    struct http_listener *listener = arg;
    struct http_conn *c = lv_calloc(1, sizeof *c);
    c->refs = 1;
    c->listener = listener;
    memcpy(c->peer.address, peer->peer.text, sizeof c->peer.address);
    c->peer.port = peer->peer.port;
    c->peer.is_loopback = peer->peer.is_loopback;
    c->peer.is_tls = peer->tls != NULL;
    c->client = conn;
    atomic_fetch_add(&listener->connections, 1);
    net_set_watermarks(conn, HIGH_BYTES, LOW_BYTES);
    net_set_send_timeout(conn, SEND_MS);
    slow_begin(c, loop);
    net_attach(conn, &client_calls, c);
}
