/* The control socket: lines of JSON out, lines of JSON in, with a deadline. */
#include "leveretctl/ask.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

enum { READ_BYTES = 64 * 1024 };

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A broker that is suspended or stuck accepts no connection and reads nothing: with these timeouts
 * connect(2) and send(2) fail with EAGAIN. */
static void limit_waiting(const struct ask *a)
{
    const struct timeval limit = {.tv_sec = a->timeout_ms / 1000,
                                  .tv_usec = a->timeout_ms % 1000 * 1000};
    if (a->timeout_ms > 0)
        setsockopt(a->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

int ask_open(struct ask *a, const char *data_dir, int timeout_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *a = (struct ask){.fd = -1, .timeout_ms = timeout_ms};
    a->deadline_ms = timeout_ms < 0 ? 0 : now_ms() + (uint64_t)timeout_ms;
    struct lv_buffer path = {0};
    lv_buffer_printf(&path, "%s/control.sock", data_dir);
    if (path.n >= sizeof address.sun_path) {
        lv_buffer_free(&path);
        return ERR_TOO_LARGE;
    }
    memcpy(address.sun_path, path.p, path.n);
    lv_buffer_free(&path);
    a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (a->fd < 0)
        return lv_error_from_errno(errno);
    limit_waiting(a);
    if (connect(a->fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return 0;
    int err = errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND
              : errno == EAGAIN                   ? ERR_BUSY
              : errno == EACCES || errno == EPERM ? ERR_FORBIDDEN
                                                  : ERR_REFUSED;
    ask_close(a);
    return err;
}

void ask_close(struct ask *a)
{
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
    lv_buffer_free(&a->in);
}

int ask_send(struct ask *a, const json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    if (!text)
        return ERR_INVALID;
    struct lv_buffer line = {0};
    lv_buffer_printf(&line, "%s\n", text);
    free(text);
    int err = 0;
    for (size_t at = 0; err == 0 && at < line.n;) {
        ssize_t n = send(a->fd, line.p + at, line.n - at, MSG_NOSIGNAL);
        if (n >= 0)
            at += (size_t)n;
        else if (errno != EINTR)
            err = errno == EAGAIN ? ERR_BUSY : ERR_IO;
    }
    lv_buffer_free(&line);
    return err;
}

bool ask_wait(const struct ask *a, int ms)
{
    struct pollfd polled = {.fd = a->fd, .events = POLLIN};
    return a->in.n > a->taken || poll(&polled, 1, ms) != 0;
}

/* Waits for more bytes and appends them. */
static int read_more(struct ask *a)
{
    struct pollfd polled = {.fd = a->fd, .events = POLLIN};
    lv_buffer_consume(&a->in, a->taken);
    a->taken = 0;
    for (;;) {
        uint64_t now = now_ms();
        int wait = a->timeout_ms < 0 ? -1 : now < a->deadline_ms ? (int)(a->deadline_ms - now) : 0;
        int ready = poll(&polled, 1, wait);
        if (ready == 0)
            return ERR_BUSY;
        ssize_t n =
            ready < 0 ? -1 : recv(a->fd, lv_buffer_reserve(&a->in, READ_BYTES), READ_BYTES, 0);
        if (n > 0) {
            a->in.n += (size_t)n;
            return 0;
        }
        if (n == 0 || errno != EINTR)
            return ERR_CLOSED;
    }
}

int ask_line(struct ask *a, json_t **ret)
{
    for (;;) {
        const uint8_t *from = a->in.p, *end = NULL;
        if (from && a->in.n > a->taken) {
            from += a->taken;
            end = memchr(from, '\n', a->in.n - a->taken);
        }
        if (end) {
            json_error_t error;
            json_t *line =
                json_loadb((const char *)from, (size_t)(end - from), JSON_ALLOW_NUL, &error);
            a->taken += (size_t)(end - from) + 1;
            if (!line)
                return ERR_FORMAT;
            *ret = line;
            return 0;
        }
        int err = read_more(a);
        if (err < 0)
            return err;
    }
}
