/* Bytes that come in: libuv asks for room (conn_room), reads once, and hands over (conn_read); it goes on
 * while reads fill the room, FULL_READS_MAX times at most before other connections have their turn. The
 * room is one buffer of all connections of a loop; one of them is its guest.
 *
 * An owner is never called from within a call of its own to this room: what a flush finds out, and a
 * resumed connection's bytes, are owed, and paid by a task at the end of the turn. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/net_private.h"

enum {
    READ_BUFFER_BYTES = 4 * NET_READ_BYTES, /* grows when an owner leaves more than three reads */
    CHEAP_TO_MOVE_BYTES = 4096,
    FULL_READS_MAX = 4,
};

/* --- calls to the owner that wait for the end of the turn ----------------------------------- */

static void owe(struct net_conn *conn)
{
    struct net_loop *net = conn->net;
    if (lv_list_is_empty(&conn->in_owed))
        lv_list_push(&net->owed, &conn->in_owed);
    loop_schedule(net->loop, &net->pay);
}

void conn_owe_drained(struct net_conn *conn)
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

void conn_drop_input(struct net_conn *conn)
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
        conn_drop_input(conn);
        return;
    }
    net->guest_n += (size_t)n;
    guest_present(net);
    if (net->unflushed >= NET_FLUSH_BYTES)
        conns_flush(net->loop);
}

void conn_start_reading(struct net_conn *conn)
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
        conn_start_reading(conn);
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
