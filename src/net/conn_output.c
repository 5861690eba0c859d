/* Bytes that go out: a flush tries one writev(2); what the kernel does not take is given to libuv, which
 * waits for the socket. It stays in `out` all the while: appending moves no byte that is in flight. */
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/net_private.h"

enum {
    EARLY_FLUSH_BYTES = 4 * NET_FLUSH_BYTES, /* in the middle of an owner's on_bytes() */
    WRITE_SLICES_MAX = 64,
    WAIT_SLICES_MAX = 16,
    WAIT_BYTES = 128 * 1024, /* given to libuv at a time, so that on_drained() comes in time */
    REQUESTS_AT_REST_MAX = 64,
};

struct write_request {
    uv_write_t uv;
    struct write_request *next;
};

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

void conn_look(struct net_conn *conn)
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

void conn_flush(struct net_conn *conn)
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
        conn_owe_drained(conn);
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

void conns_free(struct net_loop *net)
{
    while (net->resting) {
        struct write_request *request = net->resting;
        net->resting = request->next;
        free(request);
    }
}
