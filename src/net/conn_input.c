/* Input: a connection whose stream has bytes is read, at most FULL_READS_MAX times before others
 * are, into one buffer that all connections of a loop share; its owner consumes the bytes there.
 *
 * An owner is never called from within a call of its own to this room. So on_drained(), and the
 * bytes of a connection that is resumed, are deferred to a task at the end of the turn. */
#include <stdlib.h>
#include <string.h>

#include "base/counters.h"
#include "base/memory.h"
#include "net/net_private.h"

enum {
    READ_BUFFER_BYTES = 4 * NET_READ_BYTES, /* grows when an owner leaves more than three reads */
    CHEAP_TO_MOVE_BYTES = 4096, /* at most this many unread bytes are moved at every read */
    FULL_READS_MAX = 4,
};

/* --- calls to the owner that are deferred to the end of the turn ------------------------------ */

static void conn_defer(struct net_conn *conn)
{
    struct net_loop *net = conn->net;
    if (lv_list_is_empty(&conn->in_deferred))
        lv_list_push(&net->deferred, &conn->in_deferred);
    loop_schedule(net->loop, &net->deferred_calls);
}

static void conn_defer_resume(struct net_conn *conn)
{
    conn->must_resume = true;
    conn_defer(conn);
}

void conn_defer_drained(struct net_conn *conn)
{
    conn->must_call_drained = true;
    conn_defer(conn);
}

/* --- the buffer ------------------------------------------------------------------------------- */

/* Saves what the read owner has not consumed, so that another connection can use the buffer. */
static void buffer_release(struct net_loop *net)
{
    struct net_conn *conn = net->read_owner;
    if (conn && net->unread_n > 0) {
        lv_assert(!conn->unread);
        conn->unread = lv_malloc(net->unread_n);
        conn->unread_n = net->unread_n;
        memcpy(conn->unread, net->buffer + net->unread_start, net->unread_n);
    }
    net->read_owner = NULL;
    net->unread_start = 0;
    net->unread_n = 0;
}

static void buffer_fit(struct net_loop *net, size_t bytes)
{
    if (bytes <= net->buffer_capacity)
        return;
    size_t capacity = bytes < READ_BUFFER_BYTES ? READ_BUFFER_BYTES : bytes;
    net->buffer = lv_realloc(net->buffer, capacity);
    net->buffer_capacity = capacity;
}

/* Makes the connection the read owner; what it has not consumed is copied to the buffer. */
static void buffer_take(struct net_conn *conn)
{
    struct net_loop *net = conn->net;
    if (net->read_owner == conn)
        return;
    buffer_release(net);
    buffer_fit(net, conn->unread_n + NET_READ_BYTES);
    net->read_owner = conn;
    net->unread_n = conn->unread_n;
    if (conn->unread_n > 0)
        memcpy(net->buffer, conn->unread, conn->unread_n);
    free(conn->unread);
    conn->unread = NULL;
    conn->unread_n = 0;
}

/* Makes room for a read behind the unread bytes, and returns where it is. A few unread bytes are
 * moved to the front, where the cache is warm; many only if there is no room otherwise. */
static uint8_t *buffer_room(struct net_loop *net)
{
    bool fits = net->unread_start + net->unread_n + NET_READ_BYTES <= net->buffer_capacity;
    if (net->unread_start > 0 && (net->unread_n <= CHEAP_TO_MOVE_BYTES || !fits)) {
        memmove(net->buffer, net->buffer + net->unread_start, net->unread_n);
        net->unread_start = 0;
    }
    buffer_fit(net, net->unread_start + net->unread_n + NET_READ_BYTES);
    return net->buffer + net->unread_start + net->unread_n;
}

void conn_drop_input(struct net_conn *conn)
{
    struct net_loop *net = conn->net;
    if (net->read_owner == conn) {
        net->read_owner = NULL;
        net->unread_start = 0;
        net->unread_n = 0;
    }
    free(conn->unread);
    conn->unread = NULL;
    conn->unread_n = 0;
}

/* Passes what is in the buffer to the owner of net->read_owner, the connection whose bytes they
 * are. */
static void buffer_present(struct net_loop *net)
{
    struct net_conn *conn = net->read_owner;
    lv_assert(conn->state == CONN_OPEN);
    size_t n = net->unread_n;
    size_t consumed = conn->calls->on_bytes(conn->owner, net->buffer + net->unread_start, n);
    lv_assert(consumed <= n);
    if (net->read_owner != conn)
        return; /* it was closed meanwhile */
    net->unread_n -= consumed;
    net->unread_start = net->unread_n > 0 ? net->unread_start + consumed : 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Ends the connection, as the peer has closed its side (error 0) or the stream has failed. */
static void conn_ended(struct net_conn *conn, int error)
{
    conn_flush(conn);
    conn_close(conn, conn->state == CONN_OPEN ? error : 0);
}

static void conn_take_bytes(struct net_conn *conn, size_t n)
{
    struct net_loop *net = conn->net;
    lv_assert(n <= NET_READ_BYTES); /* or the stream has written beyond the buffer */
    conn->received += n;
    conn->reads++;
    if (loop_is_counted(conn->net->loop)) {
        COUNT_MANY(received_bytes, n);
        COUNT(socket_reads);
    }
    if (conn->state != CONN_OPEN) {
        conn_drop_input(conn);
        return;
    }
    net->unread_n += n;
    buffer_present(net);
    if (net->unflushed >= NET_FLUSH_BYTES)
        conns_flush(net->loop);
}

/* Reads once. Returns whether there may be more to read now. */
static bool conn_read_once(struct net_conn *conn)
{
    size_t n = 0;
    buffer_take(conn);
    int result =
        conn->stream->calls->read(conn->stream, buffer_room(conn->net), NET_READ_BYTES, &n);
    if (result == NET_WAIT)
        return false;
    if (result < 0 || n == 0) {
        conn_ended(conn, result);
        return false;
    }
    conn_take_bytes(conn, n);
    return conn->is_reading && (n == NET_READ_BYTES || conn->stream->has_pending);
}

void conn_read(struct net_conn *conn)
{
    unsigned reads = 0;
    while (conn_read_once(conn) && ++reads < FULL_READS_MAX)
        continue;
    if (!conn->is_reading)
        return;
    if (conn->stream->has_pending)
        conn_defer_resume(conn); /* no poll would report it */
    conn_watch(conn);
}

void conn_start_reading(struct net_conn *conn)
{
    conn->is_reading = true;
    if (conn->stream->has_pending)
        conn_defer_resume(conn);
    conn_watch(conn);
}

void net_pause(struct net_conn *conn)
{
    conn_assert_loop(conn);
    lv_assert(conn->pauses < UINT32_MAX);
    if (conn->pauses++ == 0 && conn->state == CONN_OPEN)
        conn->is_reading = false;
}

void net_resume(struct net_conn *conn)
{
    conn_assert_loop(conn);
    lv_assert(conn->pauses > 0);
    if (--conn->pauses > 0 || conn->state != CONN_OPEN)
        return;
    conn_defer_resume(conn);
}

bool net_is_paused(const struct net_conn *conn)
{
    return conn->pauses > 0;
}

/* Presents what the owner has left unconsumed, and continues to read. */
static void conn_resume(struct net_conn *conn)
{
    struct net_loop *net = conn->net;
    if (conn->unread_n > 0)
        buffer_take(conn);
    if (net->read_owner == conn && net->unread_n > 0 && !conn->is_reading)
        buffer_present(net);
    if (conn->pauses > 0 || conn->state != CONN_OPEN)
        return;
    conn->is_reading = true;
    if (conn->stream->has_pending)
        conn_read(conn);
    else
        conn_watch(conn);
}

static void conn_call_deferred(struct net_conn *conn)
{
    bool is_resumed = conn->must_resume;
    bool is_drained = conn->must_call_drained;
    conn->must_resume = false;
    conn->must_call_drained = false;
    if (is_resumed && conn->state == CONN_OPEN && conn->pauses == 0)
        conn_resume(conn);
    else if (is_resumed && conn->is_reading) /* closing: to the end of input */
        conn_read(conn);
    if (is_drained && conn->state == CONN_OPEN)
        conn->calls->on_drained(conn->owner);
}

void net_present(struct net_conn *conn)
{
    conn_assert_loop(conn);
    if (lv_list_is_empty(&conn->in_deferred))
        return;
    lv_list_remove(&conn->in_deferred);
    conn_call_deferred(conn);
}

void conns_call_deferred(struct loop *loop, struct loop_task *task)
{
    (void)task;
    struct net_loop *net = net_of(loop);
    struct lv_list end; /* calls deferred from here on wait for the next round */
    lv_list_init(&end);
    lv_list_push(&net->deferred, &end);
    while (net->deferred.next != &end) {
        struct lv_list *link = net->deferred.next;
        lv_list_remove(link);
        conn_call_deferred(lv_list_item(link, struct net_conn, in_deferred));
    }
    lv_list_remove(&end);
}
