/* The plain stream: the bytes on the wire are the bytes of the connection. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "net/net_private.h"

static int error_or_wait(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK ? NET_WAIT : lv_error_from_errno(number);
}

int plain_read(struct net_stream *stream, uint8_t *p, size_t n, size_t *ret_bytes)
{
    ssize_t got;
    do {
        got = read(stream->fd, p, n);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_or_wait(errno);
    *ret_bytes = (size_t)got;
    return 0;
}

int plain_writev(struct net_stream *stream, const struct iovec *parts, int count, size_t *ret_bytes)
{
    ssize_t taken;
    do {
        taken = writev(stream->fd, parts, count);
    } while (taken < 0 && errno == EINTR);
    if (taken < 0)
        return error_or_wait(errno);
    *ret_bytes = (size_t)taken;
    return 0;
}

int plain_shutdown(struct net_stream *stream)
{
    return shutdown(stream->fd, SHUT_WR) == 0 ? 0 : lv_error_from_errno(errno);
}

static void plain_close(struct net_stream *stream)
{
    close(stream->fd);
    free(stream);
}

static void plain_peer(const struct net_stream *stream, struct net_peer *ret)
{
    *ret = address_both_ends(stream->fd);
}

static const struct net_stream_calls plain_calls = {
    .read = plain_read,
    .writev = plain_writev,
    .shutdown = plain_shutdown,
    .close = plain_close,
    .peer = plain_peer,
};

struct net_stream *net_stream_plain(int fd)
{
    struct net_stream *stream = lv_calloc(1, sizeof *stream);
    *stream = (struct net_stream){
        .calls = &plain_calls,
        .fd = fd,
        .read_waits_for = NET_READABLE,
        .write_waits_for = NET_WRITABLE,
    };
    return stream;
}
