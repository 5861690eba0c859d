#include "server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

enum { STREAM_CHUNK = 1000, HIGH = 200 * 1024, LOW = 50 * 1024, PAUSE_MS = 20, JUDGE_MS = 5 };

struct session {
    struct server *server;
    struct net_conn *conn;
    struct loop_timer resume;
    struct loop_timer judge;
    bool is_streaming;
    size_t streamed;
    bool is_closed;
};

/* --- the server's side ------------------------------------------------------------------------ */

static uint32_t length_of(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void stream(struct session *s)
{
    struct outbuf *out = net_out(s->conn);
    while (s->streamed < STREAM_BYTES && net_unwritten(s->conn) <= HIGH) {
        uint8_t *p = outbuf_reserve(out, STREAM_CHUNK);
        size_t n = STREAM_BYTES - s->streamed;
        if (n > STREAM_CHUNK)
            n = STREAM_CHUNK;
        for (size_t i = 0; i < n; i++)
            p[i] = (uint8_t)((s->streamed + i) % 251);
        outbuf_commit(out, n);
        s->streamed += n;
        net_dirty(s->conn);
    }
    if (s->streamed < STREAM_BYTES)
        atomic_fetch_add(&s->server->held_back, 1);
}

static void resume_now(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    struct session *s = lv_container_of(timer, struct session, resume);
    net_resume(s->conn);
    if (!net_is_paused(s->conn))
        abort();
    net_resume(s->conn);
    if (net_is_paused(s->conn))
        abort();
}

static void judge_now(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    struct server *server = lv_container_of(timer, struct session, judge)->server;
    atomic_store(&server->counted_when_judged, atomic_load(&server->counted));
    atomic_fetch_add(&server->judged, 1);
}

static void stand_still(struct session *s)
{
    loop_timer_start(net_loop(s->conn), &s->judge, JUDGE_MS);
    atomic_fetch_add(&s->server->stopped, 1);
    while (!atomic_load(&s->server->is_released))
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    nanosleep(&(struct timespec){0, 2 * JUDGE_MS * 1000000}, NULL);
}

static void handle(struct session *s, const uint8_t *frame, size_t n)
{
    switch (frame[4]) {
    case 'E':
        outbuf_add(net_out(s->conn), frame, n);
        net_dirty(s->conn);
        break;
    case 'N': atomic_fetch_add(&s->server->counted, 1); break;
    case 'P':
        net_pause(s->conn);
        net_pause(s->conn);
        loop_timer_start(net_loop(s->conn), &s->resume, PAUSE_MS);
        break;
    case 'W':
        s->is_streaming = true;
        stream(s);
        break;
    case 'A': net_admit(s->conn); break;
    case 'K': net_keep(s->conn); break;
    case 'C':
        outbuf_add(net_out(s->conn), "bye", 3);
        net_close(s->conn, true);
        s->is_closed = true;
        break;
    case 'X':
        net_close(s->conn, false);
        s->is_closed = true;
        break;
    case 'J': stand_still(s); break;
    default: abort();
    }
}

static size_t on_bytes(void *owner, uint8_t *p, size_t n)
{
    struct session *s = owner;
    size_t at = 0;
    if (n == 0 || net_is_paused(s->conn) || s->is_closed || loop_current() != net_loop(s->conn))
        abort();
    while (!net_is_paused(s->conn) && !s->is_closed && n - at >= 4) {
        size_t frame = 4 + (size_t)length_of(p + at);
        if (n - at < frame)
            break;
        handle(s, p + at, frame);
        at += frame;
    }
    return at;
}

static void on_drained(void *owner)
{
    struct session *s = owner;
    if (net_unwritten(s->conn) > LOW)
        abort();
    if (s->is_streaming)
        stream(s);
}

static void on_end(void *owner, int error)
{
    struct session *s = owner;
    struct server *server = s->server;
    loop_timer_stop(net_loop(s->conn), &s->resume);
    loop_timer_stop(net_loop(s->conn), &s->judge);
    free(s);
    atomic_store(&server->last_error, error);
    atomic_fetch_add(&server->ended, 1);
}

static const struct net_owner session_calls = {on_bytes, on_drained, on_end};

static void on_accepted(struct loop *loop, void *arg, struct net_conn *conn,
                        const struct net_peer *peer)
{
    struct session *s = lv_calloc(1, sizeof *s);
    s->server = arg;
    s->conn = conn;
    loop_timer_init(&s->resume, resume_now);
    loop_timer_init_patient(&s->judge, judge_now);
    atomic_store(&s->server->was_loopback, peer->peer.is_loopback && peer->local.is_loopback);
    net_set_watermarks(conn, HIGH, LOW);
    net_set_send_timeout(conn, atomic_load(&s->server->send_timeout_ms));
    net_attach(conn, &session_calls, s);
    atomic_fetch_add(&s->server->accepted_on[loop_index(loop)], 1);
    atomic_fetch_add(&s->server->accepted, 1);
}

static void *run(void *arg)
{
    struct server *server = arg;
    loops_run(server->loops);
    return NULL;
}

static void prepare_nothing(struct net_listener *listener)
{
    (void)listener;
}

struct server *server_start_prepared(unsigned loops, net_layer_fn *layer,
                                     void (*prepare)(struct net_listener *listener))
{
    struct server *server = lv_calloc(1, sizeof *server);
    server->loops = loops_create(loops);
    net_init(server->loops);
    int err = net_listen(server->loops, "127.0.0.1", 0, on_accepted, server, &server->listener);
    assert_int_equal(err, 0);
    net_listener_set_layer(server->listener, layer, NULL);
    prepare(server->listener);
    server->port = net_listener_port(server->listener);
    loops_start(server->loops);
    assert_int_equal(pthread_create(&server->thread, NULL, run, server), 0);
    return server;
}

struct server *server_start(unsigned loops)
{
    return server_start_prepared(loops, NULL, prepare_nothing);
}

struct server *server_start_layered(unsigned loops, net_layer_fn *layer)
{
    return server_start_prepared(loops, layer, prepare_nothing);
}

void server_stop(struct server **server)
{
    struct server *s = *server;
    *server = NULL;
    loops_stop(s->loops);
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    loops_free(&s->loops);
    assert_int_equal(atomic_load(&s->accepted), atomic_load(&s->ended));
    free(s);
}

void wait_for(atomic_uint *value, unsigned wanted)
{
    for (unsigned ms = 0; atomic_load(value) < wanted; ms++) {
        assert_true(ms < PATIENCE_MS);
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
}

/* --- the client's side ------------------------------------------------------------------------ */

static int set_deadline(int fd)
{
    struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

int client_connect(uint16_t port)
{
    int fd = set_deadline(socket(AF_INET, SOCK_STREAM, 0));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* A call with a deadline ends with EINTR when the kernel has something to do in this thread, which
 * it has when a loop of libuv with an io_uring was closed. */
static ssize_t receive(int fd, void *p, size_t n, int flags)
{
    ssize_t got;
    do
        got = recv(fd, p, n, flags);
    while (got < 0 && errno == EINTR);
    return got;
}

static ssize_t send_some(int fd, const void *p, size_t n)
{
    ssize_t sent;
    do
        sent = send(fd, p, n, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent;
}

void client_send(int fd, const void *p, size_t n)
{
    for (const char *at = p; n > 0;) {
        ssize_t sent = send_some(fd, at, n);
        assert_true(sent > 0);
        at += sent;
        n -= (size_t)sent;
    }
}

size_t frame_make(uint8_t *to, char kind, size_t n, unsigned seed)
{
    assert_true(n > 0);
    to[0] = (uint8_t)(n >> 24);
    to[1] = (uint8_t)(n >> 16);
    to[2] = (uint8_t)(n >> 8);
    to[3] = (uint8_t)n;
    to[4] = (uint8_t)kind;
    for (size_t i = 1; i < n; i++)
        to[4 + i] = (uint8_t)((seed + i) * 31);
    return n + 4;
}

void client_send_frame(int fd, char kind, size_t n)
{
    uint8_t *frame = lv_malloc(n + 4);
    client_send(fd, frame, frame_make(frame, kind, n, 0));
    free(frame);
}

void client_receive(int fd, void *p, size_t n)
{
    for (char *at = p; n > 0;) {
        ssize_t got = receive(fd, at, n, 0);
        assert_true(got > 0);
        at += got;
        n -= (size_t)got;
    }
}

void client_wait_for_bytes(int fd)
{
    char byte;
    assert_int_equal(receive(fd, &byte, 1, MSG_PEEK), 1);
}

void client_expect_end(int fd)
{
    char byte;
    assert_int_equal(receive(fd, &byte, 1, 0), 0);
}

bool client_is_ended(int fd)
{
    char bytes[4096];
    ssize_t got;
    while ((got = receive(fd, bytes, sizeof bytes, 0)) > 0) {
    }
    return got == 0;
}
