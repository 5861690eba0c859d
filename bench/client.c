/* The benchmark's client: bytes, calls, the handshake. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

_Noreturn void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- TLS -------------------------------------------------------------------------------------- */

static SSL_CTX *tls;        /* NULL: plain */
static SSL_SESSION *ticket; /* what the last connection got */
static bool resumes_sessions;
static unsigned long resumed; /* connections that came back with a ticket */

static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(ticket);
    ticket = session;
    return 1; /* the session is ours */
}

void client_use_tls(bool resumes)
{
    tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_clear_mode(tls, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_default_read_buffer_len(tls, 64 * 1024);
    resumes_sessions = resumes;
    if (!resumes)
        return;
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls, keep_ticket);
}

void client_use_certificate(const char *path)
{
    if (SSL_CTX_use_certificate_file(tls, path, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, path, SSL_FILETYPE_PEM) != 1)
        die("cannot use the certificate and key in %s", path);
}

static void shake_hands(struct client *c)
{
    c->ssl = SSL_new(tls);
    SSL_set_fd(c->ssl, c->fd);
    if (resumes_sessions && ticket)
        SSL_set_session(c->ssl, ticket);
    if (SSL_connect(c->ssl) != 1)
        die("the TLS handshake has failed");
    resumed += SSL_session_reused(c->ssl) == 1;
}

unsigned long client_resumed(void)
{
    return resumed;
}

/* Returns what read(2) or write(2) would have returned. */
static ssize_t tls_result(struct client *c, int result)
{
    int error = SSL_get_error(c->ssl, result);
    if (result > 0)
        return result;
    errno = EAGAIN;
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

/* --- bytes ------------------------------------------------------------------------------------ */

ssize_t client_write(struct client *c, const void *p, size_t n)
{
    if (c->ssl)
        return tls_result(c, SSL_write(c->ssl, p, (int)n));
    return write(c->fd, p, n);
}

/* With TLS, reads until the socket is empty: no poll reports what OpenSSL holds. */
static ssize_t client_read(struct client *c, uint8_t *p, size_t room)
{
    size_t n = 0;
    ssize_t got;
    if (!c->ssl)
        return read(c->fd, p, room);
    do {
        got = tls_result(c, SSL_read(c->ssl, p + n, (int)(room - n)));
        n += got > 0 ? (size_t)got : 0;
    } while (got > 0 && n < room && SSL_has_pending(c->ssl));
    return n > 0 ? (ssize_t)n : got;
}

bool client_write_some(struct client *c)
{
    while (c->out_at < c->out.n) {
        ssize_t n = client_write(c, c->out.p + c->out_at, c->out.n - c->out_at);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0)
            die("the broker has closed the connection");
        c->out_at += (size_t)n;
    }
    c->out.n = c->out_at = 0;
    return true;
}

void client_flush(struct client *c)
{
    if (!client_write_some(c))
        die("client_flush() needs a blocking socket");
}

void client_read_some(struct client *c)
{
    ssize_t n = client_read(c, c->in + c->in_bytes, CLIENT_INPUT_BYTES - c->in_bytes);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        die("the broker has closed the connection");
    c->in_bytes += (size_t)n;
}

bool client_next_frame(const struct client *c, size_t *at, uint8_t *ret_type,
                       struct slice *ret_payload)
{
    size_t left = c->in_bytes - *at;
    const uint8_t *p = c->in + *at;
    if (left < FRAME_OVERHEAD || left < FRAME_OVERHEAD + (size_t)wire_u32(p + 3))
        return false;
    *ret_type = p[0];
    *ret_payload = slice_of(p + FRAME_HEADER_BYTES, wire_u32(p + 3));
    *at += FRAME_OVERHEAD + ret_payload->n;
    return true;
}

void client_consume(struct client *c, size_t n)
{
    c->in_bytes -= n;
    memmove(c->in, c->in + n, c->in_bytes);
}

/* --- calls ------------------------------------------------------------------------------------ */

/* Dies if the broker has closed the channel or the connection. */
static void die_of_close(uint32_t method, struct slice args)
{
    struct lv_buffer text = {0};
    if (method != AMQP_CONNECTION_CLOSE && method != AMQP_CHANNEL_CLOSE)
        return;
    amqp_method_describe(&text, method, args);
    die("%.*s", (int)text.n, (const char *)text.p);
}

struct slice client_await(struct client *c, uint32_t method)
{
    uint8_t type;
    struct slice payload;
    for (;;) {
        size_t at = 0;
        while (!client_next_frame(c, &at, &type, &payload))
            client_read_some(c);
        /* The arguments are returned: they must outlive the input that they came in. */
        c->in_bytes -= at;
        static uint8_t args[CLIENT_INPUT_BYTES];
        memcpy(args, payload.p, payload.n);
        memmove(c->in, c->in + at, c->in_bytes);
        if (type != FRAME_METHOD)
            continue;
        struct slice behind = slice_of(args + 4, payload.n - 4);
        if (wire_u32(args) == method)
            return behind;
        die_of_close(wire_u32(args), behind);
    }
}

static void client_handshake(struct client *c)
{
    static const char login[] = "\0guest\0guest";
    struct amqp_connection_tune tune;
    lv_buffer_add(&c->out, "AMQP\0\0\x09\x01", 8);
    client_flush(c);
    client_await(c, AMQP_CONNECTION_START);
    CLIENT_PUT(c, 0, connection_start_ok, .mechanism = slice_str("PLAIN"),
               .response = slice_of(login, sizeof login - 1), .locale = slice_str("en_US"));
    client_flush(c);
    if (amqp_connection_tune_read(client_await(c, AMQP_CONNECTION_TUNE), &tune) != WIRE_OK)
        die("connection.tune cannot be read");
    c->frame_bytes_max = tune.frame_max ? tune.frame_max : 131072;
    CLIENT_PUT(c, 0, connection_tune_ok, .channel_max = tune.channel_max,
               .frame_max = c->frame_bytes_max, .heartbeat = 0);
    CLIENT_CALL(c, 0, connection_open, AMQP_CONNECTION_OPEN_OK, .virtual_host = slice_str("/"));
    CLIENT_CALL(c, 1, channel_open, AMQP_CHANNEL_OPEN_OK, .reserved1 = SLICE_EMPTY);
}

void client_reach(struct client *c, int port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (connect(c->fd, (const struct sockaddr *)&address, sizeof address) != 0)
        die("cannot connect to port %d: %s", port, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void client_connect(struct client *c, int port)
{
    client_reach(c, port);
    if (tls)
        shake_hands(c);
}

void client_drop(struct client *c)
{
    if (c->ssl) {
        SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN); /* or it forgets its ticket */
        SSL_free(c->ssl);
    }
    close(c->fd);
    free(c->in);
    lv_buffer_free(&c->out);
}

void client_open(struct client *c, int port)
{
    client_connect(c, port);
    c->in = lv_malloc(CLIENT_INPUT_BYTES);
    client_handshake(c);
}

void client_close(struct client *c)
{
    CLIENT_CALL(c, 0, connection_close, AMQP_CONNECTION_CLOSE_OK, .reply_code = 200);
    client_drop(c);
}
