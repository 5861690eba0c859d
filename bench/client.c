/* The benchmark's client: bytes, calls, the handshake. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

/* --- bytes ------------------------------------------------------------------------------------ */

bool client_write_some(struct client *c)
{
    while (c->out_at < c->out.n) {
        ssize_t n = write(c->fd, c->out.p + c->out_at, c->out.n - c->out_at);
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
    ssize_t n = read(c->fd, c->in + c->in_bytes, CLIENT_INPUT_BYTES - c->in_bytes);
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

void client_open(struct client *c, int port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (connect(c->fd, (const struct sockaddr *)&address, sizeof address) != 0)
        die("cannot connect to port %d: %s", port, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->in = lv_malloc(CLIENT_INPUT_BYTES);
    client_handshake(c);
}

void client_close(struct client *c)
{
    CLIENT_CALL(c, 0, connection_close, AMQP_CONNECTION_CLOSE_OK, .reply_code = 200);
    close(c->fd);
    free(c->in);
    lv_buffer_free(&c->out);
}
