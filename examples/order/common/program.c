#include "program.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { LOG_LINE_BYTES_MAX = 1024 };

static const char *program_name = "?";
static int end_fd = -1; /* an eventfd: the signal handler adds to it, nobody takes from it */

void program_end(void)
{
    uint64_t one = 1;
    ssize_t written = write(end_fd, &one, sizeof(one));
    (void)written; /* a full counter is as readable as one more would make it */
}

static void end_on_signal(int signal_number)
{
    (void)signal_number;
    int before = errno;
    program_end();
    errno = before;
}

void program_start(const char *name)
{
    program_name = name;
    end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (end_fd < 0) {
        perror("eventfd");
        exit(1);
    }
    struct sigaction end = {.sa_handler = end_on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &end, NULL);
    sigaction(SIGTERM, &end, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

void program_log(const char *format, ...)
{
    char text[LOG_LINE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);

    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    fprintf(stderr, "%02d:%02d:%02d.%03d %s: %s\n", local.tm_hour, local.tm_min, local.tm_sec,
            (int)(now.tv_nsec / 1000000), program_name, text);
}

bool program_is_ending(void)
{
    return program_sleep(0);
}

int program_end_fd(void)
{
    return end_fd;
}

bool program_sleep(int64_t duration_ms)
{
    int64_t end_us = clock_steady_us() + duration_ms * 1000;
    for (;;) {
        int64_t left_ms = duration_ms < 0 ? -1 : (end_us - clock_steady_us() + 999) / 1000;
        if (duration_ms >= 0 && left_ms < 0)
            left_ms = 0;
        struct pollfd end = {.fd = end_fd, .events = POLLIN};
        int ready = poll(&end, 1, (int)left_ms);
        if (ready > 0)
            return true;
        if (ready == 0)
            return false;
        /* A signal came in between: look again. */
    }
}

int64_t clock_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_steady_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

bool backoff_wait(struct backoff *backoff)
{
    backoff->wait_ms = backoff->wait_ms == 0 ? BACKOFF_MS_MIN : backoff->wait_ms * 2;
    if (backoff->wait_ms > BACKOFF_MS_MAX)
        backoff->wait_ms = BACKOFF_MS_MAX;
    return program_sleep(backoff->wait_ms);
}

void backoff_reset(struct backoff *backoff)
{
    backoff->wait_ms = 0;
}
