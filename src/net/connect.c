/* Connecting outwards: the host name is resolved by libuv's threads (unless it is an address), then
 * its addresses are tried one after the other until one answers or the time is up. The result is
 * reported later, never from within net_connect().
 *
 *   net_connect() resolves the name, if it is one: name_find(), name_found()
 *   step_due(), a timer, takes the next address: attempt_begin()
 *   socket_ready(): socket_connected(), or attempt_failed() and the next step
 *   connect_opened(), when the layer has shaken hands: the attempt has succeeded or failed
 *   no address is left, or connect_timed_out(): connect_fail()
 *
 * The attempt is freed when it is over (`connected` was called, or it was cancelled) and libuv has
 * released its poll handle and its request for the name. */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/net_private.h"

struct net_connect {
    uv_getaddrinfo_t request;
    uv_poll_t uv;          /* polls `fd` */
    int fd;                /* the socket of the address that is being tried; -1: none */
    unsigned held;         /* how many of `request` and `uv` libuv still uses */
    bool is_over;          /* `connected` is called, or it was cancelled */
    struct net_conn *conn; /* whose layer shakes hands; NULL: none */
    struct loop *loop;
    struct lv_list in_connects;
    struct loop_timer limit;
    struct loop_timer step; /* fires at once: takes the next step */

    char *host;
    uint16_t port;
    net_layer_fn *layer;
    void *layer_arg;
    net_connected_fn *connected;
    void *arg;

    struct addrinfo *found;
    const struct addrinfo *next;  /* to be tried next */
    union socket_address address; /* being tried, and its length */
    socklen_t address_bytes;
    bool is_literal; /* `address` is the only one, and not tried yet */
    int error;       /* of the last address tried, and why */
    char why[128];
};

/* --- the end ---------------------------------------------------------------------------------- */

static void connect_free_if_unused(struct net_connect *c)
{
    if (!c->is_over || c->held > 0)
        return;
    uv_freeaddrinfo(c->found);
    free(c->host);
    free(c);
}

static void poll_closed(uv_handle_t *handle)
{
    struct net_connect *c = lv_container_of((uv_poll_t *)(void *)handle, struct net_connect, uv);
    loop_enter(c->loop);
    lv_assert(c->held > 0);
    c->held--;
    connect_free_if_unused(c);
}

/* Returns the socket, which is then the caller's, or -1. libuv stops polling it. */
static int socket_take(struct net_connect *c)
{
    int fd = c->fd;
    if (fd >= 0)
        uv_close((uv_handle_t *)&c->uv, poll_closed);
    c->fd = -1;
    return fd;
}

static void socket_drop(struct net_connect *c)
{
    int fd = socket_take(c);
    if (fd >= 0)
        close(fd);
}

static void connect_end(struct net_connect *c)
{
    struct net_conn *conn = c->conn;
    lv_assert(!c->is_over);
    c->is_over = true; /* before connect_opened() is called */
    c->conn = NULL;
    if (conn)
        conn_close(conn, ERR_CLOSED);
    socket_drop(c);
    uv_cancel((uv_req_t *)&c->request); /* fails if it is done, or was never begun */
    loop_timer_stop(c->loop, &c->limit);
    loop_timer_stop(c->loop, &c->step);
    lv_list_remove(&c->in_connects);
}

static void connect_note_error(struct net_connect *c, int error, const char *why)
{
    c->error = error;
    snprintf(c->why, sizeof c->why, "%s", why);
}

static void connect_fail(struct net_connect *c)
{
    lv_assert(c->error < 0);
    int err = lv_error_explain(c->error, "%s port %u: %s", c->host, c->port, c->why);
    connect_end(c);
    c->connected(c->loop, c->arg, err, NULL, NULL);
    connect_free_if_unused(c);
}

void net_connect_cancel(struct net_connect **connect)
{
    struct net_connect *c = *connect;
    *connect = NULL;
    if (!c)
        return;
    net_assert_loop(c->loop);
    connect_end(c);
    connect_free_if_unused(c);
}

void connects_stop(struct net_loop *net)
{
    while (!lv_list_is_empty(&net->connects)) {
        struct net_connect *c = lv_list_item(net->connects.next, struct net_connect, in_connects);
        connect_note_error(c, ERR_CLOSED, "the broker stops");
        connect_fail(c);
    }
}

/* --- one address ------------------------------------------------------------------------------ */

static void step_soon(struct net_connect *c);

/* Reports the end of the attempt, unless it was cancelled or is being ended already. */
static void connect_opened(void *arg, struct net_conn *conn, int error, const struct net_peer *peer)
{
    struct net_connect *c = arg;
    if (c->is_over)
        return;
    c->conn = NULL;
    connect_end(c);
    c->connected(c->loop, c->arg, error, conn, error == 0 ? peer : NULL);
    connect_free_if_unused(c);
}

static void socket_connected(struct net_connect *c)
{
    int fd = socket_take(c); /* libuv's handle is held, so `c` is not freed in here */
    struct net_conn *conn = conn_open(net_of(c->loop), net_stream_plain(fd), c->layer, c->layer_arg,
                                      NULL, connect_opened, c);
    if (conn)
        c->conn = conn;
}

/* Called when the address has failed with this errno. The next step tries another address, or ends
 * the attempt if that was the last. */
static void attempt_failed(struct net_connect *c, int number)
{
    socket_drop(c);
    connect_note_error(c, lv_error_from_errno(number), strerror(number));
    step_soon(c);
}

static void socket_ready(uv_poll_t *uv, int status, int events)
{
    struct net_connect *c = lv_container_of(uv, struct net_connect, uv);
    int number = 0;
    socklen_t n = sizeof number;
    (void)status; /* SO_ERROR says which error it is */
    (void)events;
    loop_enter(c->loop);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &number, &n) != 0)
        number = errno;
    if (number == 0)
        socket_connected(c);
    else
        attempt_failed(c, number);
}

/* Begins to connect to c->address. Returns an errno, or 0 if socket_ready() will be called, which
 * is also so if the connection was made at once. */
static int attempt_begin(struct net_connect *c)
{
    int yes = 1;
    lv_assert(c->fd < 0 && c->held == 0);
    int fd = socket(c->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    int number = connect(fd, &c->address.any, c->address_bytes) == 0 ? 0 : errno;
    if (number == EINPROGRESS)
        number = 0;
    if (number == 0)
        number = -uv_poll_init(loop_uv(c->loop), &c->uv, fd);
    if (number != 0) {
        close(fd);
        return number;
    }
    c->fd = fd;
    c->held++;
    int result = uv_poll_start(&c->uv, UV_WRITABLE, socket_ready);
    lv_assert(result == 0);
    return 0;
}

/* --- one address after the other -------------------------------------------------------------- */

/* Copies the next address to c->address. Returns false if there is none. */
static bool address_take_next(struct net_connect *c)
{
    if (c->is_literal) {
        c->is_literal = false;
        return true;
    }
    if (!c->next)
        return false;
    lv_assert(c->next->ai_addrlen <= sizeof c->address);
    memcpy(&c->address, c->next->ai_addr, c->next->ai_addrlen);
    c->address_bytes = c->next->ai_addrlen;
    c->next = c->next->ai_next;
    return true;
}

static void step_soon(struct net_connect *c)
{
    loop_timer_start(c->loop, &c->step, 0);
}

/* Tries the next address, or ends the attempt if none is left. While libuv is still closing the
 * handle of the address before, the step is put off. */
static void step_due(struct loop *loop, struct loop_timer *timer)
{
    struct net_connect *c = lv_container_of(timer, struct net_connect, step);
    (void)loop;
    if (c->held > 0) {
        step_soon(c);
    } else if (!address_take_next(c)) {
        connect_fail(c);
    } else {
        int number = attempt_begin(c);
        if (number != 0)
            attempt_failed(c, number);
    }
}

static void name_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct net_connect *c = lv_container_of(request, struct net_connect, request);
    lv_assert(c->held > 0);
    c->held--;
    c->found = found;
    if (c->is_over) {
        connect_free_if_unused(c);
        return;
    }
    loop_enter(c->loop);
    c->next = found;
    connect_note_error(c, ERR_NOT_FOUND, status < 0 ? uv_strerror(status) : "no address");
    step_soon(c);
}

static void connect_timed_out(struct loop *loop, struct loop_timer *timer)
{
    struct net_connect *c = lv_container_of(timer, struct net_connect, limit);
    (void)loop;
    connect_note_error(c, ERR_TIMED_OUT, "no answer in time");
    connect_fail(c);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void name_find(struct net_connect *c)
{
    char port[8];
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    snprintf(port, sizeof port, "%u", c->port);
    int result = uv_getaddrinfo(loop_uv(c->loop), &c->request, name_found, c->host, port, &hints);
    if (result == 0) {
        c->held++;
        return;
    }
    connect_note_error(c, ERR_NOT_FOUND, uv_strerror(result));
    step_soon(c);
}

struct net_connect *net_connect(struct loop *loop, const struct net_connect_options *options,
                                net_connected_fn *connected_fn, void *arg)
{
    struct net_loop *net = net_of(loop);
    net_assert_loop(loop);
    lv_assert(connected_fn != NULL);
    struct net_connect *c = lv_calloc(1, sizeof *c);
    c->loop = loop;
    c->fd = -1;
    c->host = lv_strdup(options->host);
    c->port = options->port;
    c->layer = options->layer;
    c->layer_arg = options->layer_arg;
    c->connected = connected_fn;
    c->arg = arg;
    lv_list_push(&net->connects, &c->in_connects);
    loop_timer_init(&c->limit, connect_timed_out);
    loop_timer_init(&c->step, step_due);
    loop_timer_start(loop, &c->limit, options->timeout_ms);
    if (net->is_stopped) {
        connect_note_error(c, ERR_CLOSED, "the broker stops");
        step_soon(c);
    } else if (address_parse(c->host, c->port, &c->address, &c->address_bytes)) {
        c->is_literal = true;
        step_soon(c);
    } else {
        name_find(c);
    }
    return c;
}
