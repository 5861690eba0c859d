/* The life of a connection: its beginning, what its owner may ask of it, and the way to its end.
 * Reading is in conn_input.c, writing in conn_output.c; bytes cross the socket through its stream
 * (stream.h). */
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "net/net_private.h"

enum {
    FLUSH_LIMIT_MS = 3000,
    LINGER_LIMIT_MS = 1000,
    /* A step of a TLS handshake may take a millisecond: the other peers of the loop wait for few.
     */
    OPENINGS_PER_TURN = 2,
    HIGH_DEFAULT = 256 * 1024,
    LOW_DEFAULT = 64 * 1024,
};

/* --- states ----------------------------------------------------------------------------------- */

#define TO(state) (1u << CONN_##state)

static const unsigned conn_moves[] = {
    [CONN_OPENING] = TO(OPEN) | TO(CLOSED),
    [CONN_OPEN] = TO(FLUSHING) | TO(CLOSED),
    [CONN_FLUSHING] = TO(LINGERING) | TO(CLOSED),
    [CONN_LINGERING] = TO(CLOSED),
    [CONN_CLOSED] = 0,
};

static void conn_enter(struct net_conn *conn, enum conn_state next)
{
    lv_assert(conn_moves[conn->state] & 1u << next);
    conn->state = (uint8_t)next;
}

/* Tells the one who called conn_open() that the connection is open, or why it is not. */
static void conn_tell_opened(struct net_conn *conn, int error, const struct net_peer *peer)
{
    conn_opened_fn *opened = conn->opened;
    void *arg = conn->owner;
    conn->opened = NULL;
    conn->owner = NULL;
    free(conn->ends);
    conn->ends = NULL;
    opened(arg, error == 0 ? conn : NULL, error, peer);
}

/* The kernel does not know any longer where a connection came from that was reset. */
static struct net_peer conn_ends(const struct net_conn *conn)
{
    struct net_peer ends;
    conn->stream->calls->peer(conn->stream, &ends);
    if (ends.peer.port == 0 && conn->ends)
        ends = *conn->ends;
    ends.tls = NULL;
    return ends;
}

/* --- the way to the end ----------------------------------------------------------------------- */

static void conn_closed(uv_handle_t *handle)
{
    struct net_conn *conn = lv_container_of((uv_poll_t *)(void *)handle, struct net_conn, uv);
    loop_enter(conn->net->loop);
    lv_assert(conn->state == CONN_CLOSED);
    outbuf_clear(&conn->out);
    lv_list_remove(&conn->in_conns);
    if (conn->calls)
        conn->calls->on_end(conn->owner, conn->end_error);
    /* The owner may have appended to the output: it did not know of the end before on_end(). */
    outbuf_clear(&conn->out);
    lv_list_remove(&conn->in_dirty);
    lv_list_remove(&conn->in_deferred);
    entry_leave(&conn->entry);
    free(conn);
}

void conn_close(struct net_conn *conn, int error)
{
    struct net_peer ends;
    if (conn->state == CONN_CLOSED)
        return;
    conn_assert_loop(conn);
    if (conn->opened)
        ends = conn_ends(conn);
    conn_enter(conn, CONN_CLOSED);
    conn->end_error = error;
    conn->is_reading = false;
    conn->is_blocked = false;
    conn_drop_input(conn);
    half_open_end(&conn->entry.half_open);
    loop_timer_stop(conn->net->loop, &conn->limit);
    /* This comes before the socket is closed, because libuv must not poll a closed one. */
    uv_close((uv_handle_t *)&conn->uv, conn_closed);
    conn->stream->calls->close(conn->stream);
    conn->stream = NULL;
    if (conn->opened)
        conn_tell_opened(conn, error, &ends);
}

/* Shuts down our side. Returns false if it must be called again when the stream can continue. */
static bool conn_shut_down(struct net_conn *conn)
{
    int result = conn->stream->calls->shutdown(conn->stream);
    if (result < 0)
        conn_close(conn, 0);
    return result != NET_WAIT;
}

void conn_linger(struct net_conn *conn)
{
    lv_assert(conn->out.bytes == 0);
    conn_enter(conn, CONN_LINGERING);
    loop_timer_start(conn->net->loop, &conn->limit, LINGER_LIMIT_MS);
    conn->is_blocked = !conn_shut_down(conn);
    if (conn->state == CONN_LINGERING)
        conn_watch(conn);
}

static void conn_limit_passed(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    struct net_conn *conn = lv_container_of(timer, struct net_conn, limit);
    if (conn->state == CONN_OPENING)
        conn_close(conn, lv_error_explain(ERR_TIMED_OUT, "handshake not finished within %u ms",
                                          conn->stream->open_limit_ms));
    else if (conn->state == CONN_OPEN)
        conn_check_progress(conn);
    else
        conn_close(conn, 0);
}

void net_close(struct net_conn *conn, bool flush)
{
    conn_assert_loop(conn);
    if (!flush) {
        conn_close(conn, 0);
        return;
    }
    if (conn->state != CONN_OPEN)
        return;
    conn_enter(conn, CONN_FLUSHING);
    conn_drop_input(conn);
    loop_timer_start(conn->net->loop, &conn->limit, FLUSH_LIMIT_MS);
    conn_start_reading(conn); /* to the end of input; the bytes are dropped */
    net_dirty(conn);
}

void conns_stop(struct net_loop *net)
{
    struct lv_list *link, *after;
    lv_list_each (link, after, &net->conns) {
        struct net_conn *conn = lv_list_item(link, struct net_conn, in_conns);
        conn_close(conn, conn->state <= CONN_OPEN ? ERR_CLOSED : 0);
    }
}

/* --- polling ---------------------------------------------------------------------------------- */

/* Returns what the connection waits for. */
static uint8_t conn_wanted(const struct net_conn *conn)
{
    if (conn->state == CONN_OPENING)
        return conn->stream->read_waits_for;
    return (uint8_t)((conn->is_reading ? conn->stream->read_waits_for : 0) |
                     (conn->is_blocked ? conn->stream->write_waits_for : 0));
}

static void conn_advance_opening(struct net_conn *conn);
static void conn_ready(uv_poll_t *uv, int status, int events);

static void conn_poll(struct net_conn *conn, uint8_t wanted)
{
    int result;
    lv_assert(conn->state != CONN_CLOSED);
    conn->watched = wanted;
    if (wanted)
        result = uv_poll_start(&conn->uv, wanted, conn_ready);
    else
        result = uv_poll_stop(&conn->uv);
    lv_assert(result == 0);
}

void conn_watch(struct net_conn *conn)
{
    uint8_t wanted = conn_wanted(conn);
    if (wanted & ~conn->watched)
        conn_poll(conn, wanted);
}

/* Called when the socket is ready to be read or written. libuv reports an error of the socket as an
 * event of its own and then stops polling: reading and writing will return the error. */
static void conn_ready(uv_poll_t *uv, int status, int events)
{
    struct net_conn *conn = lv_container_of(uv, struct net_conn, uv);
    loop_enter(conn->net->loop);
    if (status < 0) {
        conn->watched = 0;
        events = NET_READABLE | NET_WRITABLE;
    }
    if (conn->state == CONN_OPENING) {
        if (status == 0 && conn->net->openings++ >= OPENINGS_PER_TURN)
            return; /* the next turn's poll reports the socket again */
        conn_advance_opening(conn);
    }
    if (conn->is_reading && events & conn->stream->read_waits_for)
        conn_read(conn);
    if (conn->is_blocked && events & conn->stream->write_waits_for) {
        if (conn->state == CONN_LINGERING)
            conn->is_blocked = !conn_shut_down(conn);
        else
            conn_flush(conn);
    }
    if (conn->state != CONN_CLOSED && conn_wanted(conn) != conn->watched)
        conn_poll(conn, conn_wanted(conn));
}

/* --- the beginning ---------------------------------------------------------------------------- */

static struct net_conn *conn_create(struct net_loop *net, struct net_stream *stream)
{
    struct net_conn *conn = lv_calloc(1, sizeof *conn);
    conn->net = net;
    conn->stream = stream;
    conn->out.pool = loop_out_pool(net->loop);
    conn->high = HIGH_DEFAULT;
    conn->low = LOW_DEFAULT;
    conn->begun_ms = conn->sent_at_ms = loop_now_ms(net->loop);
    loop_timer_init_patient(&conn->limit, conn_limit_passed);
    lv_list_init(&conn->in_dirty);
    lv_list_init(&conn->in_deferred);
    lv_list_push(&net->conns, &conn->in_conns);
    return conn;
}

static bool is_event(uint8_t waits_for)
{
    return waits_for == NET_READABLE || waits_for == NET_WRITABLE;
}

/* Continues the handshake of the stream, if it has one. */
static void conn_advance_opening(struct net_conn *conn)
{
    struct net_stream *stream = conn->stream;
    struct net_peer peer;
    int result = stream->calls->open ? stream->calls->open(stream) : 0;
    if (result == NET_WAIT)
        return;
    if (result < 0) {
        conn_close(conn, result);
        return;
    }
    loop_timer_stop(conn->net->loop, &conn->limit);
    conn_enter(conn, CONN_OPEN);
    stream->calls->peer(stream, &peer);
    conn_tell_opened(conn, 0, &peer);
    lv_assert(conn->calls != NULL || conn->state != CONN_OPEN);
}

/* Puts the layer on the stream, and polls its socket. Returns ERR_..., and the socket is closed. */
static int conn_make(struct net_loop *net, struct net_stream *stream, net_layer_fn *layer,
                     void *layer_arg, struct net_conn **ret)
{
    int err = layer ? layer(layer_arg, &stream) : 0;
    if (err < 0) {
        stream->calls->close(stream);
        return err;
    }
    lv_assert(is_event(stream->read_waits_for) && is_event(stream->write_waits_for));
    struct net_conn *conn = conn_create(net, stream);
    int result = uv_poll_init(loop_uv(net->loop), &conn->uv, stream->fd);
    if (result == 0) {
        *ret = conn;
        return 0;
    }
    stream->calls->close(stream);
    lv_list_remove(&conn->in_conns);
    free(conn);
    return lv_error_from_errno(-result);
}

struct net_conn *conn_open(struct net_loop *net, struct net_stream *stream, net_layer_fn *layer,
                           void *layer_arg, const struct net_entry *entry, conn_opened_fn *opened,
                           void *arg)
{
    struct net_peer peer = address_both_ends(stream->fd);
    struct net_entry copy = entry ? *entry : (struct net_entry){0};
    struct net_conn *conn = NULL;
    int err = conn_make(net, stream, layer, layer_arg, &conn);
    if (err < 0) {
        opened(arg, NULL, err, &peer);
        entry_leave(&copy);
        return NULL;
    }
    conn->entry = copy;
    accepting_begin(conn);
    conn->opened = opened;
    conn->owner = arg;
    if (conn->stream->open_limit_ms > 0)
        loop_timer_start(net->loop, &conn->limit, conn->stream->open_limit_ms);
    if (!conn->stream->calls->open) {
        conn_advance_opening(conn);
        return NULL;
    }
    conn->ends = lv_malloc(sizeof *conn->ends);
    *conn->ends = peer;
    conn_watch(conn); /* the handshake begins in a turn that has time for it */
    return conn;
}

void net_attach(struct net_conn *conn, const struct net_owner *calls, void *owner)
{
    conn_assert_loop(conn);
    lv_assert(!conn->calls);
    lv_assert(calls->on_bytes && calls->on_drained && calls->on_end);
    conn->calls = calls;
    conn->owner = owner;
    if (conn->state == CONN_OPEN && conn->pauses == 0)
        conn_start_reading(conn);
}

struct adoption {
    const struct net_owner *calls;
    void *owner;
    struct net_conn *conn;
};

static void conn_adopted(void *arg, struct net_conn *conn, int error, const struct net_peer *peer)
{
    struct adoption *adoption = arg;
    (void)peer;
    if (error == 0)
        net_attach(conn, adoption->calls, adoption->owner);
    adoption->conn = conn;
}

/* Makes a connection of the socket, which begins with no handshake: opened() is called within. */
static void conn_open_plain(struct loop *loop, int fd, conn_opened_fn *opened, void *arg)
{
    net_assert_loop(loop);
    if (net_of(loop)->is_stopped)
        close(fd);
    else
        conn_open(net_of(loop), net_stream_plain(fd), NULL, NULL, NULL, opened, arg);
}

struct net_conn *net_adopt(struct loop *loop, int fd, const struct net_owner *calls, void *owner)
{
    struct adoption adoption = {.calls = calls, .owner = owner};
    conn_open_plain(loop, fd, conn_adopted, &adoption);
    return adoption.conn;
}

struct taking {
    const struct net_peer *peer;
    net_accepted_fn *accepted;
    void *arg;
    bool is_taken;
};

static void conn_taken(void *arg, struct net_conn *conn, int error, const struct net_peer *peer)
{
    struct taking *taking = arg;
    (void)peer;
    if (error != 0)
        return;
    taking->is_taken = true;
    taking->accepted(net_loop(conn), taking->arg, conn, taking->peer);
}

bool net_take(struct loop *loop, int fd, const struct net_peer *peer, net_accepted_fn *accepted,
              void *arg)
{
    struct taking taking = {.peer = peer, .accepted = accepted, .arg = arg};
    conn_open_plain(loop, fd, conn_taken, &taking);
    return taking.is_taken;
}

void net_keep(struct net_conn *conn)
{
    conn_assert_loop(conn);
    half_open_end(&conn->entry.half_open);
}

void net_admit(struct net_conn *conn)
{
    conn_assert_loop(conn);
    entry_admit(&conn->entry);
}

/* --- questions -------------------------------------------------------------------------------- */

enum net_peer_state net_look_at_peer(const struct net_conn *conn)
{
    struct tcp_info info;
    socklen_t n = sizeof info;
    if (conn->state != CONN_OPEN)
        return NET_PEER_RESET;
    if (getsockopt(conn->stream->fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
        return NET_PEER_THERE; /* not TCP */
    if (info.tcpi_state == TCP_CLOSE)
        return NET_PEER_RESET;
    return info.tcpi_state == TCP_CLOSE_WAIT ? NET_PEER_ENDED : NET_PEER_THERE;
}

void net_peer_of(const struct net_conn *conn, struct net_peer *ret)
{
    lv_assert(conn->state == CONN_OPEN);
    conn->stream->calls->peer(conn->stream, ret);
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
    int unread = 0;
    if (conn->state == CONN_CLOSED || ioctl(conn->stream->fd, FIONREAD, &unread) != 0)
        return 0;
    return (size_t)unread;
}

uint64_t net_age_ms(const struct net_conn *conn)
{
    return loop_now_ms(conn->net->loop) - conn->begun_ms;
}

uint64_t net_sent_at_ms(const struct net_conn *conn)
{
    return conn->sent_at_ms;
}
