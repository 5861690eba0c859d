/* The life of a connection: how it begins, what its owner may ask of it, and the way to its end. Its bytes are
 * the matter of conn_input.c and conn_output.c. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/net_private.h"

enum {
    FLUSH_LIMIT_MS = 3000,
    LINGER_LIMIT_MS = 1000,
    HIGH_DEFAULT = 256 * 1024,
    LOW_DEFAULT = 64 * 1024,
};

/* --- the way to the end --------------------------------------------------------------------- */

static void conn_closed(uv_handle_t *handle)
{
    struct net_conn *conn = conn_enter(handle);
    lv_assert(!conn->request);
    outbuf_clear(&conn->out);
    lv_list_remove(&conn->in_conns);
    if (conn->calls)
        conn->calls->on_end(conn->owner, conn->end_error);
    /* The owner may have appended to the output of what it did not know to be gone. */
    outbuf_clear(&conn->out);
    lv_list_remove(&conn->in_dirty);
    lv_list_remove(&conn->in_owed);
    free(conn);
}

void conn_close(struct net_conn *conn, int error)
{
    if (conn->state == CONN_CLOSED)
        return;
    conn->state = CONN_CLOSED;
    conn->end_error = error;
    conn_drop_input(conn);
    loop_timer_stop(conn->net->loop, &conn->limit);
    uv_close(&conn->uv.handle, conn_closed);
}

void conn_linger(struct net_conn *conn)
{
    uv_os_fd_t fd;
    conn->state = CONN_LINGERING;
    if (uv_fileno(&conn->uv.handle, &fd) != 0 || shutdown(fd, SHUT_WR) != 0) {
        conn_close(conn, 0);
        return;
    }
    loop_timer_start(conn->net->loop, &conn->limit, LINGER_LIMIT_MS);
}

static void limit_passed(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    struct net_conn *conn = lv_container_of(timer, struct net_conn, limit);
    if (conn->state == CONN_OPEN)
        conn_look(conn);
    else
        conn_close(conn, 0);
}

void net_close(struct net_conn *conn, bool flush)
{
    if (!flush) {
        conn_close(conn, 0);
        return;
    }
    if (conn->state != CONN_OPEN)
        return;
    conn->state = CONN_FLUSHING;
    conn_drop_input(conn);
    loop_timer_start(conn->net->loop, &conn->limit, FLUSH_LIMIT_MS);
    conn_start_reading(conn); /* what comes in is dropped */
    net_dirty(conn);
}

void conns_stop(struct net_loop *net)
{
    struct lv_list *link, *after;
    lv_list_each (link, after, &net->conns) {
        struct net_conn *conn = lv_list_item(link, struct net_conn, in_conns);
        conn_close(conn, conn->state == CONN_OPEN ? ERR_CLOSED : 0);
    }
}

/* --- the beginning -------------------------------------------------------------------------- */

static struct net_conn *conn_create(struct net_loop *net)
{
    struct net_conn *conn = lv_calloc(1, sizeof *conn);
    conn->net = net;
    conn->out.pool = loop_out_pool(net->loop);
    conn->high = HIGH_DEFAULT;
    conn->low = LOW_DEFAULT;
    conn->sent_at_ms = loop_now_ms(net->loop);
    loop_timer_init_patient(&conn->limit, limit_passed);
    lv_list_init(&conn->in_dirty);
    lv_list_init(&conn->in_owed);
    lv_list_push(&net->conns, &conn->in_conns);
    return conn;
}

static int conn_open(struct net_conn *conn, int fd, bool is_unix)
{
    uv_loop_t *uv = loop_uv(conn->net->loop);
    if (is_unix) {
        lv_assert(uv_pipe_init(uv, &conn->uv.pipe, 0) == 0);
        return uv_pipe_open(&conn->uv.pipe, fd);
    }
    lv_assert(uv_tcp_init(uv, &conn->uv.tcp) == 0);
    return uv_tcp_open(&conn->uv.tcp, fd);
}

static bool is_v4_loopback(const uint8_t *bytes)
{
    return bytes[0] == 127;
}

static void address_v4(struct net_address *ret, const void *bytes, uint16_t port)
{
    inet_ntop(AF_INET, bytes, ret->text, sizeof ret->text);
    ret->port = ntohs(port);
    ret->is_loopback = is_v4_loopback(bytes);
}

static void address_v6(struct net_address *ret, const struct sockaddr_in6 *v6)
{
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        address_v4(ret, v6->sin6_addr.s6_addr + 12, v6->sin6_port);
        return;
    }
    inet_ntop(AF_INET6, &v6->sin6_addr, ret->text, sizeof ret->text);
    ret->port = ntohs(v6->sin6_port);
    ret->is_loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
};

static struct net_address address_of(int err, const union any_address *address)
{
    struct net_address ret = {.text = "unknown"};
    if (err)
        return ret;
    if (address->any.sa_family == AF_INET)
        address_v4(&ret, &address->v4.sin_addr, address->v4.sin_port);
    if (address->any.sa_family == AF_INET6)
        address_v6(&ret, &address->v6);
    return ret;
}

static struct net_peer peer_of(int fd, bool is_unix)
{
    if (is_unix) {
        struct net_address here = {.text = "unix", .is_loopback = true};
        return (struct net_peer){.local = here, .peer = here};
    }
    struct net_peer ret;
    union any_address address = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t n = sizeof address;
    ret.local = address_of(getsockname(fd, &address.any, &n), &address);
    n = sizeof address;
    ret.peer = address_of(getpeername(fd, &address.any, &n), &address);
    return ret;
}

void conn_accept(struct loop *loop, int fd, bool is_unix, net_accepted_fn *accepted, void *arg)
{
    struct net_loop *net = net_of(loop);
    if (net->is_stopped) {
        close(fd);
        return;
    }
    struct net_peer peer = peer_of(fd, is_unix);
    struct net_conn *conn = conn_create(net);
    int result = conn_open(conn, fd, is_unix);
    if (result < 0) {
        log_warning("connection %s:%u dropped: %s", peer.peer.text, peer.peer.port,
                    uv_strerror(result));
        close(fd);
        conn_close(conn, error_from_uv(result));
        return;
    }
    accepted(loop, arg, conn, &peer);
    lv_assert(conn->calls != NULL || conn->state != CONN_OPEN);
}

void net_attach(struct net_conn *conn, const struct net_owner *calls, void *owner)
{
    lv_assert(!conn->calls);
    conn->calls = calls;
    conn->owner = owner;
    if (conn->state == CONN_OPEN && conn->pauses == 0)
        conn_start_reading(conn);
}

enum net_peer_state net_look_at_peer(const struct net_conn *conn)
{
    struct tcp_info info;
    socklen_t n = sizeof info;
    uv_os_fd_t fd;
    if (conn->state != CONN_OPEN)
        return NET_PEER_RESET;
    if (uv_fileno(&conn->uv.handle, &fd) != 0 ||
        getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
        return NET_PEER_THERE; /* a unix socket */
    if (info.tcpi_state == TCP_CLOSE)
        return NET_PEER_RESET;
    return info.tcpi_state == TCP_CLOSE_WAIT ? NET_PEER_ENDED : NET_PEER_THERE;
}

struct loop *net_loop(const struct net_conn *conn)
{
    return conn->net->loop;
}

uint64_t net_received(const struct net_conn *conn)
{
    return conn->received;
}

uint64_t net_sent(const struct net_conn *conn)
{
    return conn->sent;
}

uint64_t net_reads(const struct net_conn *conn)
{
    return conn->reads;
}

uint64_t net_writes(const struct net_conn *conn)
{
    return conn->writes;
}

size_t net_unread(const struct net_conn *conn)
{
    uv_os_fd_t fd;
    int unread = 0;
    if (uv_fileno(&conn->uv.handle, &fd) != 0 || ioctl(fd, FIONREAD, &unread) != 0)
        return 0;
    return (size_t)unread;
}

uint64_t net_sent_at_ms(const struct net_conn *conn)
{
    return conn->sent_at_ms;
}
