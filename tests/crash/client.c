/* The client's frames: writing, reading, the handshake, requests. */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { FRAME_MAX = 131072, PATIENCE_S = 120, FRAME_END = 0xce };

static int client_fail(struct client *c, const char *why)
{
    snprintf(c->why, sizeof c->why, "%s", why);
    return -1;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Returns where `more` bytes, which are counted already, are to be written. */
static uint8_t *buffer_grow(struct client_buffer *b, size_t more)
{
    if (b->n + more > b->capacity) {
        b->capacity = (b->n + more) * 2;
        b->p = realloc(b->p, b->capacity);
        if (!b->p)
            abort();
    }
    b->n += more;
    return b->p + b->n - more;
}

/* Appends a number. */
static void put_number(struct client *c, uint64_t value, size_t octets)
{
    uint8_t *p = buffer_grow(&c->out, octets);
    for (size_t i = 0; i < octets; i++)
        p[i] = (uint8_t)(value >> 8 * (octets - 1 - i));
}

static void put_bytes(struct client *c, const void *bytes, size_t n)
{
    if (n > 0)
        memcpy(buffer_grow(&c->out, n), bytes, n);
}

static void put_name(struct client *c, const char *s)
{
    put_number(c, strlen(s), 1);
    put_bytes(c, s, strlen(s));
}

static void put_long(struct client *c, const char *s, size_t n)
{
    put_number(c, n, 4);
    put_bytes(c, s, n);
}

/* Returns where the payload begins, for frame_end(). */
static size_t frame_begin(struct client *c, unsigned kind, unsigned channel)
{
    put_number(c, kind, 1);
    put_number(c, channel, 2);
    put_number(c, 0, 4);
    return c->out.n;
}

static void frame_end(struct client *c, size_t begin)
{
    uint32_t size = htonl((uint32_t)(c->out.n - begin));
    memcpy(c->out.p + begin - 4, &size, 4);
    put_number(c, FRAME_END, 1);
}

static size_t method_begin(struct client *c, unsigned channel, uint32_t method)
{
    size_t begin = frame_begin(c, 1, channel);
    put_number(c, method, 4);
    return begin;
}

int client_flush(struct client *c)
{
    for (size_t at = 0; at < c->out.n;) {
        ssize_t n = send(c->fd, c->out.p + at, c->out.n - at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return client_fail(c,
                               errno == EAGAIN ? "not read from for two minutes" : strerror(errno));
        at += (size_t)n;
    }
    c->out.n = 0;
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reader {
    const uint8_t *p, *end;
    bool is_short;
};

static uint64_t take_number(struct reader *r, size_t octets)
{
    uint64_t value = 0;
    if ((size_t)(r->end - r->p) < octets) {
        r->is_short = true;
        return 0;
    }
    for (size_t i = 0; i < octets; i++)
        value = value << 8 | *r->p++;
    return value;
}

/* Takes a short string, cut to what fits. */
static void take_name(struct reader *r, char *ret, size_t size)
{
    size_t n = take_number(r, 1);
    ret[0] = 0;
    if ((size_t)(r->end - r->p) < n) {
        r->is_short = true;
        return;
    }
    size_t kept = n < size - 1 ? n : size - 1;
    memcpy(ret, r->p, kept);
    ret[kept] = 0;
    r->p += n;
}

static int client_receive(struct client *c)
{
    if (c->in_at == c->in.n)
        c->in_at = c->in.n = 0;
    if (c->in_at > 0 && c->in.n == c->in.capacity) {
        memmove(c->in.p, c->in.p + c->in_at, c->in.n - c->in_at);
        c->in.n -= c->in_at;
        c->in_at = 0;
    }
    buffer_grow(&c->in, 65536);
    c->in.n -= 65536;
    ssize_t n;
    do
        n = recv(c->fd, c->in.p + c->in.n, c->in.capacity - c->in.n, 0);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return client_fail(c, "closed");
    if (n < 0)
        return client_fail(c, errno == EAGAIN ? "no answer for two minutes" : strerror(errno));
    c->in.n += (size_t)n;
    return 0;
}

/* Returns the kind of the next frame, or -1. *ret reads its payload. */
static int next_frame(struct client *c, struct reader *ret)
{
    for (;;) {
        size_t have = c->in.n - c->in_at;
        const uint8_t *p = c->in.p + c->in_at;
        struct reader head = {p, p + have, false};
        unsigned kind = (unsigned)take_number(&head, 1);
        take_number(&head, 2);
        size_t size = take_number(&head, 4);
        if (!head.is_short && have >= size + 8) {
            c->in_at += size + 8;
            if (p[7 + size] != FRAME_END)
                return client_fail(c, "a frame without its end");
            *ret = (struct reader){p + 7, p + 7 + size, false};
            return (int)kind;
        }
        if (client_receive(c) < 0)
            return -1;
    }
}

static int next_content(struct client *c, struct client_event *e)
{
    struct reader r;
    if (next_frame(c, &r) != 2)
        return client_fail(c, "no header after a method with content");
    take_number(&r, 4);
    size_t size = take_number(&r, 8);
    unsigned flags = (unsigned)take_number(&r, 2);
    if (flags != 0x1080)
        return client_fail(c, "the properties are not those that were published");
    e->is_persistent = take_number(&r, 1) == 2;
    take_name(&r, e->message_id, sizeof e->message_id);
    if (r.is_short || r.p != r.end)
        return client_fail(c, "a broken content header");
    c->body.n = 0;
    while (c->body.n < size) {
        if (next_frame(c, &r) != 3)
            return client_fail(c, "no body frame where one should be");
        size_t n = (size_t)(r.end - r.p);
        memcpy(buffer_grow(&c->body, n), r.p, n);
    }
    if (c->body.n != size)
        return client_fail(c, "a body longer than its header says");
    e->body = c->body.p;
    e->body_bytes = size;
    return 0;
}

static void read_close(struct reader *r, struct client_event *e)
{
    char text[200];
    unsigned code = (unsigned)take_number(r, 2);
    take_name(r, text, sizeof text);
    snprintf(e->text, sizeof e->text, "%u %s", code, text);
}

static void read_arguments(struct reader *r, struct client_event *e)
{
    char name[256];
    switch (e->method) {
    case CONNECTION_CLOSE:
    case CHANNEL_CLOSE: read_close(r, e); return;
    case QUEUE_DECLARE_OK:
        take_name(r, name, sizeof name);
        e->count = (uint32_t)take_number(r, 4);
        return;
    case QUEUE_PURGE_OK:
    case QUEUE_DELETE_OK: e->count = (uint32_t)take_number(r, 4); return;
    case BASIC_DELIVER:
        take_name(r, name, sizeof name);
        e->consumer = (unsigned)strtoul(name, NULL, 10);
        e->tag = take_number(r, 8);
        e->redelivered = take_number(r, 1) != 0;
        return;
    case BASIC_GET_OK:
        e->tag = take_number(r, 8);
        e->redelivered = take_number(r, 1) != 0;
        return;
    case BASIC_ACK:
    case BASIC_NACK:
        e->tag = take_number(r, 8);
        e->multiple = (take_number(r, 1) & 1) != 0;
        return;
    default: return;
    }
}

int client_next(struct client *c, struct client_event *ret)
{
    struct reader r;
    int kind;
    do
        kind = next_frame(c, &r);
    while (kind == 8);
    if (kind < 0)
        return -1;
    if (kind != 1)
        return client_fail(c, "a frame that is no method");
    *ret = (struct client_event){.method = (uint32_t)take_number(&r, 4)};
    read_arguments(&r, ret);
    if (r.is_short)
        return client_fail(c, "a method cut short");
    if (ret->method == CONNECTION_CLOSE || ret->method == CHANNEL_CLOSE)
        return client_fail(c, ret->text);
    if (ret->method == BASIC_DELIVER || ret->method == BASIC_GET_OK)
        return next_content(c, ret);
    return 0;
}

int client_call(struct client *c, uint32_t answer, struct client_event *ret)
{
    struct client_event event;
    if (client_flush(c) < 0 || client_next(c, &event) < 0)
        return -1;
    if (event.method != answer) {
        snprintf(c->why, sizeof c->why, "method %u.%u came, not %u.%u", event.method >> 16,
                 event.method & 0xffff, answer >> 16, answer & 0xffff);
        return -1;
    }
    if (ret)
        *ret = event;
    return 0;
}

/* --- the connection --------------------------------------------------------------------------- */

static int connect_to(struct client *c, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int one = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0)
        return client_fail(c, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return 0;
}

int client_open(struct client *c, int port)
{
    *c = (struct client){.fd = -1};
    if (connect_to(c, port) < 0)
        return -1;
    put_bytes(c, "AMQP\0\0\x09\x01", 8);
    if (client_call(c, CONNECTION_START, NULL) < 0)
        return -1;
    size_t at = method_begin(c, 0, METHOD(10, 11));
    put_number(c, 0, 4);
    put_name(c, "PLAIN");
    put_long(c, "\0guest\0guest", 12);
    put_name(c, "en_US");
    frame_end(c, at);
    if (client_call(c, CONNECTION_TUNE, NULL) < 0)
        return -1;
    at = method_begin(c, 0, METHOD(10, 31));
    put_number(c, 1, 2);
    put_number(c, FRAME_MAX, 4);
    put_number(c, 0, 2);
    frame_end(c, at);
    at = method_begin(c, 0, METHOD(10, 40));
    put_name(c, "/");
    put_number(c, 0, 2);
    frame_end(c, at);
    if (client_call(c, CONNECTION_OPEN_OK, NULL) < 0)
        return -1;
    client_open_channel(c);
    return client_call(c, CHANNEL_OPEN_OK, NULL);
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    free(c->in.p);
    free(c->out.p);
    free(c->body.p);
    c->in = c->out = c->body = (struct client_buffer){0};
}

/* --- requests --------------------------------------------------------------------------------- */

static void put_plain(struct client *c, uint32_t method)
{
    frame_end(c, method_begin(c, 1, method));
}

void client_open_channel(struct client *c)
{
    size_t at = method_begin(c, 1, METHOD(20, 10));
    put_name(c, "");
    frame_end(c, at);
}

void client_close_channel(struct client *c)
{
    size_t at = method_begin(c, 1, CHANNEL_CLOSE);
    put_number(c, 200, 2);
    put_name(c, "");
    put_number(c, 0, 4);
    frame_end(c, at);
}

void client_declare(struct client *c, const char *queue, bool passive)
{
    size_t at = method_begin(c, 1, METHOD(50, 10));
    put_number(c, 0, 2);
    put_name(c, queue);
    put_number(c, passive ? 3 : 2, 1); /* durable */
    put_number(c, 0, 4);
    frame_end(c, at);
}

void client_declare_fanout(struct client *c, const char *exchange)
{
    size_t at = method_begin(c, 1, METHOD(40, 10));
    put_number(c, 0, 2);
    put_name(c, exchange);
    put_name(c, "fanout");
    put_number(c, 2, 1);
    put_number(c, 0, 4);
    frame_end(c, at);
}

void client_bind(struct client *c, const char *queue, const char *exchange)
{
    size_t at = method_begin(c, 1, METHOD(50, 20));
    put_number(c, 0, 2);
    put_name(c, queue);
    put_name(c, exchange);
    put_name(c, "");
    put_number(c, 0, 1);
    put_number(c, 0, 4);
    frame_end(c, at);
}

void client_purge(struct client *c, const char *queue)
{
    size_t at = method_begin(c, 1, METHOD(50, 30));
    put_number(c, 0, 2);
    put_name(c, queue);
    put_number(c, 0, 1);
    frame_end(c, at);
}

void client_delete(struct client *c, const char *queue)
{
    size_t at = method_begin(c, 1, METHOD(50, 40));
    put_number(c, 0, 2);
    put_name(c, queue);
    put_number(c, 0, 1);
    frame_end(c, at);
}

void client_qos(struct client *c, uint16_t prefetch)
{
    size_t at = method_begin(c, 1, METHOD(60, 10));
    put_number(c, 0, 4);
    put_number(c, prefetch, 2);
    put_number(c, 0, 1);
    frame_end(c, at);
}

void client_consume(struct client *c, const char *queue, unsigned consumer)
{
    char tag[16];
    snprintf(tag, sizeof tag, "%u", consumer);
    size_t at = method_begin(c, 1, METHOD(60, 20));
    put_number(c, 0, 2);
    put_name(c, queue);
    put_name(c, tag);
    put_number(c, 0, 1);
    put_number(c, 0, 4);
    frame_end(c, at);
}

void client_get(struct client *c, const char *queue, bool no_ack)
{
    size_t at = method_begin(c, 1, METHOD(60, 70));
    put_number(c, 0, 2);
    put_name(c, queue);
    put_number(c, no_ack, 1);
    frame_end(c, at);
}

void client_publish(struct client *c, const char *exchange, const char *key, bool is_persistent,
                    const char *message_id, const uint8_t *body, size_t body_bytes)
{
    size_t at = method_begin(c, 1, METHOD(60, 40));
    put_number(c, 0, 2);
    put_name(c, exchange);
    put_name(c, key);
    put_number(c, 0, 1);
    frame_end(c, at);
    at = frame_begin(c, 2, 1);
    put_number(c, 60, 2);
    put_number(c, 0, 2);
    put_number(c, body_bytes, 8);
    put_number(c, 0x1080, 2); /* delivery-mode and message-id */
    put_number(c, is_persistent ? 2 : 1, 1);
    put_name(c, message_id);
    frame_end(c, at);
    while (body_bytes > 0) {
        size_t n = body_bytes < FRAME_MAX - 8 ? body_bytes : FRAME_MAX - 8;
        at = frame_begin(c, 3, 1);
        put_bytes(c, body, n);
        frame_end(c, at);
        body += n;
        body_bytes -= n;
    }
}

void client_ack(struct client *c, uint64_t tag, bool multiple)
{
    size_t at = method_begin(c, 1, BASIC_ACK);
    put_number(c, tag, 8);
    put_number(c, multiple, 1);
    frame_end(c, at);
}

void client_nack(struct client *c, uint64_t tag, bool requeue)
{
    size_t at = method_begin(c, 1, BASIC_NACK);
    put_number(c, tag, 8);
    put_number(c, requeue ? 2 : 0, 1);
    frame_end(c, at);
}

void client_confirm_select(struct client *c)
{
    size_t at = method_begin(c, 1, METHOD(85, 10));
    put_number(c, 0, 1);
    frame_end(c, at);
}

void client_tx_select(struct client *c)
{
    put_plain(c, METHOD(90, 10));
}

void client_tx_commit(struct client *c)
{
    put_plain(c, METHOD(90, 20));
}
