/* Connections: bytes in, bytes out, and the way to the end.
 *
 * In: libuv asks for room (conn_room), reads once, and hands over (conn_read); it goes on while reads
 * fill the room, FULL_READS_MAX times at most before other connections have their turn.
 * Out: a flush tries one writev(2); what the kernel does not take is given to libuv, which waits for
 * the socket. It stays in `out` all the while: appending moves no byte that is in flight.
 *
 * An owner is never called from within a call of its own to this room: what a flush finds out is
 * owed, and paid by a task at the end of the turn. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/net_private.h"

enum {
    READ_BUFFER_BYTES = 4 * NET_READ_BYTES, /* grows when an owner leaves more than three reads */
    CHEAP_TO_MOVE_BYTES = 4096,
    FULL_READS_MAX = 4,
    EARLY_FLUSH_BYTES = 4 * NET_FLUSH_BYTES, /* ... in the middle of an owner's on_bytes() */
    WRITE_SLICES_MAX = 64,
    WAIT_SLICES_MAX = 16,
    WAIT_BYTES = 128 * 1024, /* given to libuv at a time, so that on_drained() comes in time */
    REQUESTS_AT_REST_MAX = 64,
    FLUSH_LIMIT_MS = 3000,
    LINGER_LIMIT_MS = 1000,
    HIGH_DEFAULT = 256 * 1024,
    LOW_DEFAULT = 64 * 1024,
};

struct write_request {
    uv_write_t uv;
    struct write_request *next;
};

static void conn_close(struct net_conn *conn, int error);
static void conn_flush(struct net_conn *conn);

static struct net_conn *conn_of(void *handle)
{
    return lv_container_of((uv_handle_t *)handle, struct net_conn, uv.handle);
}

/* A callback's first line. */
static struct net_conn *conn_enter(void *handle)
{
    struct net_conn *conn = conn_of(handle);
    loop_enter(conn->net->loop);
    return conn;
}

static int error_from_uv(ssize_t uv_error)
{
    return lv_error_from_errno((int)-uv_error);
}

/* --- calls to the owner that wait for the end of the turn ----------------------------------- */

static void owe(struct net_conn *conn)
{
    struct net_loop *net = conn->net;
    if (lv_list_is_empty(&conn->in_owed))
        lv_list_push(&net->owed, &conn->in_owed);
    loop_schedule(net->loop, &net->pay);
}

static void owe_drained(struct net_conn *conn)
{
    conn->owes_drained = true;
    owe(conn);
}

/* --- bytes in ------------------------------------------------------------------------------ */

static void guest_leave(struct net_loop *net)
{
    struct net_conn *guest = net->guest;
    if (guest && net->guest_n > 0) {
        guest->left = lv_malloc(net->guest_n);
        guest->left_n = net->guest_n;
        memcpy(guest->left, net->buffer + net->guest_start, net->guest_n);
    }
    net->guest = NULL;
    net->guest_start = 0;
    net->guest_n = 0;
}

static void buffer_fit(struct net_loop *net, size_t bytes)
{
    if (bytes <= net->buffer_capacity)
        return;
    size_t capacity = bytes < READ_BUFFER_BYTES ? READ_BUFFER_BYTES : bytes;
    net->buffer = lv_realloc(net->buffer, capacity);
    net->buffer_capacity = capacity;
}

/* Makes the connection the buffer's guest, with what it had left. */
static void guest_enter(struct net_conn *conn)
{
    struct net_loop *net = conn->net;
    if (net->guest == conn)
        return;
    guest_leave(net);
    buffer_fit(net, conn->left_n + NET_READ_BYTES);
    net->guest = conn;
    net->guest_n = conn->left_n;
    if (conn->left_n > 0)
        memcpy(net->buffer, conn->left, conn->left_n);
    free(conn->left);
    conn->left = NULL;
    conn->left_n = 0;
}

/* Makes room for a read behind the guest's bytes. Few bytes are moved to the front, where the cache
 * is warm; many only when they stand in the way. */
static uint8_t *guest_room(struct net_loop *net)
{
    bool fits = net->guest_start + net->guest_n + NET_READ_BYTES <= net->buffer_capacity;
    if (net->guest_start > 0 && (net->guest_n <= CHEAP_TO_MOVE_BYTES || !fits)) {
        memmove(net->buffer, net->buffer + net->guest_start, net->guest_n);
        net->guest_start = 0;
    }
    buffer_fit(net, net->guest_start + net->guest_n + NET_READ_BYTES);
    return net->buffer + net->guest_start + net->guest_n;
}

static void input_drop(struct net_conn *conn)
{
    struct net_loop *net = conn->net;
    if (net->guest == conn) {
        net->guest = NULL;
        net->guest_start = 0;
        net->guest_n = 0;
    }
    free(conn->left);
    conn->left = NULL;
    conn->left_n = 0;
}

/* Hands what the guest has to its owner. */
static void guest_present(struct net_loop *net)
{
    struct net_conn *conn = net->guest;
    size_t n = net->guest_n;
    size_t consumed = conn->calls->on_bytes(conn->owner, net->buffer + net->guest_start, n);
    lv_assert(consumed <= n);
    if (net->guest != conn)
        return; /* closed meanwhile */
    net->guest_n -= consumed;
    net->guest_start = net->guest_n > 0 ? net->guest_start + consumed : 0;
}

static void conn_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    (void)suggested;
    struct net_conn *conn = conn_enter(handle);
    if (conn->full_reads == FULL_READS_MAX) {
        conn->full_reads = 0;
        *ret = uv_buf_init(NULL, 0); /* ends libuv's loop; the next poll reports the socket again */
        return;
    }
    guest_enter(conn);
    *ret = uv_buf_init((char *)guest_room(conn->net), NET_READ_BYTES);
}

static void conn_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
    struct net_conn *conn = conn_enter(stream);
    struct net_loop *net = conn->net;
    if (n == UV_ENOBUFS || n == 0)
        return;
    if (n < 0) {
        conn->full_reads = 0;
        conn_flush(conn);
        conn_close(conn, n == UV_EOF || conn->state != CONN_OPEN ? 0 : error_from_uv(n));
        return;
    }
    conn->full_reads = (size_t)n == room->len ? (uint8_t)(conn->full_reads + 1) : 0;
    conn->received += (size_t)n;
    conn->reads++;
    if (conn->state != CONN_OPEN) {
        input_drop(conn);
        return;
    }
    net->guest_n += (size_t)n;
    guest_present(net);
    if (net->unflushed >= NET_FLUSH_BYTES)
        conns_flush(net->loop);
}

static void reading_start(struct net_conn *conn)
{
    int result = uv_read_start(&conn->uv.stream, conn_room, conn_read);
    lv_assert(result == 0 || result == UV_EALREADY);
}

void net_pause(struct net_conn *conn)
{
    lv_assert(conn->pauses < UINT32_MAX);
    if (conn->pauses++ == 0 && conn->state == CONN_OPEN) {
        conn->full_reads = 0;
        uv_read_stop(&conn->uv.stream);
    }
}

void net_resume(struct net_conn *conn)
{
    lv_assert(conn->pauses > 0);
    if (--conn->pauses > 0 || conn->state != CONN_OPEN)
        return;
    conn->owes_resume = true;
    owe(conn);
}

bool net_is_paused(const struct net_conn *conn)
{
    return conn->pauses > 0;
}

static void conn_resume(struct net_conn *conn)
{
    struct net_loop *net = conn->net;
    if (conn->left_n > 0)
        guest_enter(conn);
    if (net->guest == conn && net->guest_n > 0)
        guest_present(net);
    if (conn->pauses == 0 && conn->state == CONN_OPEN)
        reading_start(conn);
}

static void conn_pay(struct net_conn *conn)
{
    bool is_resumed = conn->owes_resume;
    bool is_drained = conn->owes_drained;
    conn->owes_resume = false;
    conn->owes_drained = false;
    if (is_resumed && conn->state == CONN_OPEN && conn->pauses == 0)
        conn_resume(conn);
    if (is_drained && conn->state == CONN_OPEN)
        conn->calls->on_drained(conn->owner);
}

void net_present(struct net_conn *conn)
{
    if (lv_list_is_empty(&conn->in_owed))
        return;
    lv_list_remove(&conn->in_owed);
    conn_pay(conn);
}

void conns_pay(struct loop *loop, struct loop_task *task)
{
    (void)task;
    struct net_loop *net = net_of(loop);
    struct lv_list end; /* what is owed from here on waits for the next round */
    lv_list_init(&end);
    lv_list_push(&net->owed, &end);
    while (net->owed.next != &end) {
        struct lv_list *link = net->owed.next;
        lv_list_remove(link);
        conn_pay(lv_list_item(link, struct net_conn, in_owed));
    }
    lv_list_remove(&end);
}

/* --- bytes out ----------------------------------------------------------------------------- */

struct outbuf *net_out(struct net_conn *conn)
{
    return &conn->out;
}

size_t net_unwritten(const struct net_conn *conn)
{
    if (!conn->request)
        return conn->out.bytes;
    return conn->out.bytes - conn->in_flight + uv_stream_get_write_queue_size(&conn->uv.stream);
}

void net_set_watermarks(struct net_conn *conn, size_t high, size_t low)
{
    lv_assert(low <= high);
    conn->high = high;
    conn->low = low;
}

static void watch_high(struct net_conn *conn)
{
    if (net_unwritten(conn) > conn->high)
        conn->is_above_high = true;
}

void net_dirty(struct net_conn *conn)
{
    struct net_loop *net = conn->net;
    watch_high(conn);
    if (conn->request)
        return; /* goes out when the kernel has taken what it was given */
    net->unflushed += conn->out.bytes - conn->out_told;
    conn->out_told = conn->out.bytes;
    if (lv_list_is_empty(&conn->in_dirty))
        lv_list_push(&net->dirty, &conn->in_dirty);
    if (net->unflushed >= EARLY_FLUSH_BYTES)
        conns_flush(net->loop);
}

static struct write_request *request_take(struct net_loop *net)
{
    struct write_request *request = net->resting;
    if (!request)
        return lv_malloc(sizeof *request);
    net->resting = request->next;
    net->resting_count--;
    return request;
}

static void request_give(struct net_loop *net, struct write_request *request)
{
    if (net->resting_count == REQUESTS_AT_REST_MAX) {
        free(request);
        return;
    }
    request->next = net->resting;
    net->resting = request;
    net->resting_count++;
}

/* The peer takes no more bytes. What it sent before it went may still wait to be read (a publisher
 * that does not wait for answers): reading goes on to its end. */
static void conn_mute(struct net_conn *conn, int error)
{
    conn->is_mute = true;
    outbuf_clear(&conn->out);
    if (conn->state != CONN_OPEN || conn->pauses > 0)
        conn_close(conn, conn->state == CONN_OPEN ? error : 0);
}

static void conn_sent(struct net_conn *conn, size_t n)
{
    outbuf_consume(&conn->out, n);
    conn->sent += n;
    conn->writes++;
    conn->sent_at_ms = loop_now_ms(conn->net->loop);
}

/* The first chunks of the output, for a write: at most `count`, and no more than it takes to reach
 * `bytes`. Returns how many; *ret_bytes is their sum. */
static unsigned out_slices(const struct net_conn *conn, uv_buf_t *ret, unsigned count, size_t bytes,
                           size_t *ret_bytes)
{
    unsigned n = 0;
    size_t sum = 0;
    for (struct out_chunk *c = conn->out.first; c && n < count && sum < bytes; c = c->next) {
        if (c->end == c->start)
            continue;
        ret[n++] = uv_buf_init((char *)c->p + c->start, (unsigned)(c->end - c->start));
        sum += c->end - c->start;
    }
    *ret_bytes = sum;
    return n;
}

static void conn_written(uv_write_t *uv, int status)
{
    struct net_conn *conn = conn_enter(uv->handle);
    size_t n = conn->in_flight;
    request_give(conn->net, conn->request);
    conn->request = NULL;
    conn->in_flight = 0;
    if (conn->state == CONN_CLOSED)
        return;
    if (status < 0) {
        conn_mute(conn, error_from_uv(status));
        return;
    }
    conn_sent(conn, n);
    conn_flush(conn);
}

/* --- a peer that takes nothing ----------------------------------------------------------------
 *
 * While the kernel takes no more output, it is looked now and then how much of it the peer has
 * acknowledged. What the kernel has room for says too little: it waits until a third of its buffer
 * is free, and a slow peer may need minutes for that. */

static uint64_t bytes_taken(const struct net_conn *conn)
{
    uv_os_fd_t fd;
    int unacknowledged = 0;
    if (uv_fileno(&conn->uv.handle, &fd) == 0)
        ioctl(fd, SIOCOUTQ, &unacknowledged);
    return conn->sent + conn->in_flight - uv_stream_get_write_queue_size(&conn->uv.stream) -
           (uint64_t)unacknowledged;
}

enum { SEND_LOOKS = 8 }; /* in a timeout */

static void send_look_later(struct net_conn *conn)
{
    loop_timer_start(conn->net->loop, &conn->limit, conn->send_timeout_ms / SEND_LOOKS + 1);
}

static void send_watch(struct net_conn *conn)
{
    if (conn->send_timeout_ms == 0 || conn->state != CONN_OPEN ||
        loop_timer_is_running(&conn->limit))
        return;
    conn->taken = bytes_taken(conn);
    conn->stuck_looks = 0;
    send_look_later(conn);
}

static void send_look(struct net_conn *conn)
{
    if (!conn->request)
        return;
    uint64_t taken = bytes_taken(conn);
    conn->stuck_looks = taken == conn->taken ? conn->stuck_looks + 1 : 0;
    conn->taken = taken;
    if (conn->stuck_looks == SEND_LOOKS)
        conn_close(conn, ERR_TIMED_OUT);
    else
        send_look_later(conn);
}

void net_set_send_timeout(struct net_conn *conn, uint32_t ms)
{
    conn->send_timeout_ms = ms;
}

/* The kernel takes no more for now: libuv waits for it and writes. */
static void conn_wait(struct net_conn *conn)
{
    uv_buf_t slices[WAIT_SLICES_MAX];
    unsigned count = out_slices(conn, slices, WAIT_SLICES_MAX, WAIT_BYTES, &conn->in_flight);
    conn->request = request_take(conn->net);
    int result = uv_write(&conn->request->uv, &conn->uv.stream, slices, count, conn_written);
    if (result == 0) {
        send_watch(conn);
        return;
    }
    request_give(conn->net, conn->request);
    conn->request = NULL;
    conn->in_flight = 0;
    conn_mute(conn, error_from_uv(result));
}

/* Writes until the kernel takes no more. */
static void conn_write(struct net_conn *conn)
{
    while (conn->out.bytes > 0) {
        uv_buf_t slices[WRITE_SLICES_MAX];
        size_t bytes;
        unsigned count = out_slices(conn, slices, WRITE_SLICES_MAX, SIZE_MAX, &bytes);
        int written = uv_try_write(&conn->uv.stream, slices, count);
        if (written < 0 && written != UV_EAGAIN) {
            conn_mute(conn, error_from_uv(written));
            return;
        }
        if (written > 0)
            conn_sent(conn, (size_t)written);
        if (written < 0 || (size_t)written < bytes) {
            conn_wait(conn);
            return;
        }
    }
}

static void limit_passed(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    struct net_conn *conn = lv_container_of(timer, struct net_conn, limit);
    if (conn->state == CONN_OPEN)
        send_look(conn);
    else
        conn_close(conn, 0);
}

static void conn_linger(struct net_conn *conn)
{
    uv_os_fd_t fd;
    conn->state = CONN_LINGERING;
    if (uv_fileno(&conn->uv.handle, &fd) != 0 || shutdown(fd, SHUT_WR) != 0) {
        conn_close(conn, 0);
        return;
    }
    loop_timer_start(conn->net->loop, &conn->limit, LINGER_LIMIT_MS);
}

static void conn_flush(struct net_conn *conn)
{
    lv_list_remove(&conn->in_dirty);
    conn->out_told = 0;
    if (conn->is_mute)
        outbuf_clear(&conn->out);
    if (conn->state == CONN_CLOSED || conn->request)
        return;
    watch_high(conn);
    conn_write(conn);
    if (conn->is_above_high && !conn->is_mute && net_unwritten(conn) <= conn->low) {
        conn->is_above_high = false;
        owe_drained(conn);
    }
    conn->out_told = conn->out.bytes;
    if (conn->state == CONN_FLUSHING && conn->out.bytes == 0)
        conn_linger(conn);
}

void conns_flush(struct loop *loop)
{
    struct net_loop *net = net_of(loop);
    while (!lv_list_is_empty(&net->dirty))
        conn_flush(lv_list_item(net->dirty.next, struct net_conn, in_dirty));
    net->unflushed = 0;
}

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

static void conn_close(struct net_conn *conn, int error)
{
    if (conn->state == CONN_CLOSED)
        return;
    conn->state = CONN_CLOSED;
    conn->end_error = error;
    input_drop(conn);
    loop_timer_stop(conn->net->loop, &conn->limit);
    uv_close(&conn->uv.handle, conn_closed);
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
    input_drop(conn);
    loop_timer_start(conn->net->loop, &conn->limit, FLUSH_LIMIT_MS);
    reading_start(conn); /* what comes in is dropped */
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

void conns_free(struct net_loop *net)
{
    while (net->resting) {
        struct write_request *request = net->resting;
        net->resting = request->next;
        free(request);
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
        reading_start(conn);
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
