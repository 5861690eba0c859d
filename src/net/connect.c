/* Connecting outwards: the name's addresses are found (by libuv's threads, unless it is an
 * address), then tried one after the other until one answers or the time is up. The result is
 * reported from a timer, never from within net_connect().
 *
 * The attempt is freed when `connected` has been called or it was cancelled, and libuv has let go
 * of its handle and of the request for the name. */
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
    uv_poll_t uv;  /* of the attempt under way; its socket is `fd` */
    int fd;        /* -1: none */
    unsigned held; /* libuv has the request or the handle */
    bool is_over;  /* nobody waits for it */
    struct loop *loop;
    struct lv_list in_connects;
    struct loop_timer limit;
    struct loop_timer told; /* fires at once: the result is known */

    char *host;
    uint16_t port;
    net_layer_fn *layer;
    void *layer_arg;
    net_connected_fn *connected;
    void *arg;

    struct addrinfo *found;
    const struct addrinfo *next;  /* the one to try next */
    union socket_address address; /* of the attempt, and its length */
    socklen_t address_bytes;
    bool is_literal; /* `address` is all there is */
    int error;       /* of the last attempt */
    char why[128];
};

/* --- the end ---------------------------------------------------------------------------------- */

static void free_if_let_go(struct net_connect *c)
{
    if (!c->is_over || c->held > 0)
        return;
    uv_freeaddrinfo(c->found);
    free(c->host);
    free(c);
}

static void handle_closed(uv_handle_t *handle)
{
    struct net_connect *c = lv_container_of((uv_poll_t *)(void *)handle, struct net_connect, uv);
    loop_enter(c->loop);
    c->held--;
    free_if_let_go(c);
}

/* Lets go of the attempt's socket, which is then the caller's. */
static int take_socket(struct net_connect *c)
{
    int fd = c->fd;
    if (fd >= 0)
        uv_close((uv_handle_t *)&c->uv, handle_closed);
    c->fd = -1;
    return fd;
}

static void drop_socket(struct net_connect *c)
{
    int fd = take_socket(c);
    if (fd >= 0)
        close(fd);
}

static void finish(struct net_connect *c)
{
    drop_socket(c);
    uv_cancel((uv_req_t *)&c->request); /* fails when it is done, or was never begun */
    loop_timer_stop(c->loop, &c->limit);
    loop_timer_stop(c->loop, &c->told);
    lv_list_remove(&c->in_connects);
    c->is_over = true;
}

static void note_error(struct net_connect *c, int error, const char *why)
{
    c->error = error;
    snprintf(c->why, sizeof c->why, "%s", why);
}

static void fail(struct net_connect *c)
{
    int err = lv_error_explain(c->error, "%s port %u: %s", c->host, c->port, c->why);
    finish(c);
    c->connected(c->loop, c->arg, err, NULL, NULL);
    free_if_let_go(c);
}

void net_connect_cancel(struct net_connect **connect)
{
    struct net_connect *c = *connect;
    *connect = NULL;
    if (!c)
        return;
    finish(c);
    free_if_let_go(c);
}

void connects_stop(struct net_loop *net)
{
    while (!lv_list_is_empty(&net->connects)) {
        struct net_connect *c = lv_list_item(net->connects.next, struct net_connect, in_connects);
        note_error(c, ERR_CLOSED, "the broker stops");
        fail(c);
    }
}

/* --- one address ------------------------------------------------------------------------------ */

static void try_next(struct net_connect *c);

static void connected(struct net_connect *c)
{
    struct net_conn *conn;
    struct net_peer peer;
    int fd = take_socket(c);
    finish(c);
    int err = conn_open(net_of(c->loop), fd, c->layer, c->layer_arg, &conn);
    if (err < 0) {
        c->connected(c->loop, c->arg, err, NULL, NULL);
    } else {
        net_peer_of(conn, &peer);
        c->connected(c->loop, c->arg, 0, conn, &peer);
        lv_assert(conn->calls != NULL || conn->state != CONN_OPEN);
    }
    free_if_let_go(c);
}

/* The attempt has failed with this errno: the next address, or that was all. */
static void attempt_failed(struct net_connect *c, int number)
{
    drop_socket(c);
    note_error(c, lv_error_from_errno(number), strerror(number));
    try_next(c);
}

static void socket_ready(uv_poll_t *uv, int status, int events)
{
    struct net_connect *c = lv_container_of(uv, struct net_connect, uv);
    int number = 0;
    socklen_t n = sizeof number;
    (void)status; /* an error of the socket: SO_ERROR says which */
    (void)events;
    loop_enter(c->loop);
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &number, &n) != 0)
        number = errno;
    if (number == 0)
        connected(c);
    else
        attempt_failed(c, number);
}

/* Returns an errno, or 0 when the attempt is under way: socket_ready() is called also when it has
 * worked at once. */
static int attempt_begin(struct net_connect *c)
{
    int yes = 1;
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

/* Takes the next address into c->address. Returns false when there is none. */
static bool take_address(struct net_connect *c)
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

/* In the end `told` fires. While libuv still closes the handle of the attempt before, that is
 * waited for. */
static void try_next(struct net_connect *c)
{
    loop_timer_start(c->loop, &c->told, 0);
}

static void step(struct loop *loop, struct loop_timer *timer)
{
    struct net_connect *c = lv_container_of(timer, struct net_connect, told);
    (void)loop;
    if (c->held > 0) {
        try_next(c);
    } else if (!take_address(c)) {
        fail(c);
    } else {
        int number = attempt_begin(c);
        if (number != 0)
            attempt_failed(c, number);
    }
}

static void name_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct net_connect *c = lv_container_of(request, struct net_connect, request);
    c->held--;
    c->found = found;
    if (c->is_over) {
        free_if_let_go(c);
        return;
    }
    loop_enter(c->loop);
    c->next = found;
    note_error(c, ERR_NOT_FOUND, status < 0 ? uv_strerror(status) : "no address");
    try_next(c);
}

static void limit_passed(struct loop *loop, struct loop_timer *timer)
{
    struct net_connect *c = lv_container_of(timer, struct net_connect, limit);
    (void)loop;
    note_error(c, ERR_TIMED_OUT, "no answer in time");
    fail(c);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void find_name(struct net_connect *c)
{
    char port[8];
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    snprintf(port, sizeof port, "%u", c->port);
    int result = uv_getaddrinfo(loop_uv(c->loop), &c->request, name_found, c->host, port, &hints);
    if (result == 0) {
        c->held++;
        return;
    }
    note_error(c, ERR_NOT_FOUND, uv_strerror(result));
    try_next(c);
}

struct net_connect *net_connect(struct loop *loop, const struct net_connect_options *options,
                                net_connected_fn *connected_fn, void *arg)
{
    struct net_loop *net = net_of(loop);
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
    loop_timer_init(&c->limit, limit_passed);
    loop_timer_init(&c->told, step);
    loop_timer_start(loop, &c->limit, options->timeout_ms);
    if (net->is_stopped) {
        note_error(c, ERR_CLOSED, "the broker stops");
        try_next(c);
    } else if (address_parse(c->host, c->port, &c->address, &c->address_bytes)) {
        c->is_literal = true;
        try_next(c);
    } else {
        find_name(c);
    }
    return c;
}
