/* A connection without a socket. Its owner is called only from a task of its loop, because what an
 * owner reads under RCU is valid for one turn only. */
#include "net/sim/net_sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/list.h"
#include "base/memory.h"
#include "loop/sim/loop_sim.h"

enum {
    FLUSH_LIMIT_MS = 3000,
    LINGER_LIMIT_MS = 1000,
    HIGH_DEFAULT = 256 * 1024,
    LOW_DEFAULT = 64 * 1024,
    EARLY_FLUSH_BYTES = 4 * NET_FLUSH_BYTES,
};

/* As in net_private.h. */
enum conn_state { CONN_OPEN, CONN_FLUSHING, CONN_LINGERING, CONN_CLOSED };

struct net_conn {
    struct loop *loop;
    struct net_sim_peer *peer;
    struct net_peer ends;
    const struct net_owner *calls; /* borrowed, as the owner */
    void *owner;
    struct outbuf out;
    struct lv_buffer in;   /* sent by the peer, not consumed by the owner */
    size_t presented;      /* bytes of `in` that the owner has seen and not consumed */
    struct loop_task turn; /* reads, writes and ends */
    struct loop_timer limit;
    uint64_t received;
    uint64_t sent;
    uint64_t reads, writes;
    uint64_t sent_at_ms;
    size_t high;
    size_t low;
    unsigned pauses;
    enum conn_state state;
    int end_error;
    bool is_above_high;
    bool is_resumed; /* what the owner left must be presented again */
    bool has_hung_up;
};

static void conn_close(struct net_conn *conn, int error)
{
    if (conn->state == CONN_CLOSED)
        return;
    conn->state = CONN_CLOSED;
    conn->end_error = error;
    loop_timer_stop(conn->loop, &conn->limit);
    loop_schedule(conn->loop, &conn->turn);
}

static void conn_free(struct net_conn *conn)
{
    conn->calls->on_end(conn->owner, conn->end_error);
    conn->peer->conn = NULL;
    conn->peer->is_shut = true;
    conn->peer->is_gone = true;
    conn->peer->end_error = conn->end_error;
    loop_unschedule(conn->loop, &conn->turn);
    outbuf_clear(&conn->out);
    lv_buffer_free(&conn->in);
    free(conn);
}

/* --- bytes out -------------------------------------------------------------------------------- */

static void conn_write(struct net_conn *conn)
{
    struct net_sim_peer *peer = conn->peer;
    struct slice part;
    while (peer->window > 0 && conn->out.bytes > 0 && outbuf_slices(&conn->out, &part, 1) == 1) {
        size_t n = part.n < peer->window ? part.n : peer->window;
        lv_buffer_add(&peer->got, part.p, n);
        outbuf_consume(&conn->out, n);
        conn->sent += n;
        conn->writes++;
        conn->sent_at_ms = loop_now_ms(conn->loop);
        if (peer->window != SIZE_MAX)
            peer->window -= n;
    }
}

/* --- bytes in --------------------------------------------------------------------------------- */

/* Passes to the owner what it has left, and at most one read more. */
static void conn_present(struct net_conn *conn)
{
    size_t n = conn->in.n - conn->presented > NET_READ_BYTES ? conn->presented + NET_READ_BYTES
                                                             : conn->in.n;
    uint8_t *bytes = lv_malloc(n);
    memcpy(bytes, conn->in.p, n);
    conn->received += n - conn->presented;
    conn->reads++;
    size_t consumed = conn->calls->on_bytes(conn->owner, bytes, n);
    lv_assert(consumed <= n);
    free(bytes);
    lv_buffer_consume(&conn->in, consumed);
    conn->presented = n - consumed;
}

static bool conn_can_read(const struct net_conn *conn)
{
    return conn->state == CONN_OPEN && conn->pauses == 0;
}

static void conn_read_all(struct net_conn *conn)
{
    while (conn_can_read(conn) && conn->in.n > 0 &&
           (conn->in.n > conn->presented || conn->is_resumed)) {
        conn->is_resumed = false;
        conn_present(conn);
    }
    if (conn->state != CONN_OPEN)
        conn->in.n = 0;
    if (conn->has_hung_up && (conn_can_read(conn) || conn->state != CONN_OPEN)) {
        conn_write(conn);
        conn_close(conn, 0);
    }
}

/* --- a turn ----------------------------------------------------------------------------------- */

static void conn_flush(struct net_conn *conn)
{
    conn_write(conn);
    if (conn->state == CONN_OPEN && conn->is_above_high && conn->out.bytes <= conn->low) {
        conn->is_above_high = false;
        conn->calls->on_drained(conn->owner);
    }
    if (conn->state == CONN_FLUSHING && conn->out.bytes == 0) {
        conn->state = CONN_LINGERING;
        conn->peer->is_shut = true;
        loop_timer_start(conn->loop, &conn->limit, LINGER_LIMIT_MS);
    }
}

static void conn_turn(struct loop *loop, struct loop_task *task)
{
    struct net_conn *conn = lv_container_of(task, struct net_conn, turn);
    (void)loop;
    conn_read_all(conn);
    if (conn->state != CONN_CLOSED)
        conn_flush(conn);
    if (conn->state == CONN_CLOSED)
        conn_free(conn);
}

static void conn_limit_passed(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    conn_close(lv_container_of(timer, struct net_conn, limit), 0);
}

/* --- the peer --------------------------------------------------------------------------------- */

void net_sim_connect(struct net_sim_peer *peer, struct loop *loop, uint16_t port,
                     net_accepted_fn *accepted, void *arg)
{
    struct net_conn *conn = lv_calloc(1, sizeof *conn);
    struct loop *before = loop_current();
    *peer = (struct net_sim_peer){.conn = conn, .window = SIZE_MAX};
    conn->loop = loop;
    conn->peer = peer;
    conn->ends = (struct net_peer){
        .local = {.text = "127.0.0.1", .port = 5672, .is_loopback = true},
        .peer = {.text = "127.0.0.1", .port = port, .is_loopback = true},
    };
    conn->out.pool = loop_out_pool(loop);
    conn->high = HIGH_DEFAULT;
    conn->low = LOW_DEFAULT;
    conn->sent_at_ms = loop_now_ms(loop);
    loop_task_init(&conn->turn, conn_turn);
    loop_timer_init_patient(&conn->limit, conn_limit_passed);
    loop_sim_enter(loop);
    accepted(loop, arg, conn, &conn->ends);
    loop_sim_enter(before);
    lv_assert(conn->calls); /* `accepted` must call net_attach() */
}

void net_sim_send(struct net_sim_peer *peer, struct slice bytes)
{
    struct net_conn *conn = peer->conn;
    if (!conn || conn->has_hung_up || bytes.n == 0)
        return;
    lv_buffer_add_slice(&conn->in, bytes);
    loop_schedule(conn->loop, &conn->turn);
}

void net_sim_open_window(struct net_sim_peer *peer, size_t bytes)
{
    peer->window = SIZE_MAX - peer->window < bytes ? SIZE_MAX : peer->window + bytes;
    if (peer->conn)
        loop_schedule(peer->conn->loop, &peer->conn->turn);
}

void net_sim_hang_up(struct net_sim_peer *peer)
{
    if (!peer->conn)
        return;
    peer->conn->has_hung_up = true;
    loop_schedule(peer->conn->loop, &peer->conn->turn);
}

void net_sim_reset(struct net_sim_peer *peer)
{
    if (peer->conn)
        conn_close(peer->conn, ERR_CLOSED);
}

void net_sim_peer_free(struct net_sim_peer *peer)
{
    lv_assert(peer->is_gone);
    lv_buffer_free(&peer->got);
}

/* --- net.h ------------------------------------------------------------------------------------ */

void net_init(struct loops *loops)
{
    (void)loops; /* a simulated connection needs nothing of its loop */
}

void net_attach(struct net_conn *conn, const struct net_owner *calls, void *owner)
{
    lv_assert(!conn->calls);
    lv_assert(calls->on_bytes && calls->on_drained && calls->on_end);
    conn->calls = calls;
    conn->owner = owner;
}

void net_peer_of(const struct net_conn *conn, struct net_peer *ret)
{
    *ret = conn->ends;
}

enum net_peer_state net_look_at_peer(const struct net_conn *conn)
{
    if (conn->state != CONN_OPEN)
        return NET_PEER_RESET;
    return conn->has_hung_up ? NET_PEER_ENDED : NET_PEER_THERE;
}

void net_set_send_timeout(struct net_conn *conn, uint32_t ms)
{
    (void)conn; /* a peer with a closed window never times out */
    (void)ms;
}

struct loop *net_loop(const struct net_conn *conn)
{
    return conn->loop;
}

struct outbuf *net_out(struct net_conn *conn)
{
    return &conn->out;
}

void net_dirty(struct net_conn *conn)
{
    if (conn->out.bytes > conn->high)
        conn->is_above_high = true;
    if (conn->out.bytes >= EARLY_FLUSH_BYTES)
        conn_write(conn);
    loop_schedule(conn->loop, &conn->turn);
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

void net_pause(struct net_conn *conn)
{
    conn->pauses++;
}

void net_resume(struct net_conn *conn)
{
    lv_assert(conn->pauses > 0);
    if (--conn->pauses > 0)
        return;
    conn->is_resumed = true;
    loop_schedule(conn->loop, &conn->turn);
}

bool net_is_paused(const struct net_conn *conn)
{
    return conn->pauses > 0;
}

void net_present(struct net_conn *conn)
{
    conn_read_all(conn); /* its task, which is scheduled, does the rest */
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
    loop_timer_start(conn->loop, &conn->limit, FLUSH_LIMIT_MS);
    loop_schedule(conn->loop, &conn->turn);
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
    return conn->in.n - conn->presented;
}

void net_admit(struct net_conn *conn)
{
    (void)conn;
}

void net_keep(struct net_conn *conn)
{
    (void)conn;
}

uint64_t net_age_ms(const struct net_conn *conn)
{
    (void)conn;
    return 0;
}

uint64_t net_sent_at_ms(const struct net_conn *conn)
{
    return conn->sent_at_ms;
}
