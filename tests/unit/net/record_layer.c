#include "record_layer.h"

#include <string.h>
#include <sys/uio.h>

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "server.h"

enum { HELLO_BYTES = 5, KEY = 0x5a, RAW_BYTES = 1000 };

static const char hello[] = "HELLO";

struct record_stream {
    struct net_stream stream; /* first */
    struct net_stream *inner;
    size_t hello_sent, hello_read;
    uint8_t raw[RAW_BYTES]; /* read and not decoded yet */
    size_t raw_n;
    bool is_ended;
    uint8_t record[1 + RECORD_BYTES_MAX]; /* being written */
    size_t record_n, record_sent;
};

static int wait_for_event(struct record_stream *s, uint8_t event)
{
    s->stream.read_waits_for = s->stream.write_waits_for = event;
    return NET_WAIT;
}

static int record_open(struct net_stream *stream)
{
    struct record_stream *s = (struct record_stream *)stream;
    char got[HELLO_BYTES];
    size_t n = 0;
    int inside = net_stream_open_inside(stream, s->inner);
    if (inside != 0)
        return inside;
    while (s->hello_sent < HELLO_BYTES) {
        struct iovec part = {(char *)hello + s->hello_sent, HELLO_BYTES - s->hello_sent};
        int result = s->inner->calls->writev(s->inner, &part, 1, &n);
        if (result != 0)
            return result < 0 ? result : wait_for_event(s, NET_WRITABLE);
        s->hello_sent += n;
    }
    while (s->hello_read < HELLO_BYTES) {
        int result =
            s->inner->calls->read(s->inner, (uint8_t *)got, HELLO_BYTES - s->hello_read, &n);
        if (result != 0)
            return result < 0 ? result : wait_for_event(s, NET_READABLE);
        if (n == 0 || memcmp(got, hello + s->hello_read, n) != 0)
            return lv_error_explain(ERR_FORMAT, "no HELLO");
        s->hello_read += n;
    }
    s->stream.read_waits_for = NET_READABLE;
    s->stream.write_waits_for = NET_WRITABLE;
    return 0;
}

static bool has_record(const struct record_stream *s)
{
    return s->raw_n > 0 && s->raw_n >= 1u + s->raw[0];
}

static int fill_raw(struct record_stream *s)
{
    while (!has_record(s) && !s->is_ended) {
        size_t n = 0;
        int result = s->inner->calls->read(s->inner, s->raw + s->raw_n, RAW_BYTES - s->raw_n, &n);
        if (result != 0)
            return result;
        s->raw_n += n;
        s->is_ended = n == 0;
    }
    return 0;
}

static int record_read(struct net_stream *stream, uint8_t *p, size_t n, size_t *ret_bytes)
{
    struct record_stream *s = (struct record_stream *)stream;
    int result = fill_raw(s);
    if (result != 0)
        return result;
    *ret_bytes = 0;
    if (has_record(s)) {
        size_t bytes = s->raw[0];
        if (bytes > n)
            abort();
        for (size_t i = 0; i < bytes; i++)
            p[i] = s->raw[1 + i] ^ KEY;
        memmove(s->raw, s->raw + 1 + bytes, s->raw_n - 1 - bytes);
        s->raw_n -= 1 + bytes;
        *ret_bytes = bytes;
    }
    s->stream.has_pending = has_record(s);
    return 0;
}

/* Copies the first bytes of the parts after `skip`. */
static size_t gather(const struct iovec *parts, int count, size_t skip, uint8_t *to, size_t most)
{
    size_t n = 0;
    for (int i = 0; i < count && n < most; i++) {
        size_t length = parts[i].iov_len;
        size_t from = skip < length ? skip : length;
        size_t bytes = length - from < most - n ? length - from : most - n;
        if (bytes > 0)
            memcpy(to + n, (const uint8_t *)parts[i].iov_base + from, bytes);
        skip -= from;
        n += bytes;
    }
    return n;
}

static int record_writev(struct net_stream *stream, const struct iovec *parts, int count,
                         size_t *ret_bytes)
{
    struct record_stream *s = (struct record_stream *)stream;
    uint8_t plain[RECORD_BYTES_MAX];
    int result = 0;
    *ret_bytes = 0;
    while (result == 0) {
        size_t n = 0;
        if (s->record_n == 0) {
            size_t bytes = gather(parts, count, *ret_bytes, plain, sizeof plain);
            if (bytes == 0)
                return 0;
            s->record_n = record_encode(s->record, plain, bytes);
        }
        struct iovec part = {s->record + s->record_sent, s->record_n - s->record_sent};
        result = s->inner->calls->writev(s->inner, &part, 1, &n);
        if (result != 0)
            break;
        s->record_sent += n;
        if (s->record_sent < s->record_n)
            return 0;
        *ret_bytes += s->record_n - 1;
        s->record_n = s->record_sent = 0;
    }
    return result == NET_WAIT && *ret_bytes > 0 ? 0 : result;
}

static int record_shutdown(struct net_stream *stream)
{
    struct record_stream *s = (struct record_stream *)stream;
    return s->inner->calls->shutdown(s->inner);
}

static void record_close(struct net_stream *stream)
{
    struct record_stream *s = (struct record_stream *)stream;
    s->inner->calls->close(s->inner);
    free(s);
}

static void record_peer(const struct net_stream *stream, struct net_peer *ret)
{
    const struct record_stream *s = (const struct record_stream *)stream;
    s->inner->calls->peer(s->inner, ret);
}

static const struct net_stream_calls record_calls = {
    .open = record_open,
    .read = record_read,
    .writev = record_writev,
    .shutdown = record_shutdown,
    .close = record_close,
    .peer = record_peer,
};

int record_layer(void *arg, struct net_stream **stream)
{
    (void)arg;
    struct record_stream *s = lv_calloc(1, sizeof *s);
    s->inner = *stream;
    s->stream = (struct net_stream){
        .calls = &record_calls,
        .fd = s->inner->fd,
        .read_waits_for = NET_WRITABLE, /* we send HELLO first */
        .write_waits_for = NET_WRITABLE,
    };
    *stream = &s->stream;
    return 0;
}

int hasty_record_layer(void *arg, struct net_stream **stream)
{
    int result = record_layer(arg, stream);
    (*stream)->open_limit_ms = HASTY_MS;
    return result;
}

int refusing_layer(void *arg, struct net_stream **stream)
{
    (void)arg;
    (void)stream;
    return lv_error_explain(ERR_INVALID, "no such layer");
}

/* --- the client's side ------------------------------------------------------------------------ */

void record_client_hello(int fd)
{
    char got[HELLO_BYTES];
    client_receive(fd, got, sizeof got);
    if (memcmp(got, hello, sizeof got) != 0)
        abort();
    client_send(fd, hello, HELLO_BYTES);
}

size_t record_encode(uint8_t *to, const uint8_t *p, size_t n)
{
    size_t at = 0;
    while (n > 0) {
        size_t bytes = n < RECORD_BYTES_MAX ? n : RECORD_BYTES_MAX;
        to[at++] = (uint8_t)bytes;
        for (size_t i = 0; i < bytes; i++)
            to[at++] = *p++ ^ KEY;
        n -= bytes;
    }
    return at;
}

void record_client_receive(int fd, uint8_t *p, size_t n)
{
    while (n > 0) {
        uint8_t bytes;
        client_receive(fd, &bytes, 1);
        if (bytes > n)
            abort();
        client_receive(fd, p, bytes);
        for (size_t i = 0; i < bytes; i++)
            p[i] ^= KEY;
        p += bytes;
        n -= bytes;
    }
}
