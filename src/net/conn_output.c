/* Bytes that go out: a flush tries one writev. What the stream does not take stays in `out`, and
 * goes on when the stream can take more. */
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "net/net_private.h"

enum {
    EARLY_FLUSH_BYTES = 4 * NET_FLUSH_BYTES, /* in the middle of an owner's on_bytes() */
    WRITE_SLICES_MAX = 64,
};

/* --- bytes out -------------------------------------------------------------------------------- */

struct outbuf *net_out(struct net_conn *conn)
{
    return &conn->out;
}

size_t net_unwritten(const struct net_conn *conn)
{
    return conn->out.bytes;
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
    if (conn->is_blocked)
        return; /* goes out when the stream can take more */
    net->unflushed += conn->out.bytes - conn->out_told;
    conn->out_told = conn->out.bytes;
    if (lv_list_is_empty(&conn->in_dirty))
        lv_list_push(&net->dirty, &conn->in_dirty);
    if (net->unflushed >= EARLY_FLUSH_BYTES)
        conns_flush(net->loop);
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

/* The first chunks of the output, at most WRITE_SLICES_MAX. Returns how many; *ret_bytes is their
 * sum. */
static int out_slices(const struct net_conn *conn, struct iovec *ret, size_t *ret_bytes)
{
    int n = 0;
    size_t sum = 0;
    for (const struct out_chunk *c = conn->out.first; c && n < WRITE_SLICES_MAX; c = c->next) {
        if (c->end == c->start)
            continue;
        ret[n++] = (struct iovec){c->p + c->start, c->end - c->start};
        sum += c->end - c->start;
    }
    *ret_bytes = sum;
    return n;
}

/* --- a peer that takes nothing ----------------------------------------------------------------
 *
 * While the kernel takes no more output, it is looked now and then how much of it the peer has
 * acknowledged. What the kernel has room for says too little: it waits until a third of its buffer
 * is free, and a slow peer may need minutes for that. */

static uint64_t bytes_taken(const struct net_conn *conn)
{
    int unacknowledged = 0;
    if (ioctl(conn->stream->fd, SIOCOUTQ, &unacknowledged) != 0)
        return conn->sent;
    return conn->sent - (uint64_t)unacknowledged;
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
    if (!conn->is_blocked)
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

/* --- writing ---------------------------------------------------------------------------------- */

static void conn_wait(struct net_conn *conn)
{
    conn->is_blocked = true;
    conn_watch(conn);
    send_watch(conn);
}

/* Writes until the stream takes no more. */
static void conn_write(struct net_conn *conn)
{
    while (conn->out.bytes > 0) {
        struct iovec slices[WRITE_SLICES_MAX];
        size_t bytes, taken = 0;
        int count = out_slices(conn, slices, &bytes);
        int result = conn->stream->calls->writev(conn->stream, slices, count, &taken);
        if (result < 0) {
            conn_mute(conn, result);
            return;
        }
        if (taken > 0)
            conn_sent(conn, taken);
        if (taken < bytes) {
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
    if (conn->state == CONN_CLOSED || conn->state == CONN_LINGERING)
        return;
    conn->is_blocked = false;
    watch_high(conn);
    conn_write(conn);
    if (conn->is_above_high && !conn->is_mute && net_unwritten(conn) <= conn->low) {
        conn->is_above_high = false;
        conn_defer_drained(conn);
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
