/* Between a client's connection, on the server's loop, and libmicrohttpd's, on its own thread: a
 * pair of sockets, over which bytes are passed in both directions. What one side does not take
 * pauses the other.
 *
 *   client ── on_bytes ──> inner: requests              inner ── on_bytes ──> client: answers
 *   client ends: inner is closed, the request is cut    inner ends: client is closed, once it has
 *                                                       taken what is left
 *
 * The pair is made, and libmicrohttpd learns of the client, once its first header has arrived
 * whole; until then a client has one descriptor and the bytes that it has sent. Each of the two
 * kinds of clients has its limit. Those whose header is whole while every pair is taken wait, in
 * order. Of the others the oldest is closed when a new client needs its place (net_keep()).
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

static void serve_next(struct http_server *s);

static void inner_ended(void *owner, int error)
{
    struct http_conn *c = owner;
    (void)error;
    c->inner = NULL;
    c->listener->server->pairs--;
    serve_next(c->listener->server);
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
    s->pairs++;
    const struct sockaddr_un nobody = {.sun_family = AF_UNIX};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        log_error("http: cannot serve a client: %s", strerror(errno));
        s->pairs--;
        return false;
    }
    c->inner = net_adopt(loop, pair[0], &inner_calls, c);
    if (!c->inner) {
        close(pair[1]);
        s->pairs--;
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

/* --- the first header ------------------------------------------------------------------------- */

/* Returns how many of the bytes are of empty lines before a request. */
static size_t blank_bytes(const uint8_t *p, size_t n)
{
    size_t blank = 0;
    while (blank < n && (p[blank] == '\r' || p[blank] == '\n'))
        blank++;
    return blank;
}

/* Returns whether the bytes end a header: with an empty line, as libmicrohttpd sees it, whose lines
 * end with CR LF, LF or CR. */
static bool header_is_whole(struct http_conn *c, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool ends_line = p[i] == '\r' || (p[i] == '\n' && c->before != '\r');
        bool ends_empty = ends_line && c->is_line_empty;
        c->before = p[i];
        if (ends_empty)
            return true;
        if (p[i] != '\r' && p[i] != '\n')
            c->is_line_empty = false;
        else if (ends_line)
            c->is_line_empty = true;
    }
    return false;
}

/* Keeps what has arrived so far, without empty lines before it, with which a client could pretend
 * to have sent a header. Returns false if it must be passed on: the header is whole, or larger than
 * a header may be, which libmicrohttpd refuses. */
static bool client_hold(struct http_conn *c, const uint8_t *p, size_t n)
{
    size_t blank = c->held.n == 0 ? blank_bytes(p, n) : 0;
    p += blank;
    n -= blank;
    lv_buffer_add(&c->held, p, n);
    return !header_is_whole(c, p, n) && c->held.n < CONNECTION_BYTES;
}

/* Serves the client, which has sent a header. Closes it if there is no descriptor. */
static void client_serve(struct http_conn *c)
{
    if (!inner_open(c, net_loop(c->client))) {
        net_close(c->client, false);
        return;
    }
    relay_pass(c->client, c->inner, c->held.p, c->held.n);
    lv_buffer_free(&c->held);
}

/* A pair has become free: the client that has waited longest gets it. While the server stops, its
 * request is cut, as are all; once the loop has stopped, the client is closed already. */
static void serve_next(struct http_server *s)
{
    if (lv_list_is_empty(&s->waiting) || s->pairs >= s->options.pairs_max)
        return;
    struct http_conn *c = lv_list_item(s->waiting.next, struct http_conn, waiting);
    lv_list_remove(&c->waiting);
    net_resume(c->client);
    client_serve(c);
}

/* The client's first header is whole. */
static void client_begin(struct http_conn *c)
{
    struct http_server *s = c->listener->server;
    net_keep(c->client);
    if (s->pairs < s->options.pairs_max) {
        client_serve(c);
        return;
    }
    lv_list_push(&s->waiting, &c->waiting);
    net_pause(c->client);
}

/* --- the client's side ------------------------------------------------------------------------ */

static size_t client_bytes(void *owner, uint8_t *p, size_t n)
{
    struct http_conn *c = owner;
    slow_note_bytes(c);
    if (c->is_ending)
        return n;
    if (c->inner)
        relay_pass(c->client, c->inner, p, n);
    else if (!client_hold(c, p, n))
        client_begin(c);
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
    lv_list_remove(&c->waiting);
    lv_buffer_free(&c->held);
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
    lv_list_init(&c->waiting);
    atomic_fetch_add(&listener->connections, 1);
    net_set_watermarks(conn, HIGH_BYTES, LOW_BYTES);
    net_set_send_timeout(conn, SEND_MS);
    slow_begin(c, loop);
    net_attach(conn, &client_calls, c);
}
