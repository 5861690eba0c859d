/* Listeners live on loop 0, which accepts sockets and sends them by mail to all loops in turn.
 *
 * If the process has no descriptor left, accept(2) fails for ever while the kernel reports the
 * listener as ready, and the loop would spin. So one descriptor is kept in reserve: it is closed,
 * the oldest waiting peer is accepted and closed, and the reserve is opened again. */
#define LOG_CATEGORY LOG_ABOUT_CONNECTION

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/net_private.h"

enum {
    BACKLOG = 4096,
    ACCEPTS_PER_TURN_MAX = 64,
    REST_MS = 100,
    YOUNG_MS = 100,
};

struct net_listener {
    uv_poll_t uv;
    struct lv_list in_listeners;
    struct loop *loop;
    int fd;
    int reserve_fd;
    uint16_t port;
    struct accepting *accepting; /* what is done with its sockets */
    unsigned next_loop;
    uint64_t warn_after_ms;      /* of no descriptors */
    uint64_t warn_full_after_ms; /* of too many connections */
    struct loop_timer rest;
};

/* Mail: a = the entry's accepting; c = the socket; d = its bucket. */
static void socket_arrived(struct loop *at, struct mail *mail)
{
    const struct net_entry entry = {
        .accepting = mail->a, .bucket = (uint16_t)mail->d, .is_newcomer = true};
    accepting_take(&entry, at, (int)mail->c);
}

static void socket_send(struct net_listener *l, int fd, const struct net_entry *entry)
{
    struct loops *set = loop_set(l->loop);
    unsigned to = l->next_loop++ % loops_count(set);
    struct mail mail = {
        .deliver = socket_arrived,
        .a = entry->accepting,
        .c = (uint64_t)fd,
        .d = entry->bucket,
    };
    loop_mail(l->loop, loops_at(set, to), &mail);
}

static unsigned descriptors_reserved;

void net_leave_descriptors(unsigned count)
{
    descriptors_reserved = count;
}

/* Returns whether the descriptor is reserved for other uses. A new descriptor is the lowest that is
 * free, so one near the limit shows that few are left. */
static bool descriptor_is_reserved(int fd)
{
    struct rlimit limit;
    return descriptors_reserved > 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
           (rlim_t)fd + descriptors_reserved >= limit.rlim_cur;
}

/* Closes a half-open connection of the loop's, so that a descriptor becomes free. Returns false if
 * there is none to close. */
static bool listener_free_descriptor(struct net_listener *l)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &net_of(l->loop)->listeners) {
        struct net_listener *other = lv_list_item(it, struct net_listener, in_listeners);
        if (accepting_make_room(other->accepting, 0, "file descriptors"))
            return true;
    }
    return false;
}

/* Returns a socket, or -1 with errno set. */
static int listener_accept(struct net_listener *l, union socket_address *ret_peer)
{
    socklen_t n = sizeof *ret_peer;
    return accept4(l->fd, &ret_peer->any, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* Does the same. If only reserved descriptors are left, or none, a half-open connection is closed
 * for the socket; if there is none to close, errno is EMFILE. */
static int listener_accept_one(struct net_listener *l, union socket_address *ret_peer)
{
    int fd = listener_accept(l, ret_peer);
    if (fd < 0)
        return errno == EMFILE && listener_free_descriptor(l) ? listener_accept(l, ret_peer) : fd;
    if (!descriptor_is_reserved(fd))
        return fd;
    int lower = listener_free_descriptor(l) ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    close(fd);
    if (lower < 0)
        errno = EMFILE;
    return lower;
}

static int reserve_open(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void listener_watch(struct net_listener *l);

static void listener_rested(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    listener_watch(lv_container_of(timer, struct net_listener, rest));
}

/* Stops polling the listener for a moment. */
static void listener_rest(struct net_listener *l)
{
    uv_poll_stop(&l->uv);
    loop_timer_start(l->loop, &l->rest, REST_MS);
}

static void listener_warn(struct net_listener *l)
{
    uint64_t now_ms = loop_now_ms(l->loop);
    if (now_ms < l->warn_after_ms)
        return;
    l->warn_after_ms = now_ms + WARN_EVERY_MS;
    log_error("out of file descriptors: new connections are closed at once "
              "(raise the limit: ulimit -n, LimitNOFILE=)");
}

/* Called when no descriptor is left: accepts and closes the oldest waiting peer, with the reserved
 * one. If that fails, or there is no reserve, stops polling the listener for a moment. */
static void listener_shed_one(struct net_listener *l)
{
    union socket_address peer;
    listener_warn(l);
    if (l->reserve_fd >= 0) {
        close(l->reserve_fd);
        int fd = listener_accept_one(l, &peer);
        if (fd >= 0)
            close(fd);
        l->reserve_fd = reserve_open();
        if (fd >= 0)
            return;
    } else {
        l->reserve_fd = reserve_open();
    }
    listener_rest(l);
}

/* Leaves new peers to the kernel's queue, since the listener has as many connections as it may
 * have. If there are half-open ones, they are only too young to be closed for others. */
static void listener_wait_for_room(struct net_listener *l)
{
    uint64_t now_ms = loop_now_ms(l->loop);
    if (now_ms >= l->warn_full_after_ms && !accepting_has_half_open(l->accepting)) {
        l->warn_full_after_ms = now_ms + WARN_EVERY_MS;
        log_warning(
            "port %u has as many connections as it may have (%s): new ones wait until others "
            "close",
            l->port, accepting_connections_key(l->accepting));
    }
    listener_rest(l);
}

/* Called when a peer waits and the listener is full: the oldest half-open connection is closed for
 * it. Returns false if there is none, or if it is young: an honest one needs a moment, too, and
 * when many come at once they wait for each other. */
static bool listener_make_room(struct net_listener *l)
{
    return accepting_make_room(l->accepting, YOUNG_MS, accepting_connections_key(l->accepting));
}

static void listener_ready(uv_poll_t *uv, int status, int events)
{
    (void)status;
    (void)events;
    struct net_listener *l = lv_container_of(uv, struct net_listener, uv);
    loop_enter(l->loop);
    if (net_of(l->loop)->is_stopped)
        return;
    for (unsigned i = 0; i < ACCEPTS_PER_TURN_MAX; i++) {
        union socket_address peer;
        struct net_entry entry;
        bool is_full = accepting_is_full(l->accepting);
        if (is_full && i > 0)
            return; /* whether another peer waits is known by the next turn */
        if (is_full && !listener_make_room(l)) {
            listener_wait_for_room(l);
            return;
        }
        int fd = listener_accept_one(l, &peer);
        if (fd >= 0) {
            if (accepting_enter(l->accepting, &peer, &entry))
                socket_send(l, fd, &entry);
            else
                close(fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            listener_shed_one(l);
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* else this peer was gone before it was accepted */
    }
}

static void listener_watch(struct net_listener *l)
{
    int result = uv_poll_start(&l->uv, UV_READABLE, listener_ready);
    lv_assert(result == 0);
}

/* Creates a listener of the socket, which it takes, and which is bound to the port. */
static int listener_create(struct loops *loops, int fd, uint16_t port, net_accepted_fn *accepted,
                           void *arg, struct net_listener **ret)
{
    struct loop *loop = loops_at(loops, 0);
    net_assert_loop(loop);
    lv_assert(net_of(loop) != NULL); /* after net_init() */
    lv_assert(accepted != NULL);
    if (listen(fd, BACKLOG) != 0) {
        int err = lv_error_from_errno(errno);
        close(fd);
        return err;
    }
    struct net_listener *l = lv_calloc(1, sizeof *l);
    l->loop = loop;
    l->fd = fd;
    l->reserve_fd = reserve_open();
    l->port = port;
    l->accepting = accepting_create(accepted, arg);
    loop_timer_init(&l->rest, listener_rested);
    int result = uv_poll_init(loop_uv(loop), &l->uv, fd);
    lv_assert(result == 0);
    lv_list_push(&net_of(loop)->listeners, &l->in_listeners);
    listener_watch(l);
    *ret = l;
    return 0;
}

/* --- TCP -------------------------------------------------------------------------------------- */

static void set_option(int fd, int level, int option, int value)
{
    int result = setsockopt(fd, level, option, &value, sizeof value);
    lv_assert(result == 0);
}

int net_listen(struct loops *loops, const char *address, uint16_t port, net_accepted_fn *accepted,
               void *arg, struct net_listener **ret)
{
    union socket_address at;
    socklen_t n;
    if (!address_parse(address, port, &at, &n))
        return ERR_INVALID;
    int fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return lv_error_from_errno(errno);
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* accepted sockets inherit it */
    if (at.any.sa_family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0); /* "::" accepts IPv4 too */
    if (bind(fd, &at.any, n) != 0 || getsockname(fd, &at.any, &n) != 0) {
        int err = lv_error_from_errno(errno);
        close(fd);
        return err;
    }
    /* The port has the same offset in both address families. */
    return listener_create(loops, fd, ntohs(at.v4.sin_port), accepted, arg, ret);
}

/* Sets an option to a value that the kernel may refuse; the option is then unchanged. */
static void try_option(int fd, int level, int option, int value, const char *name)
{
    if (setsockopt(fd, level, option, &value, sizeof value) != 0)
        log_warning("cannot set %s = %d on a listener: %s", name, value, strerror(errno));
}

/* Accepted sockets inherit these options. A second listen() only changes the backlog. */
void net_listener_set_options(struct net_listener *l, const struct net_tcp_options *options)
{
    net_assert_loop(l->loop);
    set_option(l->fd, IPPROTO_TCP, TCP_NODELAY, options->is_nodelay);
    set_option(l->fd, SOL_SOCKET, SO_KEEPALIVE, options->is_keepalive);
    const struct linger linger = {.l_onoff = options->resets, .l_linger = 0};
    int result = setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    lv_assert(result == 0);
    if (options->send_buffer_bytes >= 0)
        try_option(l->fd, SOL_SOCKET, SO_SNDBUF, options->send_buffer_bytes, "sndbuf");
    if (options->receive_buffer_bytes >= 0)
        try_option(l->fd, SOL_SOCKET, SO_RCVBUF, options->receive_buffer_bytes, "recbuf");
    result = listen(l->fd, options->backlog);
    lv_assert(result == 0);
}

void net_listener_set_layer(struct net_listener *l, net_layer_fn *layer, void *arg)
{
    net_assert_loop(l->loop);
    accepting_set_layer(l->accepting, layer, arg);
}

void net_listener_expect_proxies(struct net_listener *l, const struct net_network *trusted,
                                 size_t count)
{
    net_assert_loop(l->loop);
    accepting_set_proxies(l->accepting, trusted, count);
}

void net_listener_set_limits(struct net_listener *l, const struct net_accept_limits *limits)
{
    net_assert_loop(l->loop);
    lv_assert(!limits->closes_half_open || loops_count(loop_set(l->loop)) == 1);
    accepting_set_limits(l->accepting, limits);
}

uint64_t net_listener_connections(const struct net_listener *l)
{
    return accepting_connections(l->accepting);
}

uint16_t net_listener_port(const struct net_listener *listener)
{
    return listener->port;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void listener_closed(uv_handle_t *handle)
{
    struct net_listener *l = lv_container_of((uv_poll_t *)(void *)handle, struct net_listener, uv);
    free(l);
}

void net_listener_close(struct net_listener **listener)
{
    struct net_listener *l = *listener;
    *listener = NULL;
    if (!l)
        return;
    net_assert_loop(l->loop);
    loop_timer_stop(l->loop, &l->rest);
    lv_list_remove(&l->in_listeners);
    /* This comes before the socket is closed: libuv takes it out of epoll by its number, which may
     * be another thread's file from then on. */
    uv_close((uv_handle_t *)&l->uv, listener_closed);
    close(l->fd);
    if (l->reserve_fd >= 0)
        close(l->reserve_fd);
    accepting_unref(&l->accepting);
}

void listeners_free(struct net_loop *net)
{
    while (!lv_list_is_empty(&net->listeners)) {
        struct net_listener *l =
            lv_list_item(net->listeners.next, struct net_listener, in_listeners);
        net_listener_close(&l);
    }
}
