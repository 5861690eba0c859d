/* Output: a flush writes until the stream takes no more. The rest stays in `out`, and is written
 * when the stream can take it. */
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "base/counters.h"
#include "net/net_private.h"

enum {
    EARLY_FLUSH_BYTES = 4 * NET_FLUSH_BYTES, /* if a loop has more, net_dirty() writes it */
    WRITE_SLICES_MAX = 64,
};

/* --- output ----------------------------------------------------------------------------------- */

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
    conn_assert_loop(conn);
    lv_assert(low <= high);
    conn->high = high;
    conn->low = low;
}

static void conn_note_high(struct net_conn *conn)
{
    if (net_unwritten(conn) > conn->high)
        conn->is_above_high = true;
}

void net_dirty(struct net_conn *conn)
{
    struct net_loop *net = conn->net;
    conn_note_high(conn);
    if (conn->is_blocked)
        return; /* it is written when the stream can take more */
    net->unflushed += conn->out.bytes - conn->out_counted;
    conn->out_counted = conn->out.bytes;
    if (lv_list_is_empty(&conn->in_dirty)) {
        conn_assert_loop(conn);
        lv_list_push(&net->dirty, &conn->in_dirty);
    }
    if (net->unflushed >= EARLY_FLUSH_BYTES)
        conns_flush(net->loop);
}

/* Called when the peer takes no more bytes: drops the output. What the peer sent before may still
 * have to be read (from a publisher that does not wait for answers), so reading continues to the
 * end of input. A connection that is paused or closing ends at once. */
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
    if (loop_is_counted(conn->net->loop)) {
        COUNT_MANY(sent_bytes, n);
        COUNT(socket_writes);
    }
    conn->sent_at_ms = loop_now_ms(conn->net->loop);
}

/* Fills ret with the first chunks of the output, at most WRITE_SLICES_MAX. Returns how many;
 * *ret_bytes is the sum of their bytes. */
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
 * While the kernel takes no more output, a timer checks how much of it the peer has acknowledged.
 * Whether the socket is writable says too little: the kernel waits until a third of its buffer is
 * free, and a slow peer may need minutes for that. */

/* Returns how many bytes of output the peer has acknowledged. */
static uint64_t conn_bytes_taken(const struct net_conn *conn)
{
    int unacknowledged = 0;
    if (ioctl(conn->stream->fd, SIOCOUTQ, &unacknowledged) != 0)
        return conn->sent;
    return conn->sent - (uint64_t)unacknowledged;
}

enum { CHECKS_PER_TIMEOUT = 8 };

static void conn_check_later(struct net_conn *conn)
{
    loop_timer_start(conn->net->loop, &conn->limit, conn->send_timeout_ms / CHECKS_PER_TIMEOUT + 1);
}

static void conn_begin_checks(struct net_conn *conn)
{
    if (conn->send_timeout_ms == 0 || conn->state != CONN_OPEN ||
        loop_timer_is_running(&conn->limit))
        return;
    conn->taken = conn_bytes_taken(conn);
    conn->stuck_checks = 0;
    conn_check_later(conn);
}

void conn_check_progress(struct net_conn *conn)
{
    if (!conn->is_blocked)
        return;
    uint64_t taken = conn_bytes_taken(conn);
    conn->stuck_checks = taken == conn->taken ? conn->stuck_checks + 1 : 0;
    conn->taken = taken;
    if (conn->stuck_checks == CHECKS_PER_TIMEOUT)
        conn_close(conn, ERR_TIMED_OUT);
    else
        conn_check_later(conn);
}

void net_set_send_timeout(struct net_conn *conn, uint32_t ms)
{
    conn_assert_loop(conn);
    conn->send_timeout_ms = ms;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void conn_wait_writable(struct net_conn *conn)
{
    conn->is_blocked = true;
    conn_watch(conn);
    conn_begin_checks(conn);
}

/* Writes until the stream takes no more, or fails. */
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
        lv_assert(taken <= bytes);
        if (taken > 0)
            conn_sent(conn, taken);
        if (taken < bytes) {
            conn_wait_writable(conn);
            return;
        }
    }
}

void conn_flush(struct net_conn *conn)
{
    lv_list_remove(&conn->in_dirty);
    conn->out_counted = 0;
    if (conn->is_mute)
        outbuf_clear(&conn->out);
    if (conn->state == CONN_CLOSED || conn->state == CONN_LINGERING)
        return;
    conn->is_blocked = false;
    conn_note_high(conn);
    conn_write(conn);
    if (conn->is_above_high && !conn->is_mute && net_unwritten(conn) <= conn->low) {
        conn->is_above_high = false;
        conn_defer_drained(conn);
    }
    conn->out_counted = conn->out.bytes;
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
