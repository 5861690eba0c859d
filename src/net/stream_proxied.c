/* The stream of a socket on which a header of the PROXY protocol comes first.
 *
 * The header is read by looking at what has come (MSG_PEEK) and then taking exactly its bytes, so
 * that what follows is left to the plain calls, whose bytes then cost nothing more. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/net_private.h"
#include "net/proxy_header.h"

/* What is needed until the header has come whole. */
struct reading {
    uint8_t bytes[PROXY_HEADER_KEPT_BYTES];
    size_t n;                   /* how many of the header's bytes were taken */
    struct proxy_header header; /* valid while skip > 0 */
    size_t skip;                /* bytes of the header that are still to come and do not matter */
};

struct proxied_stream {
    struct net_stream stream; /* first */
    struct net_peer ends;     /* the kernel's, until the header has come */
    struct reading *reading;  /* owned; NULL: the header has come */
};

/* Receives at most n bytes, at least one, with these flags. Returns 0, NET_WAIT, or ERR_... also at
 * the end of input. */
static int header_receive(const struct proxied_stream *s, uint8_t *p, size_t n, int flags,
                          size_t *ret_bytes)
{
    ssize_t got;
    do {
        got = recv(s->stream.fd, p, n, flags);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        *ret_bytes = (size_t)got;
        return 0;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return NET_WAIT;
    bool is_probe = s->reading->n == 0 && (got == 0 || errno == ECONNRESET);
    return lv_error_explain(is_probe ? ERR_CLOSED : ERR_IO,
                            "the peer has closed the TCP connection before its PROXY protocol "
                            "header was whole");
}

/* Takes n bytes that were seen. The kernel stops earlier at a byte that the peer has marked as
 * urgent in the meantime. */
static int header_take(struct proxied_stream *s, size_t n)
{
    struct reading *r = s->reading;
    size_t got;
    lv_assert(r->n + n <= sizeof r->bytes);
    int result = header_receive(s, r->bytes + r->n, n, 0, &got);
    if (result == 0 && got != n)
        return lv_error_explain(ERR_FORMAT, "urgent data within the PROXY protocol header");
    r->n += n;
    return result;
}

/* Takes the bytes behind the addresses. Returns 0 when there are none left. */
static int header_skip(struct proxied_stream *s)
{
    uint8_t bytes[1024];
    while (s->reading->skip > 0) {
        size_t n = s->reading->skip < sizeof bytes ? s->reading->skip : sizeof bytes;
        int result = header_receive(s, bytes, n, 0, &n);
        if (result != 0)
            return result;
        s->reading->skip -= n;
    }
    return 0;
}

/* Looks at what has come, and takes of it what belongs to the header. Returns 0 if the header is
 * whole. */
static int header_read(struct proxied_stream *s)
{
    struct reading *r = s->reading;
    struct proxy_header header;
    const char *why;
    size_t seen;
    int result = header_receive(s, r->bytes + r->n, sizeof r->bytes - r->n, MSG_PEEK, &seen);
    if (result != 0)
        return result;
    size_t has = r->n + seen;
    switch (proxy_header_parse(slice_of(r->bytes, has), &header, &why)) {
    case PROXY_MORE: result = header_take(s, seen); return result == 0 ? NET_WAIT : result;
    case PROXY_INVALID:
        return lv_error_explain(ERR_FORMAT, "no valid PROXY protocol header (proxy_protocol): %s",
                                why);
    case PROXY_WHOLE: break;
    }
    size_t end = header.bytes < has ? header.bytes : has;
    lv_assert(end > r->n);
    r->header = header;
    r->skip = header.bytes - end;
    result = header_take(s, end - r->n);
    return result == 0 ? header_skip(s) : result;
}

/* A client counts as one on this host only if the proxy is on this host, too. */
static void ends_pass_on(struct proxied_stream *s, const struct proxy_header *header)
{
    bool is_proxy_loopback = s->ends.peer.is_loopback;
    if (header->kind == PROXY_CLIENT)
        s->ends = header->ends;
    s->ends.peer.is_loopback &= is_proxy_loopback && header->kind != PROXY_UNKNOWN;
}

static int proxied_open(struct net_stream *stream)
{
    struct proxied_stream *s = (struct proxied_stream *)stream;
    if (!s->reading)
        return 0;
    int result = s->reading->skip > 0 ? header_skip(s) : header_read(s);
    if (result != 0)
        return result;
    ends_pass_on(s, &s->reading->header);
    free(s->reading);
    s->reading = NULL;
    return 0;
}

static void proxied_close(struct net_stream *stream)
{
    struct proxied_stream *s = (struct proxied_stream *)stream;
    close(stream->fd);
    free(s->reading);
    free(s);
}

static void proxied_peer(const struct net_stream *stream, struct net_peer *ret)
{
    *ret = ((const struct proxied_stream *)stream)->ends;
}

static const struct net_stream_calls proxied_calls = {
    .open = proxied_open,
    .read = plain_read,
    .writev = plain_writev,
    .shutdown = plain_shutdown,
    .close = proxied_close,
    .peer = proxied_peer,
};

struct net_stream *net_stream_proxied(int fd, uint32_t header_ms)
{
    struct proxied_stream *s = lv_calloc(1, sizeof *s);
    s->stream = (struct net_stream){
        .calls = &proxied_calls,
        .fd = fd,
        .read_waits_for = NET_READABLE,
        .write_waits_for = NET_WRITABLE,
        .open_limit_ms = header_ms,
    };
    s->ends = address_both_ends(fd);
    s->reading = lv_calloc(1, sizeof *s->reading);
    return &s->stream;
}
