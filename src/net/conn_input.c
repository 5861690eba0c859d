/* Bytes that come in: a connection whose stream has something is read a few times, FULL_READS_MAX
 * at most before others have their turn, into one buffer that all connections of a loop share, and
 * its owner consumes them where they are.
 *
 * An owner is never called from within a call of its own to this room: what a flush finds out, and
 * the bytes of a connection that is resumed, are deferred to a task at the end of the turn. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/net_private.h"

enum {
    READ_BUFFER_BYTES = 4 * NET_READ_BYTES, /* grows when an owner leaves more than three reads */
    CHEAP_TO_MOVE_BYTES = 4096,
    FULL_READS_MAX = 4,
};

/* --- calls to the owner that wait for the end of the turn ------------------------------------- */

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
    conn->must_tell_drained = true;
    conn_defer(conn);
}

/* --- bytes in --------------------------------------------------------------------------------- */

/* Saves what the read owner has not consumed, so that another connection can have the buffer. */
static void buffer_release(struct net_loop *net)
{
    struct net_conn *conn = net->read_owner;
    if (conn && net->unread_n > 0) {
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

/* Makes the connection the read owner, with what it had not consumed. */
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

/* Makes room for a read behind the unread bytes. Few bytes are moved to the front, where the cache
 * is warm; many only when they stand in the way. */
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

/* Hands what is in the buffer to the connection's owner. */
static void buffer_present(struct net_loop *net)
{
    struct net_conn *conn = net->read_owner;
    size_t n = net->unread_n;
    size_t consumed = conn->calls->on_bytes(conn->owner, net->buffer + net->unread_start, n);
    lv_assert(consumed <= n);
    if (net->read_owner != conn)
        return; /* closed meanwhile */
    net->unread_n -= consumed;
    net->unread_start = net->unread_n > 0 ? net->unread_start + consumed : 0;
}

/* The peer has closed its side (0), or the stream has failed. */
static void conn_ended(struct net_conn *conn, int error)
{
    conn_flush(conn);
    conn_close(conn, conn->state == CONN_OPEN ? error : 0);
}

static void conn_take_bytes(struct net_conn *conn, size_t n)
{
    struct net_loop *net = conn->net;
    conn->received += n;
    conn->reads++;
    if (conn->state != CONN_OPEN) {
        conn_drop_input(conn);
        return;
    }
    net->unread_n += n;
    buffer_present(net);
    if (net->unflushed >= NET_FLUSH_BYTES)
        conns_flush(net->loop);
}

/* One read. Returns false when nothing more is to be read now. */
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
        conn_defer_resume(conn); /* no poll would tell */
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
    lv_assert(conn->pauses < UINT32_MAX);
    if (conn->pauses++ == 0 && conn->state == CONN_OPEN)
        conn->is_reading = false;
}

void net_resume(struct net_conn *conn)
{
    lv_assert(conn->pauses > 0);
    if (--conn->pauses > 0 || conn->state != CONN_OPEN)
        return;
    conn_defer_resume(conn);
}

bool net_is_paused(const struct net_conn *conn)
{
    return conn->pauses > 0;
}

/* Presents what the owner has left unconsumed, and reads on. */
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
    bool is_drained = conn->must_tell_drained;
    conn->must_resume = false;
    conn->must_tell_drained = false;
    if (is_resumed && conn->state == CONN_OPEN && conn->pauses == 0)
        conn_resume(conn);
    else if (is_resumed && conn->is_reading) /* its end is waited for */
        conn_read(conn);
    if (is_drained && conn->state == CONN_OPEN)
        conn->calls->on_drained(conn->owner);
}

void net_present(struct net_conn *conn)
{
    if (lv_list_is_empty(&conn->in_deferred))
        return;
    lv_list_remove(&conn->in_deferred);
    conn_call_deferred(conn);
}

void conns_call_deferred(struct loop *loop, struct loop_task *task)
{
    (void)task;
    struct net_loop *net = net_of(loop);
    struct lv_list end; /* what is deferred from here on waits for the next round */
    lv_list_init(&end);
    lv_list_push(&net->deferred, &end);
    while (net->deferred.next != &end) {
        struct lv_list *link = net->deferred.next;
        lv_list_remove(link);
        conn_call_deferred(lv_list_item(link, struct net_conn, in_deferred));
    }
    lv_list_remove(&end);
}
