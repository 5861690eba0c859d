/* A log line is built on the stack: it gets time and level, is escaped, and is cut at
 * LOG_LINE_BYTES_MAX (it then ends in "..."). log_repeats.c decides whether the line is one too
 * many of its kind; log_ring.c writes it. */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log_private.h"

enum { ESCAPE_BYTES_MAX = 8 };

static const char *const level_names[] = {
#define LOG_NAME(name, text) text,
    LOG_LEVELS(LOG_NAME)
#undef LOG_NAME
};
enum { LEVEL_COUNT = sizeof level_names / sizeof level_names[0] };

static atomic_int level_now = LOG_INFO;

void log_set_level(enum log_level level)
{
    lv_assert(level <= LOG_NONE);
    atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load_explicit(&level_now, memory_order_relaxed);
}

bool log_level_parse(const char *text, enum log_level *ret_level)
{
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* Returns whether the character would move a terminal's cursor or end the line: C0, DEL, and C1 in
 * UTF-8. */
static bool is_control(const unsigned char *s)
{
    return s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f);
}

/* Returns how many bytes the character at s has, in a text that ends with a NUL; 0 if it is not
 * UTF-8 (nor are overlong forms, surrogates and code points above U+10FFFF). */
static size_t character_bytes(const unsigned char *s)
{
    static const struct {
        unsigned char from, to, second_from, second_to, bytes;
    } forms[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    size_t i = 0, n = 1;
    while (i < sizeof forms / sizeof *forms && s[0] > forms[i].to)
        i++;
    if (i == sizeof forms / sizeof *forms || s[0] < forms[i].from)
        return 0;
    if (forms[i].bytes > 1 && (s[1] < forms[i].second_from || s[1] > forms[i].second_to))
        return 0;
    for (n = 2; n < forms[i].bytes; n++) {
        if ((s[n] & 0xc0) != 0x80)
            return 0;
    }
    return forms[i].bytes;
}

/* Writes the escape of a byte, at most ESCAPE_BYTES_MAX bytes with snprintf's NUL; returns its
 * length. */
static size_t escape_put(char *to, unsigned char byte)
{
    switch (byte) {
    case '\n': memcpy(to, "\\n", 2); return 2;
    case '\r': memcpy(to, "\\r", 2); return 2;
    case '\t': memcpy(to, "\\t", 2); return 2;
    default: return (size_t)snprintf(to, ESCAPE_BYTES_MAX, "\\x%02x", byte);
    }
}

/* Copies the text to line[at], escaped and cut; returns where it ends. */
static size_t line_add_text(char *line, size_t at, const char *text)
{
    const size_t end = LOG_LINE_BYTES_MAX - 4; /* "..." and the newline */
    const unsigned char *s = (const unsigned char *)text;
    while (*s) {
        if (at + ESCAPE_BYTES_MAX > end) {
            memcpy(line + at, "...", 3);
            return at + 3;
        }
        size_t n = is_control(s) ? 0 : character_bytes(s);
        if (n == 0)
            at += escape_put(line + at, *s++);
        for (; n > 0; n--)
            line[at++] = (char)*s++;
    }
    return at;
}

static size_t line_add_head(char *line, enum log_level level)
{
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    size_t n = strftime(line, 32, "%Y-%m-%d %H:%M:%S", &tm);
    return n + (size_t)snprintf(line + n, 32, ".%03d [%s] ", (int)(now.tv_nsec / 1000000),
                                level_names[level]);
}

size_t log_compose(char *line, enum log_level level, const char *text)
{
    size_t n = line_add_head(line, level);
    n = line_add_text(line, n, text);
    lv_assert(n < LOG_LINE_BYTES_MAX);
    line[n++] = '\n';
    return n;
}

bool log_wait_writable(int timeout_ms)
{
    struct pollfd standard_error = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&standard_error, 1, timeout_ms) == 1;
}

/* Writes to standard error, which may be non-blocking: another process that shares it may have made
 * it so. */
static void stderr_write(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t written = write(STDERR_FILENO, p, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && errno == EAGAIN && log_wait_writable(LOG_STOP_MS))
            continue;
        if (written <= 0)
            return; /* there is nowhere left to report it */
        p += written;
        n -= (size_t)written;
    }
}

static void line_log(enum log_level level, uint64_t kind, const char *format, va_list args)
{
    lv_assert(level < LOG_NONE);
    if (level < log_get_level())
        return;
    int errno_before = errno;
    char text[LOG_LINE_BYTES_MAX];
    vsnprintf(text, sizeof text, format, args);
    if (!log_ring_is_running() || log_repeats_admit(level, format, kind, text)) {
        char line[LOG_LINE_BYTES_MAX];
        size_t n = log_compose(line, level, text);
        if (!log_ring_put(line, n))
            stderr_write(line, n);
    }
    errno = errno_before;
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    line_log(level, 0, format, args);
    va_end(args);
}

void log_line_of(enum log_level level, uint64_t kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    line_log(level, kind, format, args);
    va_end(args);
}

_Noreturn void log_panic(const char *format, ...)
{
    char text[1024] = "leveret: ";
    size_t n = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + n, sizeof text - n - 1, format, args);
    va_end(args);
    n = strlen(text);
    text[n++] = '\n';
    log_ring_wait_until_empty(LOG_STOP_MS / 2);
    if (log_wait_writable(LOG_STOP_MS / 2))
        stderr_write(text, n);
    abort();
}
