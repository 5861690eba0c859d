/* The console: lines are collected while there are more of them, then written with one write(2). A
 * write may block for ever; only the console's thread waits for it. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log_format.h"
#include "base/log_private.h"
#include "base/memory.h"

enum { COLLECTED_BYTES_MAX = 16 * 1024 };

struct log_console {
    int fd;
    struct log_format *format; /* NULL: the default */
    struct lv_buffer lines;    /* not written yet */
};

struct log_console log_console_default = {.fd = STDERR_FILENO};

struct log_console *log_console_create(int fd, struct log_format *format)
{
    struct log_console *c = lv_calloc(1, sizeof *c);
    c->fd = fd;
    c->format = format;
    return c;
}

bool log_wait_writable(int fd, int timeout_ms)
{
    struct pollfd polled = {.fd = fd, .events = POLLOUT};
    return poll(&polled, 1, timeout_ms) == 1;
}

/* The descriptor may be non-blocking: another process that shares it may have made it so. */
static bool console_flush(void *sink)
{
    struct log_console *c = sink;
    while (c->lines.n > 0) {
        ssize_t written = write(c->fd, c->lines.p, c->lines.n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN && log_wait_writable(c->fd, LOG_STOP_MS / 2))
            continue;
        if (written <= 0)
            return false;
        lv_buffer_consume(&c->lines, (size_t)written);
    }
    lv_buffer_free(&c->lines);
    return true;
}

static bool console_put(void *sink, const struct log_record *record)
{
    struct log_console *c = sink;
    if (c->lines.n >= COLLECTED_BYTES_MAX && !console_flush(c))
        return false;
    log_format_put(c->format ? c->format : log_format_default(), record, &c->lines);
    lv_buffer_add_u8(&c->lines, '\n');
    return true;
}

/* log_panic() writes to standard error itself. */
static void console_last_words(void *sink, const char *line, size_t n)
{
    const struct log_console *c = sink;
    if (c->fd != STDERR_FILENO && log_wait_writable(c->fd, 0) && write(c->fd, line, n) < 0)
        return; /* there is nowhere left to report it */
}

static void console_free(void *sink)
{
    struct log_console *c = sink;
    if (c == &log_console_default)
        return;
    lv_buffer_free(&c->lines);
    log_format_free(&c->format);
    free(c);
}

const struct log_sink_ops log_console_ops = {
    .put = console_put,
    .flush = console_flush,
    .last_words = console_last_words,
    .free = console_free,
};
